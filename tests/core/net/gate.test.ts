import { expect, test } from "bun:test";
import { RateGate } from "../../../src/core/net/rate-gate.ts";
import { never, quick, thrown } from "./kit.ts";

test("so many at once, and the others in the order in which they came", async () => {
  const gate = new RateGate({ parallelism: 2 });
  const order: number[] = [];
  let inside = 0;
  let most = 0;
  await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (nth) => {
      const leave = await gate.enter("calls", never);
      order.push(nth);
      most = Math.max(most, ++inside);
      await Promise.resolve();
      inside -= 1;
      leave();
      leave();
    }),
  );
  expect(order).toEqual([1, 2, 3, 4, 5, 6]);
  expect(most).toBe(2);
});

test("an upload does not keep calls waiting", async () => {
  const gate = new RateGate({ parallelism: 1 });
  const leave = await gate.enter("uploads", never);
  (await gate.enter("calls", never))();
  leave();
});

test("who gives up loses its turn, and nobody else's", async () => {
  const gate = new RateGate({ parallelism: 1 });
  const leave = await gate.enter("calls", never);
  const controller = new AbortController();
  const given = gate.enter("calls", controller.signal);
  const next = gate.enter("calls", never);
  controller.abort(new Error("enough"));
  expect(String(await thrown(given))).toBe("Error: enough");
  leave();
  (await next)();
  (await gate.enter("calls", never))();
});

test("requests keep to a beat, after a burst of one second's worth", async () => {
  const clock = quick();
  const gate = new RateGate({ parallelism: 100, rateLimit: 4 }, clock);
  const start = clock.now();
  const at: number[] = [];
  for (let nth = 0; nth < 8; nth++) {
    (await gate.enter("calls", never))();
    at.push(clock.now() - start);
  }
  expect(at).toEqual([0, 0, 0, 0, 250, 500, 750, 1000]);
});

test("twenty a minute are one every three seconds", async () => {
  const clock = quick();
  const gate = new RateGate({ rateLimit: 1 / 3 }, clock);
  for (let nth = 0; nth < 3; nth++) (await gate.enter("calls", never))();
  expect(clock.waits).toEqual([3000, 3000]);
});
