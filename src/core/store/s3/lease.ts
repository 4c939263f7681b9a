import { Failure } from "../../failure.ts";
import type { Holder } from "../../model/state.ts";
import type { Journal, StateLock } from "../storage.ts";
import { versionId } from "../versions.ts";
import type { S3Capabilities } from "./capabilities.ts";
import { lockKey, type OpenJournal, readControl, type S3Control, showControl } from "./control.ts";
import { partKey, partsOf, prune, readJournal, versionKey } from "./history.ts";
import type { Objects } from "./objects.ts";

export interface Timing {
  /** Milliseconds between two renewals of the lease. */
  readonly renew: number;
  /** Bytes of a journal that are written again with each of its lines; more become an object of their own. */
  readonly tail: number;
  /** Seconds without a write after which the holder counts as gone, */
  readonly lease: number;
  /** and on top of that: the clocks of a store's servers, and a request on its way. */
  readonly margin: number;
}
export const usual: Timing = { renew: 20_000, tail: 32 * 1024, lease: 60, margin: 10 };

/** The lock of one run, and its right to write. */
export class S3Lease implements StateLock, Journal {
  readonly #objects: Objects;
  readonly #me: Holder;
  readonly #timing: Timing;
  /** A lease outlives the signal of its run: what was done must be written down. */
  readonly #signal = new AbortController().signal;
  #control: S3Control;
  #etag: string;
  /** Lines that are not durable yet: they go along with the next ones that are to be. */
  #waiting: { readonly run: string; readonly text: string } | undefined;
  #writes = 1;
  #queue: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isLost = false;
  #isOver = false;
  /** Whether there may be more of something than is kept. */
  #isChanged = false;

  constructor(objects: Objects, me: Holder, { control, etag }: S3Capabilities, timing: Timing) {
    this.#objects = objects;
    this.#me = me;
    this.#control = control;
    this.#etag = etag;
    this.#timing = timing;
    this.#rest();
  }

  get journal(): Journal {
    return this;
  }

