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
  /** Resolves when there is room for more. The bytes are not changed afterwards by whoever gave them. */
  update(bytes: Uint8Array): Promise<void> | undefined;
  end(): Promise<string>;
  /** The digest of what came until now, where it is at hand. */
  soFar?(): string;
  stop(): void;
}

/**
 * Several digests of the same bytes at once. The first is made on this thread; where there are more cores, and bytes enough, each
 * further one gets a worker. Dispose of it when it is not ended.
 */
export class Hashers implements Disposable {
  readonly #lanes: ReadonlyMap<HashName, Lane>;

  /** `size`: the number of bytes to come, where it is known. */
  constructor(names: Iterable<HashName>, size?: number) {
    const alone = availableParallelism() < 2 || (size !== undefined && size < WORTH_A_WORKER);
    // sha256 is the fastest of them: it stays here.
    const distinct = [...new Set(names)].sort((a, b) => Number(b === "sha256") - Number(a === "sha256"));
    const stays = (name: HashName, i: number): name is "blake2b512" => i === 0 || alone || name === "blake2b512";
    this.#lanes = new Map(distinct.map((name, i) => [name, stays(name, i) ? here(name) : elsewhere(name)]));
  }

  /** Resolves when there is room for more. */
  async update(bytes: Uint8Array): Promise<void> {
    for (const lane of this.#lanes.values()) await lane.update(bytes);
  }

  /** The digests of all that was given, in hex. */
  async end(): Promise<Hashes> {
    const made = await Promise.all([...this.#lanes].map(async ([name, lane]) => [name, await lane.end()] as const));
    return new Map(made);
  }

  /** The sha256 of what came until now; undefined when it is not among them. */
  soFar(): string | undefined {
    return this.#lanes.get("sha256")?.soFar?.();
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes.values()) lane.stop();
  }
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
    soFar: () => hasher.copy().digest("hex"),
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
    stop: () => worker[Symbol.dispose](),
  };
}
