import { expect, test } from "bun:test";
import { SmallReads } from "../../../src/core/disk/small-reads.ts";

/** How each of so many reads was made: at once or asynchronously. */
async function ways(reads: SmallReads, count: number, now: () => void = () => undefined): Promise<string[]> {
  const made: string[] = [];
  for (let i = 0; i < count; i++) {
    const way = (kind: string) => () => {
      if (kind === "now") now();
      made.push(kind);
    };
    await reads.read(way("now"), async () => way("later")());
  }
  return made;
}

test("reads of a quick file system are made at once, but for the first and for one in each turn", async () => {
  const made = await ways(new SmallReads(() => 0), 200);
  expect(made[0]).toBe("later");
  expect(made.filter((kind) => kind === "later").length).toBe(1 + Math.floor(200 / 64));
});

test("while the first has not returned, every read is asynchronous: a file system that hangs blocks nothing", async () => {
  const reads = new SmallReads();
  const hung = Promise.withResolvers<string>();
  const first = reads.read(
    () => "now",
    () => hung.promise,
  );
  expect(
    await reads.read(
      () => "now",
      async () => "later",
    ),
  ).toBe("later");
  hung.resolve("first");
  expect(await first).toBe("first");
});

test("many before the first has returned: some are asynchronous, the others wait, and are made at once when one has returned", async () => {
  const reads = new SmallReads(() => 0);
  const waiting: (() => void)[] = [];
  const all = Array.from({ length: 60 }, (_, i) =>
    reads.read(
      () => "now",
      () => new Promise<string>((answer) => waiting.push(() => answer(`later ${i}`))),
    ),
  );
  await Promise.resolve();
  expect(waiting.length).toBe(16);
  waiting.pop()?.();
  expect(await Promise.all(all.slice(15))).toEqual(["later 15", ...Array<string>(44).fill("now")]);
  for (const answer of waiting) answer();
  expect((await Promise.all(all)).filter((way) => way === "now").length).toBe(44);
});

test("a first one that fails has answered as well", async () => {
  const reads = new SmallReads(() => 0);
  const failing = () => Promise.reject(new Error("gone"));
  const all = Array.from({ length: 20 }, () => reads.read(() => "now", failing).catch(() => "failed"));
  expect((await Promise.all(all)).filter((way) => way === "now").length).toBe(4);
});

test("a file system that turned out slow is read asynchronously", async () => {
  let time = 0;
  const made = await ways(new SmallReads(() => time), 30, () => {
    time += 8;
  });
  expect(made.slice(4)).toEqual(Array<string>(26).fill("later"));
});

/** How each of so many reads was made that are asked for together. */
async function waysOfEach(reads: SmallReads, count: number, now: () => void = () => undefined): Promise<string[]> {
  const items = Array.from({ length: count }, (_, i) => i);
  const found = await reads.each(
    items,
    (item) => {
      now();
      return `now ${item}`;
    },
    async (item) => `later ${item}`,
  );
  expect(found.map((text) => Number(text.split(" ")[1]))).toEqual(items);
  return found.map((text) => text.slice(0, text.indexOf(" ")));
}

test("of many that are asked for together, as many are made at once as one by one; none before the first has returned", async () => {
  const reads = new SmallReads(() => 0);
  expect(await waysOfEach(reads, 10)).toEqual(Array<string>(10).fill("later"));
  const made = await waysOfEach(reads, 192);
  expect(made.filter((kind) => kind === "later").length).toBe(3);
});

test("many reads together of a file system that turns out slow go on asynchronously", async () => {
  let time = 0;
  const reads = new SmallReads(() => time);
  await waysOfEach(reads, 1);
  const made = await waysOfEach(reads, 30, () => {
    time += 8;
  });
  expect(made.slice(-20)).toEqual(Array<string>(20).fill("later"));
});

test("one of many that throws is what the whole throws", async () => {
  const reads = new SmallReads();
  await waysOfEach(reads, 1);
  const thrown = () => {
    throw new Error("gone");
  };
  expect(reads.each([1, 2], thrown, async () => 0)).rejects.toThrow("gone");
});
