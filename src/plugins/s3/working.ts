import { randomUUID } from "node:crypto";
import { Failure, type Identity, identity, isTable, life, probe } from "images";
import type { Condition } from "./object.ts";
import type { BucketObjects } from "./objects.ts";

export const WORKING = "wrote/working.json";
/** Milliseconds without a word after which a writer of another host counts as gone, and between two words. */
const GONE = 5 * 60_000;
const RENEW = 60_000;
const TRIES = 200;

interface Writer extends Identity {
  readonly token: string;
  /** When it was last heard of, by the clock of the server. */
  readonly at: number;
}

interface Document {
  readonly version: 1;
  /** Says which write this is: one that arrived though its answer did not is known by it. */
  readonly write: string;
  /** The server that was seen to honour conditions. */
  readonly proven?: string;
  /** The writer that deletes bytes just now: no other one begins. */
  readonly sweeping?: string;
  readonly writers: readonly Writer[];
}

interface Found {
  readonly document: Document;
  readonly etag: string | undefined;
  readonly now: number;
}

const NOBODY: Document = { version: 1, write: "", writers: [] };

/** Who works in the store, on whatever host. One small object, which is only changed by a conditional write. */
export class BucketWorking {
  readonly #objects: BucketObjects;
  readonly #me: Omit<Writer, "at">;
  #timer: NodeJS.Timeout | undefined;
  #renewed = 0;
  #isLost = false;

  constructor(objects: BucketObjects) {
    this.#objects = objects;
    const { user: _, ...process } = identity();
    this.#me = { token: randomUUID(), ...process };
  }

  get token(): string {
    return this.#me.token;
  }

  /**
   * From here on, and until `settle`, the indexes may not be what the records say. Waits while another writer deletes bytes.
   * @throws Failure backend.refused: the server ignores the conditions of writes; nothing is left there
   */
  async begin(signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const joined = await this.#change((document, now) =>
        isSwept(document, now, this.token)
          ? undefined
          : { ...document, writers: [...others(document, this.token), this.#self(now)] },
      );
      if (joined !== undefined) {
        await this.#prove(joined.document, joined.isNew);
        break;
      }
      await Bun.sleep(100 + Math.random() * 400);
    }
    this.#timer = setInterval(() => void this.#renew().catch(() => undefined), RENEW);
    this.#timer.unref();
  }

  /** @throws Failure backend.conflict when others took this run for dead, so that bytes of it may be gone */
  async hold(): Promise<void> {
    if (performance.now() - this.#renewed > GONE / 2) await this.#renew();
    if (this.#isLost)
      throw new Failure(
        "backend.conflict",
        `another run took this one for dead: it was not heard of for ${GONE / 60_000} min`,
        {
          hint: "apply again: what is in the store already is not sent twice",
        },
      );
  }

  /** Writers that are no more, and have not settled what they did. */
  async dead(): Promise<readonly string[]> {
    const { document, now } = await this.#read();
    return others(document, this.token)
      .filter((one) => isDead(one, now))
      .map(({ token }) => token);
  }

  async living(): Promise<ReadonlySet<string>> {
    const { document, now } = await this.#read();
    return new Set(document.writers.filter((one) => !isDead(one, now)).map(({ token }) => token));
  }

  /** Whether this is the only writer that is at work; if so, none begins before `settle`. */
  async alone(): Promise<boolean> {
    const taken = await this.#change((document, now) =>
      isSwept(document, now, this.token) || others(document, this.token).some((one) => !isDead(one, now))
        ? undefined
        : { ...document, sweeping: this.token, writers: [...others(document, this.token), this.#self(now)] },
    );
    return taken !== undefined;
  }

  /** Says nothing of this run any more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** `dead`: those whose work was made up for. */
  async settle(dead: readonly string[]): Promise<void> {
    const gone = new Set([...dead, this.token]);
    await this.#change(({ sweeping, ...document }) => ({
      ...document,
      ...(sweeping === undefined || gone.has(sweeping) ? {} : { sweeping }),
      writers: document.writers.filter(({ token }) => !gone.has(token)),
    }));
  }

