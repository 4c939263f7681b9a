// What a change of the state costs: with one row and with 10,000, one at a time and many at once; and what opening costs.
// Run: bun bench/store.ts [folder]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { address, backendName, imageId, imageName } from "../src/core/model/name.ts";
import type { Recorded } from "../src/core/model/state.ts";
import { fileStorage } from "../src/core/store/file.ts";
import { openStore } from "../src/core/store/state.ts";

const ROWS = 10_000;
const PUTS = 300;
const signal = new AbortController().signal;
const at = (i: number) => address(backendName("lab"), imageName(`image-${i}`));
const row = (id: number): Recorded => ({
  status: "ready",
  backend: backendName("lab"),
  plugin: "local",
  want: { name: `image-${id}`, tags: ["a", "b"], properties: { os: "linux", release: "12" } },
  have: { name: `image-${id}`, tags: ["a", "b"], properties: { os: "linux", release: "12" }, size: 1_000_000 },
  protect: false,
  onRemove: "delete",
  id: imageId(`id-${id}`),
});

const base = await mkdtemp(join(process.argv[2] ?? tmpdir(), "images-bench-"));
const say = (what: string, value: string) => process.stdout.write(`${what.padEnd(48)}${value.padStart(14)}\n`);
const seconds = async (work: () => Promise<void>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const open = (path: string, write: boolean) =>
  openStore({ storage: fileStorage(path), operation: "bench", write, signal });

try {
  for (const rows of [1, ROWS]) {
    const path = join(base, `${rows}.json`);
    {
      await using store = await open(path, true);
      await store.putAll(new Map(Array.from({ length: rows }, (_, i) => [at(i), row(i)])));
    }
    const reading = await seconds(async () => (await open(path, false))[Symbol.asyncDispose]());
    say(`${rows} rows: open to read`, `${(reading * 1000).toFixed(1)} ms`);
    const store = await open(path, true);
    const alone = await seconds(async () => {
      for (let i = 0; i < PUTS; i++) await store.put(at(0), row(i));
    });
    say(`${rows} rows: puts, one after another`, `${(PUTS / alone).toFixed(0)} /s`);
    const together = await seconds(async () => {
      await Promise.all(Array.from({ length: PUTS * 10 }, (_, i) => store.put(at(0), row(i))));
    });
    say(`${rows} rows: puts, ${PUTS * 10} at once`, `${((PUTS * 10) / together).toFixed(0)} /s`);
    const closing = await seconds(async () => store[Symbol.asyncDispose]());
    say(`${rows} rows: close, with the document written`, `${(closing * 1000).toFixed(1)} ms`);
  }
} finally {
  await rm(base, { recursive: true, force: true });
}
