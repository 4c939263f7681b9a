import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { longWaitNotice } from "../../../src/core/net/busy.ts";
import { retrying } from "../../../src/core/net/retry.ts";
import { failed, never, opened, served, thrown, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;

/** Answers with the statuses in turn, then 200. */
const flaky = (statuses: readonly number[], headers: Record<string, string> = {}) =>
  served(async (request, nth) => {
    await request.text();
    return new Response("{}", { status: statuses[nth - 1] ?? 200, headers });
  });

test("a server that is too busy is waited for until five minutes are over, however many tries that takes", async () => {
  await using busy = flaky(Array(12).fill(429));
  await using us = opened({ url: busy.url }, { random: () => 0.2, patient: true });
  expect(await us.door.json("POST", "", { signal })).toEqual({});
  expect(us.retries.map(({ attempts }) => attempts)).toEqual(Array(12).fill(Infinity));
  await using away = flaky(Array(999).fill(503));
  await using them = opened({ url: away.url }, { random: () => 1, patient: true });
  expect((await failed(them.door.json("POST", "", { signal }))).code).toBe("backend.busy");
  const waited = them.waits.reduce((sum, ms) => sum + ms, 0);
  expect(waited > 240_000 && waited <= 300_000).toBe(true);
});

test("the wait for a busy server ends with its signal", async () => {
  await using server = flaky(Array(999).fill(429), { "Retry-After": "200" });
  const stop = new AbortController();
  await using us = opened(
    { url: server.url },
    {
      clock: {
        now: Date.now,
        sleep: async (_, ended) => {
          stop.abort(new Error("stopped"));
          ended?.throwIfAborted();
        },
      },
      patient: true,
    },
  );
  expect(await thrown(us.door.json("GET", "", { signal: stop.signal }))).toHaveProperty("message", "stopped");
});

test("X-RateLimit-Reset of a 429 without Retry-After is waited for", async () => {
  const start = Date.UTC(2026, 0, 1) / 1000;
  await using server = flaky([429], { "X-RateLimit-Reset": String(start + 55) });
  await using us = opened({ url: server.url }, { random: () => 0 });
  expect(await us.door.json("POST", "", { signal })).toEqual({});
  expect(us.waits).toEqual([55_000]);
  await using other = flaky([502], { "X-RateLimit-Reset": String(start + 55) });
  await using them = opened({ url: other.url }, { random: () => 0 });
  expect(await them.door.json("GET", "", { signal })).toEqual({});
  expect(them.waits).toEqual([0]);
});

test("a long wait is told, once a minute", () => {
  let now = 0;
  const notes: string[] = [];
  const told = longWaitNotice(
    (text) => notes.push(text),
    () => now,
  );
  const failure = new Failure("backend.busy", "too many requests");
  const wait = (ms: number) => told({ method: "GET", url: "u", attempt: 1, attempts: Infinity, wait: ms, failure });
  for (const ms of [100, 40_000, 40_000]) wait(ms);
  now += 60_000;
  wait(7000);
  expect(notes).toEqual(["waiting 40 s: too many requests", "waiting 7 s: too many requests"]);
});

test("a door's own rate holds where the user says none", async () => {
  await using server = flaky([]);
  const ask = async (limits?: { rateLimit: number }) => {
    await using us = opened({ url: server.url, rateLimit: 5 }, limits === undefined ? {} : { limits });
    for (let i = 0; i < 10; i++) await us.door.json("GET", "", { signal });
    return us.waits.reduce((sum, ms) => sum + ms, 0);
  };
  expect(await ask()).toBe(1000);
  expect(await ask({ rateLimit: 1000 })).toBe(0);
});

test("many short waits for one busy server are told as one long one", async () => {
  await using busy = flaky(Array(12).fill(429), { "Retry-After": "1" });
  const notes: string[] = [];
  await using us = opened({ url: busy.url }, { patient: true });
  await us.door.json("GET", "", { signal });
  const told = longWaitNotice((text) => notes.push(text));
  for (const retry of us.retries) told(retry);
  expect(us.retries.every(({ wait }) => wait < 2000)).toBe(true);
  expect(notes.length).toBe(1);
});

test("requests that wait for their turn say what they wait for", async () => {
  await using server = flaky([]);
  await using us = opened({ url: server.url, rateLimit: 5 });
  await Promise.all(Array.from({ length: 60 }, () => us.door.json("GET", "", { signal })));
  const queued = us.retries.filter(({ attempt }) => attempt === 0);
  expect(queued.length).toBeGreaterThan(0);
  expect(queued[0]?.failure.message).toBe("limited to 5 requests per second on this backend (rate_limit)");
});

test("what waited long for its turn has as much patience as what did not", async () => {
  let now = 0;
  const sleep = async (ms: number): Promise<void> => {
    now += ms;
  };
  const clock = { now: () => now, sleep };
  const busy = new Failure("backend.busy", "busy", { retry: true });
  let tries = 0;
  const work = async () => {
    if (tries === 0) now += 299_000;
    tries += 1;
    if (tries < 8) throw busy;
    return "done";
  };
  const again = { signal, clock, deadline: 300_000, again: () => 20_000, patient: () => true, random: () => 0 };
  expect(await retrying(work, again)).toBe("done");
});

test("`until` ends the wait for a turn and for another try, and not a request that was sent", async () => {
  const stop = new AbortController();
  await using server = served(async (request, nth) => {
    await request.text();
    if (nth === 1) stop.abort(new Error("stopped"));
    return new Response('{"made": 1}');
  });
  await using us = opened({ url: server.url, rateLimit: 1, parallelism: 1 });
  const ask = () => us.door.json("POST", "", { signal, until: stop.signal });
  const [first, second] = await Promise.allSettled([ask(), ask()]);
  expect(first).toEqual({ status: "fulfilled", value: { made: 1 } });
  expect(second).toHaveProperty("reason.message", "stopped");
  await using busy = flaky(Array(999).fill(429));
  await using them = opened({ url: busy.url }, { patient: true });
  const told = them.door.json("POST", "", { signal, until: stop.signal });
  expect(await thrown(told)).toHaveProperty("message", "stopped");
});