  async #renew(): Promise<void> {
    const found = await this.#change((document, now) =>
      document.writers.some(({ token }) => token === this.token)
        ? { ...document, writers: [...others(document, this.token), this.#self(now)] }
        : undefined,
    );
    if (found === undefined) this.#isLost = true;
  }

  #self(now: number): Writer {
    this.#renewed = performance.now();
    return { ...this.#me, at: now };
  }

  /** Undefined: `edit` wants no change. */
  async #change(edit: (document: Document, now: number) => Document | undefined) {
    for (let turn = 0; turn < TRIES; turn++) {
      const { document, etag, now } = await this.#read();
      const next = edit(document, now);
      if (next === undefined) return undefined;
      const written = { ...next, write: randomUUID() };
      const isDone = (await this.#put(written, etag === undefined ? "absent" : { match: etag })) !== undefined;
      // The answer of a write that arrived may have been lost, and its second try finds the condition unmet.
      if (isDone || (await this.#read()).document.write === written.write)
        return { document: written, isNew: etag === undefined };
      await Bun.sleep(Math.random() * 50 * Math.min(turn + 1, 10));
    }
    throw new Failure("backend.busy", `${this.#objects.where(WORKING)} is changed by too many runs at once`, {
      hint: "apply again",
    });
  }

  async #put(document: Document, when: Condition): Promise<string | undefined> {
    return await this.#objects.put(WORKING, `${JSON.stringify(document)}\n`, { when, type: "application/json" });
  }

  /** Both writes are to fail; where they do not, they write what exists. */
  async #prove(document: Document, isNew: boolean): Promise<void> {
    const { endpoint } = this.#objects;
    if (document.proven === endpoint) return;
    const ignored =
      (await this.#put(document, "absent")) ??
      (await this.#put(document, { match: '"00000000000000000000000000000000"' }));
    if (ignored === undefined) return void (await this.#change((found) => ({ ...found, proven: endpoint })));
    if (isNew) await this.#objects.delete(WORKING);
    throw new Failure(
      "backend.refused",
      `the object store ${new URL(endpoint).origin} ignores the conditions of writes`,
      {
        hint: "two runs could overwrite each other's indexes: use a server with If-Match and If-None-Match (AWS, Ceph, MinIO, versitygw)",
      },
    );
  }

  async #read(): Promise<Found> {
    const found = await this.#objects.get(WORKING);
    if (found === undefined) return { document: NOBODY, etag: undefined, now: this.#objects.now };
    const document = documentOf(found.text);
    if (document !== undefined) return { document, etag: found.etag, now: found.now };
    throw new Failure("backend.answer", `${this.#objects.where(WORKING)} is damaged, or of a newer version`, {
      hint: "use a newer version of images; if no run is going on, delete that object",
    });
  }
}

const others = ({ writers }: Document, token: string): readonly Writer[] =>
  writers.filter((one) => one.token !== token);

const isSwept = (document: Document, now: number, token: string): boolean =>
  others(document, token).some((one) => one.token === document.sweeping && !isDead(one, now));

function isDead(writer: Writer, now: number): boolean {
  const lives = life(writer, identity(), probe);
  return lives === "dead" || (lives === "elsewhere" && now - writer.at > GONE);
}

function documentOf(text: string): Document | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isDocument(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDocument(value: unknown): value is Document {
  if (!isTable(value) || value["version"] !== 1 || typeof value["write"] !== "string") return false;
  const writers: unknown = value["writers"];
  return Array.isArray(writers) && writers.every(isWriter);
}

function isWriter(value: unknown): value is Writer {
  if (typeof value !== "object" || value === null) return false;
  const said = new Map<string, unknown>(Object.entries(value));
  return (
    typeof said.get("token") === "string" &&
    typeof said.get("host") === "string" &&
    Number.isSafeInteger(said.get("pid")) &&
    typeof said.get("at") === "number"
  );
}
