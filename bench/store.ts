// What a change of the state costs, with one row in it and with 10,000: one at a time, and many at once. The two take turns, so that
// whatever else the disk does meets both. Run: bun bench/store.ts [directory]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { address, backendName, imageId, imageName } from "../src/core/model/name.ts";
import type { Recorded } from "../src/core/model/state.ts";
import { fileStorage } from "../src/core/store/file.ts";
import { openStore } from "../src/core/store/state.ts";

const SIZES = [1, 10_000];
const ROUNDS = 30;
const PUTS = 20;
const signal = new AbortController().signal;
const at = (i: number) => address(backendName("lab"), imageName(`image-${i}`));
const row = (id: number): Recorded => {
  const want = { name: `image-${id}`, tags: ["a", "b"], properties: { os: "linux", release: "12" } };
  const common = { backend: backendName("lab"), plugin: "local", protect: false, onRemove: "delete" } as const;
  return { ...common, status: "ready", want, have: { ...want, size: 1_000_000 }, id: imageId(`id-${id}`) };
};

const milliseconds = async (work: () => PromiseLike<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const base = await mkdtemp(join(process.argv[2] ?? tmpdir(), "images-bench-"));
try {
  const open = (rows: number, write: boolean) =>
    openStore({ storage: fileStorage(join(base, `${rows}.json`)), operation: "bench", write, signal });
  const all = await Promise.all(
    SIZES.map(async (rows) => {
      {
        await using store = await open(rows, true);
        await store.putAll(new Map(Array.from({ length: rows }, (_, i) => [at(i), row(i)])));
      }
      const [alone, together]: [number[], number[]] = [[], []];
      return { rows, store: await open(rows, true), alone, together };
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const { store, alone, together } of all) {
      alone.push(
        await milliseconds(async () => {
          for (let i = 0; i < PUTS; i++) await store.put(at(0), row(round + i));
        }),
      );
      together.push(
        await milliseconds(() => Promise.all(Array.from({ length: PUTS * 10 }, (_, i) => store.put(at(0), row(i))))),
      );
    }
  }
  for (const { rows, store, alone, together } of all) {
    const opening: number[] = [];
    for (let i = 0; i < 5; i++) opening.push(await milliseconds(() => open(rows, false)));
    const closing = await milliseconds(() => store[Symbol.asyncDispose]());
    const figures = [
      `${((PUTS / median(alone)) * 1000).toFixed(0)} puts/s one after another`,
      `${(((PUTS * 10) / median(together)) * 1000).toFixed(0)} puts/s ${PUTS * 10} at once`,
      `open to read ${Math.min(...opening).toFixed(1)} ms at best`,
      `close ${closing.toFixed(1)} ms`,
    ];
    process.stdout.write(`${String(rows).padStart(6)} rows: ${figures.join(", ")}\n`);
  }
} finally {
  await rm(base, { recursive: true, force: true });
}
