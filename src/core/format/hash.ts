import { ALGORITHMS, type Algorithm, type Digests, digest } from "../model/digest.ts";
import type { ByteStream } from "./bytes.ts";
import { HashWorker } from "./hash-worker.ts";

interface HashOptions {
  /** A thread for each algorithm, so that the bytes flow as fast as the slowest of them. Worth it from two algorithms on. */
  readonly threads?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A stream that is hashed while it flows. */
interface Hashed {
  readonly bytes: ByteStream;
  /** The digests of all that has flowed. To be asked after the end of `bytes`; before it, that is a bug. */
  digests(): Digests;
  /** Bytes that have flowed so far. */
  length(): number;
}

/** Takes all digests in one pass. The bytes go on as they are. */
export function hashed(input: ByteStream, algorithms: Iterable<Algorithm>, options: HashOptions = {}): Hashed {
  const wanted = new Set(algorithms);
  const names = ALGORITHMS.filter((name) => wanted.has(name));
  let done: Digests | undefined;
  let length = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of input) {
      options.signal?.throwIfAborted();
      length += piece.length;
      yield piece;
    }
  };
  const finish = (digests: readonly (readonly [Algorithm, string])[]): void => {
    done = Object.fromEntries(digests.map(([name, hex]) => [name, digest(name, hex)]));
  };
  return {
    bytes: options.threads === true ? onThreads(counted(), names, finish) : here(counted(), names, finish),
    length: () => length,
    digests: () => {
      if (done === undefined) throw new Error("the digests were requested before the end of the bytes");
      return done;
    },
  };
}

type Finish = (digests: readonly (readonly [Algorithm, string])[]) => void;

async function* here(input: ByteStream, names: readonly Algorithm[], finish: Finish): AsyncGenerator<Uint8Array> {
  const hashers = names.map((name) => [name, new Bun.CryptoHasher(name)] as const);
  for await (const piece of input) {
    for (const [, hasher] of hashers) hasher.update(piece);
    yield piece;
  }
  finish(hashers.map(([name, hasher]) => [name, hasher.digest("hex")]));
}

async function* onThreads(input: ByteStream, names: readonly Algorithm[], finish: Finish): AsyncGenerator<Uint8Array> {
  const workers = names.map((name) => [name, new HashWorker(name)] as const);
  try {
    for await (const piece of input) {
      for (const [, worker] of workers) await worker.update(piece);
      yield piece;
    }
    finish(await Promise.all(workers.map(async ([name, worker]) => [name, await worker.digest()] as const)));
  } finally {
    for (const [, worker] of workers) worker[Symbol.dispose]();
  }
}
