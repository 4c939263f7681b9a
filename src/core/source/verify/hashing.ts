import { availableParallelism } from "node:os";
import { HashWorker } from "../../format/hash-worker.ts";
import { type Algorithm, type Digests, digest } from "../../model/digest.ts";

/** Digests that backends and sums files use, and the one that minisign signs. */
export type HashName = Algorithm | "blake2b512";
export type Hashes = ReadonlyMap<HashName, string>;

/** Fewer bytes than this are hashed faster than a worker starts. */
const WORTH_A_WORKER = 64 * 2 ** 20;

/** One digest as it is made, here or on a thread of its own. */
interface Lane {
  /** Resolves when there is room for more. The bytes are not changed afterwards by the caller. */
  update(bytes: Uint8Array): Promise<void> | undefined;
  end(): Promise<string>;
  /** The digest of what came until now. */
  soFar(): Promise<string>;
  stop(): void;
}

/** How digests are to be made. */
export interface HashingOptions {
  /** The number of bytes to come, where it is known; asked for with the first of them. */
  readonly size?: number | (() => number | undefined) | undefined;
  /** Others hash the same bytes on this thread: where many bytes are known to come, it is left to them. */
  readonly isBeside?: boolean;
}

/**
 * Several digests of the same bytes at once. The first of several is made on this thread; where there are more cores, and bytes enough,
 * each further one gets a worker, and so does a single one. Dispose of it when it is not ended.
 */
export class Hashers implements Disposable {
  readonly #names: readonly HashName[];
  readonly #options: HashingOptions;
  #lanes: ReadonlyMap<HashName, Lane> | undefined;

  constructor(names: Iterable<HashName>, options: HashingOptions = {}) {
    // sha256 is the fastest of them: it stays here.
    this.#names = [...new Set(names)].sort((a, b) => Number(b === "sha256") - Number(a === "sha256"));
    this.#options = options;
  }

  /** Resolves when there is room for more; undefined: there is. */
  update(bytes: Uint8Array): Promise<void> | undefined {
    const lanes = this.#begun();
    const only = lanes.size === 1 ? lanes.get(this.#names[0] ?? "sha256") : undefined;
    return only === undefined ? updated(lanes.values(), bytes) : only.update(bytes);
  }

  /** The digests of all that was given, in hex. */
  async end(): Promise<Hashes> {
    const made = new Map<HashName, string>();
    // Those on threads end side by side.
    const ends = [...this.#begun()].map(([name, lane]) => ({ name, hex: lane.end() }));
    if (ends.length > 1) await Promise.all(ends.map(({ hex }) => hex));
    for (const { name, hex } of ends) made.set(name, await hex);
    return made;
  }

  /** The sha256 of what came until now; undefined when it is not among them. */
  async soFar(): Promise<string | undefined> {
    return await this.#begun().get("sha256")?.soFar();
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes?.values() ?? []) lane.stop();
  }

  #begun(): ReadonlyMap<HashName, Lane> {
    if (this.#lanes !== undefined) return this.#lanes;
    const { size: known, isBeside = false } = this.#options;
    const size = typeof known === "function" ? known() : known;
    const alone = availableParallelism() < 2 || (size !== undefined && size < WORTH_A_WORKER);
    const isFirstHere = size === undefined || (!isBeside && this.#names.length > 1);
    const stays = (name: HashName, i: number): name is "blake2b512" =>
      (i === 0 && isFirstHere) || alone || name === "blake2b512";
    this.#lanes = new Map(this.#names.map((name, i) => [name, stays(name, i) ? here(name) : elsewhere(name)]));
    return this.#lanes;
  }
}

async function updated(lanes: Iterable<Lane>, bytes: Uint8Array): Promise<void> {
  for (const lane of lanes) await lane.update(bytes);
}

/** Those that are digests of the model, in its own form. */
export function digestsOf(hashes: Hashes): Digests {
  const entries = [...hashes].flatMap(([name, hex]) =>
    name === "blake2b512" ? [] : [[name, digest(name, hex)] as const],
  );
  return Object.fromEntries(entries);
}

function here(name: HashName): Lane {
  const hasher = new Bun.CryptoHasher(name);
  return {
    update(bytes) {
      hasher.update(bytes);
      return undefined;
    },
    end: async () => hasher.digest("hex"),
    soFar: async () => hasher.copy().digest("hex"),
    stop() {},
  };
}

function elsewhere(name: Algorithm): Lane {
  const worker = new HashWorker(name);
  return {
    update: (bytes) => worker.update(bytes),
    async end() {
      using ended = worker;
      return await ended.digest();
    },
    soFar: () => worker.soFar(),
    stop: () => worker[Symbol.dispose](),
  };
}