  async write(text: string, expected: string | undefined): Promise<string> {
    return await this.#inTurn(async () => {
      await this.#set(this.#control);
      const { key } = this.#objects.place;
      const conflict = (): Failure =>
        new Failure("state.conflict", `${this.#where} was changed by another program while it was locked`, {
          hint: "the changes of this run are in its journal; the next command adds them to the state",
        });
      if (expected !== undefined) {
        const id = versionId(new Date(), expected);
        const isCopied = await this.#objects.copy(key, expected, versionKey(this.#objects, id), this.#signal);
        if (!isCopied) throw conflict();
        this.#isChanged = true;
      }
      const condition = expected === undefined ? "absent" : { match: expected };
      const tag = await this.#objects.put(key, text, condition, this.#signal);
      if (tag !== undefined) return tag;
      // It may have arrived all the same.
      const there = await this.#objects.get(key, this.#signal);
      if (there?.text === text) return there.etag;
      throw conflict();
    });
  }

  async append(run: string, text: string, durable: boolean): Promise<void> {
    await this.#inTurn(async () => {
      const waiting = this.#waiting?.run === run ? this.#waiting.text + text : text;
      if (!durable && waiting.length < this.#timing.tail) this.#waiting = { run, text: waiting };
      else await this.#flush(run, waiting);
    });
  }

  async #flush(run: string, text: string): Promise<void> {
    const { open } = this.#control;
    const before = open.find((one) => one.run === run) ?? { run, parts: 0, tail: "" };
    let after: OpenJournal = { ...before, tail: before.tail + text };
    if (Buffer.byteLength(after.tail) > this.#timing.tail) after = await this.#sealed(after);
    await this.#set({ ...this.#control, open: [...open.filter((one) => one.run !== run), after] });
    this.#waiting = undefined;
  }

  /** Until KEY.lock counts it, such a part is nothing: the next try writes it again. */
  async #sealed({ run, parts, tail }: OpenJournal): Promise<OpenJournal> {
    await this.#objects.put(partKey(this.#objects, run, parts + 1), tail, "any", this.#signal);
    return { run, parts: parts + 1, tail: "" };
  }

  async finish(run: string, bytes?: number): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#waiting?.run === run) await this.#flush(run, this.#waiting.text);
      const entry = this.#control.open.find((one) => one.run === run);
      if (entry === undefined) return;
      this.#isChanged = true;
      if (bytes !== undefined) await this.#cut(entry, bytes);
      else if (entry.tail !== "") await this.#sealed(entry);
      const open = this.#control.open.filter((one) => one.run !== run);
      await this.#set({ ...this.#control, open });
    });
  }

  /** A journal of that length, in one part. */
  async #cut(entry: OpenJournal, bytes: number): Promise<void> {
    const whole = Buffer.from(await readJournal(this.#objects, entry, this.#signal));
    if (bytes === whole.length && entry.parts > 0) {
      if (entry.tail !== "") await this.#sealed(entry);
      return;
    }
    if (bytes > 0) {
      const kept = whole.toString("utf8", 0, bytes);
      await this.#objects.put(partKey(this.#objects, entry.run, 1), kept, "any", this.#signal);
    }
    const parts = (await partsOf(this.#objects, this.#signal, entry.run)).get(entry.run) ?? [];
    for (const { key } of parts.slice(bytes > 0 ? 1 : 0).toReversed()) await this.#objects.delete(key, this.#signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#queue.catch(() => undefined);
    if (this.#isLost) return;
    const { holder: _, ...free } = this.#control;
    try {
      if (this.#waiting !== undefined) await this.#flush(this.#waiting.run, this.#waiting.text);
      await this.#tidy();
      await this.#set(free);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "state.lost") throw error;
    }
  }

  /** Nothing depends on it, and the right to do it may not be there. */
  async #tidy(): Promise<void> {
    if (!this.#isChanged) return;
    await prune(this.#objects, this.#control.open, this.#signal).catch(() => undefined);
  }

  /** One after another: each write stands on the one before. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      if (this.#isLost) throw this.#lost(undefined);
      return await work();
    });
    this.#queue = turn.catch(() => undefined);
    return await turn;
  }

  /**
   * Replaces KEY.lock: the one write that shows that the lock is held.
   * @throws Failure state.lost when it is not
   */
  async #set(wanted: S3Control): Promise<void> {
    const next = { ...wanted, write: `${this.#me.id}/${++this.#writes}` };
    for (;;) {
      const condition = { match: this.#etag };
      const got = await this.#objects.put(lockKey(this.#objects.place), showControl(next), condition, this.#signal);
      if (got !== undefined) {
        this.#control = next;
        this.#etag = got;
        return;
      }
      const { control, etag } = await readControl(this.#objects, this.#signal);
      const isArrived = control.write === next.write;
      if (!isArrived && (etag === undefined || control.holder?.id !== this.#me.id)) {
        this.#isLost = true;
        throw this.#lost(control.holder);
      }
      // Ours: this one, or an earlier one that was given up and has arrived after all.
      this.#etag = etag ?? "";
      if (!isArrived) continue;
      this.#control = next;
      return;
    }
  }

  #rest(): void {
    this.#timer = setTimeout(() => {
      void this.#inTurn(async () => await this.#set(this.#control))
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isOver && !this.#isLost) this.#rest();
        });
    }, this.#timing.renew);
    this.#timer.unref();
  }

  get #where(): string {
    return `s3://${this.#objects.place.bucket}/${this.#objects.place.key}`;
  }

  #lost(by: Holder | undefined): Failure {
    return new Failure(
      "state.lost",
      `the lock of ${this.#where} was taken from this run${by === undefined ? "" : ` by ${by.user}@${by.host}`}`,
      { hint: "the recorded state is kept; run the same command again when the other run has ended" },
    );
  }
}
