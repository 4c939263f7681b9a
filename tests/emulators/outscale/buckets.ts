import { afterAll, beforeAll } from "bun:test";
import { type RunningStore, startObjectStore } from "./bucket.ts";
import type { StoreKey } from "./store.ts";

/** A bucket of a test's own. */
export interface OneBucket {
  readonly store: RunningStore;
  readonly name: string;
  /** The keys of its objects, and the ids of its unfinished uploads. */
  left(): Promise<readonly string[]>;
}

/** Milliseconds for the process to start on a busy machine. */
const PATIENCE = 120_000;

/**
 * One object store for all tests of a file, as its process is slow to start, and a bucket for each of them. To be called while the file is
 * loaded.
 */
export function sharedStore(key: StoreKey, count = 40): () => OneBucket {
  const free = Array.from({ length: count }, (_, i) => `images-${i}`);
  let running: RunningStore | undefined;
  beforeAll(async () => {
    running = await startObjectStore({ keys: [key], buckets: [...free] });
  }, PATIENCE);
  afterAll(async () => {
    await running?.[Symbol.asyncDispose]();
  });
  return () => {
    const name = free.shift();
    const store = running;
    if (store === undefined || name === undefined) throw new Error("there is no bucket left, or no store yet");
    const left = async () => [...(await store.objects(name)), ...(await store.unfinished(name))];
    return { store, name, left };
  };
}
