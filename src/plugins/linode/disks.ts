import { type Context, Failure, poll } from "images";
import type { LinodeClient } from "./client.ts";
import type { LinodeImageAnswer } from "./wire.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A Linode makes one image at a time, and answers "Linode busy." to all else meanwhile: those of one Linode take turns. */
export class Disks {
  readonly #client: LinodeClient;
  /** Seconds between two looks. */
  readonly #interval: number;
  readonly #turns = new Map<number, Promise<unknown>>();

  constructor(client: LinodeClient, interval: number) {
    this.#client = client;
    this.#interval = interval;
  }

  /** Does the work when it is this disk's turn and the disk is ready; `begin` asks for its image as soon as the Linode takes it. */
  async take<T>(
    linode: number,
    disk: number,
    context: Pick<Context, "signal" | "note">,
    work: (begin: (fields: Fields) => Promise<LinodeImageAnswer>) => Promise<T>,
  ): Promise<T> {
    const { signal } = context;
    const before = this.#turns.get(linode) ?? Promise.resolve();
    const turn = Promise.race([before, aborted(signal)]).then(async () => {
      signal.throwIfAborted();
      await this.#ready(linode, disk, signal);
      return await work((fields) => this.#begin(fields, context));
    });
    // Who leaves the queue early does not let the next one in before its turn.
    this.#turns.set(linode, Promise.allSettled([before, turn]));
    return await turn;
  }

  /** By the list: a disk that was just made is in it before it can be asked for by its id (linodego waits so too). */
  async #ready(linode: number, disk: number, signal: AbortSignal): Promise<void> {
    await poll(
      async () => {
        const found = (await this.#client.disks(linode, signal)).find(({ id }) => id === disk);
        if (found === undefined || found.status === "deleting")
          throw new Failure("backend.missing", `Linode ${linode} has no disk ${disk}`, {
            hint: "check disk_id and linode_id",
          });
        return found.status === "ready" ? true : undefined;
      },
      { signal, interval: this.#interval, max: this.#interval * 4 },
    );
  }

  /** Nothing but this very request tells whether a Linode is busy, so it is what the waiting asks with. */
  async #begin(fields: Fields, { signal, note }: Pick<Context, "signal" | "note">): Promise<LinodeImageAnswer> {
    return await poll(
      async (attempt) => {
        try {
          return await this.#client.imagize(fields, signal);
        } catch (thrown) {
          if (!(thrown instanceof Failure && thrown.code === "backend.busy" && thrown.request?.status === 400))
            throw thrown;
          if (attempt === 1) note("the Linode is busy: waiting to create the image");
          return undefined;
        }
      },
      { signal, interval: this.#interval, max: this.#interval * 4 },
    );
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
