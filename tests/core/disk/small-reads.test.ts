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

test("a file system that turned out slow is read asynchronously", async () => {
  let time = 0;
  const made = await ways(new SmallReads(() => time), 30, () => {
    time += 8;
  });
  expect(made.slice(4)).toEqual(Array<string>(26).fill("later"));
});
