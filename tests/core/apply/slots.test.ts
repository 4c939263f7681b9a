import { expect, test } from "bun:test";
import { Slots } from "../../../src/core/apply/slots.ts";

/** How many of some works are under way at most, where `sharers` of each may share a place. */
async function most(limit: number, all: readonly number[]): Promise<number> {
  const slots = new Slots(limit);
  const ends: (() => void)[] = [];
  let [under, peak] = [0, 0];
  const work = async () => {
    under++;
    peak = Math.max(peak, under);
    await new Promise<void>((end) => ends.push(end));
    under--;
  };
  const done = Promise.all(all.map((sharers) => slots.use(work, sharers)));
  for (let ended = 0; ended < all.length; ended++) {
    while (ends.length === 0) await Promise.resolve();
    ends.shift()?.();
    await Promise.resolve();
  }
  await done;
  return peak;
}
const of = (count: number, sharers: number) => Array.from({ length: count }, () => sharers);

test("each work has a place, or a share of one", async () => {
  expect(await most(8, of(40, 1))).toBe(8);
  expect(await most(8, of(100, 4))).toBe(32);
  expect(await most(1, of(10, 4))).toBe(4);
  expect(await most(0, of(3, 1))).toBe(1);
  expect(await most(1, of(10, 3))).toBe(3);
});

test("first come, first served: a whole place is not kept waiting by those who need less", async () => {
  const slots = new Slots(1);
  const order: string[] = [];
  let end = (): void => {};
  const first = slots.use(() => new Promise<void>((ended) => (end = ended)), 4);
  const large = slots.use(async () => void order.push("large"));
  const small = slots.use(async () => void order.push("small"), 4);
  end();
  await Promise.all([first, large, small]);
  expect(order).toEqual(["large", "small"]);
});

test("a work that fails gives its place back", async () => {
  const slots = new Slots(1);
  const failing = slots.use(() => Promise.reject(new Error("no")));
  expect(failing).rejects.toThrow("no");
  expect(await Promise.all([slots.use(async () => {})])).toEqual([undefined]);
});
