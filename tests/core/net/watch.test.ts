import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { Failure } from "../../../src/core/failure.ts";
import { IdleTimeout } from "../../../src/core/net/idle-timeout.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test("it barks when nothing has moved for too long, and what moves puts that off", () => {
  const heard: Failure[] = [];
  const watch = new IdleTimeout((failure) => heard.push(failure));
  for (let nth = 0; nth < 10; nth++) {
    watch.arm(100, "no data received");
    jest.advanceTimersByTime(60);
  }
  expect(heard).toEqual([]);
  jest.advanceTimersByTime(60);
  expect(heard.map(({ code, message, retry }) => [code, message, retry])).toEqual([
    ["net.timeout", "no data received for 0.1 s", true],
  ]);
});

test("it is quiet while nothing is awaited, and takes another time limit", () => {
  const heard: Failure[] = [];
  const watch = new IdleTimeout((failure) => heard.push(failure));
  watch.arm(100, "no data received");
  watch.off();
  jest.advanceTimersByTime(1000);
  expect(heard).toEqual([]);
  watch.arm(100, "no data received");
  watch.arm(500, "no response received");
  jest.advanceTimersByTime(400);
  expect(heard).toEqual([]);
  jest.advanceTimersByTime(200);
  expect(heard.map(({ message }) => message)).toEqual(["no response received for 0.5 s"]);
});
