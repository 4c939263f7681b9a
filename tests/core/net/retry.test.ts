import { expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { systemClock } from "../../../src/core/net/clock.ts";
import { backoff, poll, retryAfter, retrying } from "../../../src/core/net/retry.ts";
import { failed, never, quick, thrown } from "./kit.ts";

const busy = (retry: boolean | number) => new Failure("backend.busy", "busy", { retry });

test("the wait before a try is anywhere between nothing and a step that doubles up to half a minute", () => {
  expect([1, 2, 3, 4, 9].map((failed) => backoff(failed, () => 1))).toEqual([500, 1000, 2000, 4000, 30_000]);
  expect(backoff(3, () => 0.5)).toBe(1000);
  expect(backoff(3, () => 0)).toBe(0);
});

test("Retry-After is read as seconds and as a date, and is capped", () => {
  const now = Date.UTC(2026, 0, 1);
  expect(retryAfter("3", now)).toBe(3000);
  expect(retryAfter(" 0 ", now)).toBe(0);
  expect(retryAfter("Thu, 01 Jan 2026 00:00:07 GMT", now)).toBe(7000);
  expect(retryAfter("Wed, 31 Dec 2025 23:00:00 GMT", now)).toBe(0);
  expect(retryAfter("86400", now)).toBe(600_000);
  for (const nothing of [null, undefined, "", "soon", "-1e"]) expect(retryAfter(nothing, now)).toBeUndefined();
});

test("work is done again while its failure says so, with the waits that were asked for", async () => {
  const clock = quick();
  const told: number[] = [];
  const done = await retrying(
    async (attempt) => {
      if (attempt < 4) throw busy(attempt === 1 ? true : 5000);
      return attempt;
    },
    { signal: never, clock, random: () => 1, onRetry: ({ attempt }) => told.push(attempt) },
  );
  expect(done).toBe(4);
  expect(clock.waits).toEqual([500, 5250, 5250]);
  expect(told).toEqual([1, 2, 3]);
});

test("what is not worth it, the last try, and a wait beyond the deadline end it with the failure itself", async () => {
  const clock = quick();
  const options = { signal: never, clock, random: () => 1 };
  const final = busy(false);
  expect(await thrown(retrying(() => Promise.reject(final), options))).toBe(final);
  let tries = 0;
  const again = () => {
    tries += 1;
    return Promise.reject(busy(true));
  };
  await failed(retrying(again, options));
  expect(tries).toBe(5);
  tries = 0;
  await failed(retrying(again, { ...options, deadline: clock.now() + 1600 }));
  expect(tries).toBe(3);
});

test("an abort ends the wait with its reason", async () => {
  const controller = new AbortController();
  const reason = new Failure("run.interrupted", "interrupted");
  const waiting = retrying(() => Promise.reject(busy(600_000)), {
    signal: controller.signal,
    clock: systemClock,
    onRetry: () => queueMicrotask(() => controller.abort(reason)),
  });
  expect(await thrown(waiting)).toBe(reason);
  expect(await thrown(systemClock.sleep(1, controller.signal))).toBe(reason);
});

test("poll looks at once, waits longer and longer, and answers what it saw", async () => {
  const clock = quick();
  const seen = await poll(async (attempt) => (attempt === 9 ? "ready" : undefined), {
    signal: never,
    clock,
    interval: 2,
    max: 10,
    random: () => 0.5,
  });
  expect(seen).toBe("ready");
  expect(clock.waits.map(Math.round)).toEqual([2000, 3000, 4500, 6750, 10_000, 10_000, 10_000, 10_000]);
});

test("poll looks a last time at the deadline and then says what it waited for", async () => {
  const clock = quick();
  let looks = 0;
  const look = async () => {
    looks += 1;
    return undefined;
  };
  const failure = await failed(
    poll(look, { signal: never, clock, interval: 4, deadline: 10, what: "image a to be active", random: () => 0.5 }),
  );
  expect(failure.code).toBe("net.timeout");
  expect(failure.message).toBe("timed out after 10 s waiting for image a to be active");
  expect(clock.waits).toEqual([4000, 6000]);
  expect(looks).toBe(3);
});
