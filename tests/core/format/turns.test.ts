import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { memoryToUnpack } from "../../../src/core/format/memory.ts";
import { MemoryBudget } from "../../../src/core/format/memory-budget.ts";
import { memoryForCheck } from "../../../src/core/format/memory-cost.ts";
import { MemoryPressure } from "../../../src/core/format/memory-pressure.ts";
import { FlowOfBytes } from "../../../src/core/format/ring.ts";
import { has, run } from "./tools.ts";

setDefaultTimeout(300_000);

/** Whether it has resolved by now. */
async function isDone(work: Promise<unknown>): Promise<boolean> {
  const open = Symbol("open");
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  return (await Promise.race([work, Promise.resolve(open)])) !== open;
}

test("as much goes on at once as there is room for, in the order in which it came", async () => {
  const turns = new MemoryBudget(10);
  const one = await turns.take(6);
  const two = turns.take(6);
  const three = turns.take(1);
  expect(await isDone(two)).toBe(false);
  // Small ones do not pass a large one by, or it would wait for ever.
  expect(await isDone(three)).toBe(false);
  one();
  one();
  (await two)();
  (await three)();
  const large = await turns.take(1000);
  const next = turns.take(1);
  expect(await isDone(next)).toBe(false);
  large();
  (await next)();
});

test("who gives up leaves the queue, and whoever may not wait goes on at once", async () => {
  const turns = new MemoryBudget(10);
  const one = await turns.take(10);
  const stop = new AbortController();
  const two = turns.take(10, stop.signal);
  const three = turns.take(1);
  stop.abort(new Error("interrupted"));
  await expect(two).rejects.toThrow("interrupted");
  const forced = turns.force(5);
  one();
  expect(await isDone(three)).toBe(true);
  forced();
  (await three)();
  await expect(turns.take(1, stop.signal)).rejects.toThrow("interrupted");
  (await turns.take(10))();
});

test("who holds a dictionary as xz -9 has it brings pressure until its end: buffers are the smallest meanwhile", async () => {
  const MiB = 1 << 20;
  const turns = new MemoryBudget();
  const usual = FlowOfBytes.size;
  for (const begin of [() => turns.take(73 * MiB), async () => turns.force(73 * MiB)]) {
    const end = await begin();
    expect([MemoryPressure.isOn, FlowOfBytes.size]).toEqual([true, 64 << 10]);
    end();
    end();
    expect([MemoryPressure.isOn, FlowOfBytes.size]).toEqual([false, usual]);
  }
  const small = await turns.take(17 * MiB);
  expect(MemoryPressure.isOn).toBe(false);
  small();
});

test("under pressure the code in memory is looked at again and again, also while no piece is counted", async () => {
  const looked = Promise.withResolvers<void>();
  const asked = spyOn(process.memoryUsage, "rss").mockImplementation(() => {
    if (asked.mock.calls.length === 3) looked.resolve();
    return 0;
  });
  try {
    using _ = MemoryPressure.of(65 << 20);
    await looked.promise;
  } finally {
    asked.mockRestore();
  }
});

test("what unpacking holds is told by the head of the data", () => {
  const MiB = 1 << 20;
  const some = new Uint8Array(4_500_000).map((_, at) => at % 251);
  expect(memoryToUnpack("gz", gzipSync(some))).toBeLessThan(4 * MiB);
  // Half of the room of a run is 8 MiB: two threads at once hold too much beside all else.
  for (const [tool, least, most, ...words] of [
    ["xz", 64, 80, "xz", "-0", "-c", "--lzma2=preset=0,dict=64MiB"],
    ["xz", 8, 20, "xz", "-c", "--lzma2=preset=0,dict=8MiB"],
    ["xz", 9, 11, "xz", "-c", "--x86", "--lzma2=preset=0,dict=1MiB"],
    ["lzma", 9, 20, "lzma", "-4", "-c"],
    ["bz2", 12, 20, "bzip2", "-9", "-c"],
    ["lz4", 8, 16, "lz4", "-c", "-B7"],
    ["lz4", 8, 16, "lz4", "-c", "-B4"],
    ["zst", 3, 16, "zstd", "-c", "-7"],
  ] as const) {
    const [program = ""] = words;
    if (!has(program)) continue;
    const packed = run(words, some);
    const packing = tool;
    const told = memoryToUnpack(packing, packed) / MiB;
    expect([words, told >= least && told <= most, told]).toEqual([words, true, told]);
  }
});

test("a small image that stays packed waits where its unpacking needs a thread: a few bytes of xz may become many", () => {
  const MiB = 1 << 20;
  const cost = (memory: number, size: number) =>
    memoryForCheck({ layers: [], format: "raw", memory: memory * MiB }, size) / MiB;
  expect(cost(17, 10_000)).toBeGreaterThanOrEqual(8);
  expect(cost(3, 10_000)).toBeLessThan(0.5);
  expect([cost(17, 100 * MiB), cost(3, 100 * MiB)]).toEqual([21, 7]);
});
