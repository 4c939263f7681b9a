import { describe, expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { Commits } from "../../../src/core/store/commits.ts";
import { decode, encode, parseJournal, type RunEntry } from "../../../src/core/store/journal.ts";
import { at, row } from "./help.ts";

const begin: RunEntry = {
  begin: { run: "r", version: 1, lineage: "l", serial: 3, operation: "apply", user: "u", host: "h" },
};
const put: RunEntry = { put: { [at("lab", "a")]: row("lab", "1", { title: "é" }), [at("lab", "b")]: null } };
const event: RunEntry = { event: { type: "run.started", run: "r", command: "apply", at: "t" } };
const lines = [begin, put, event, put].map((said, i) => encode(i + 1, "2026-01-01T00:00:00Z", said));
const whole = lines.join("");
const read = (text: string) => parseJournal(text, "r", "/x/r.jsonl");

test("what is written is what is read", () => {
  const found = read(whole);
  expect(found.lines.map((line) => line.seq)).toEqual([1, 2, 3, 4]);
  expect(found.begin?.serial).toBe(3);
  expect(found.lines[1]).toEqual({ seq: 2, at: "2026-01-01T00:00:00Z", ...put });
  expect(found.bytes).toBe(Buffer.byteLength(whole));
  expect(JSON.parse(lines[1] ?? "")).toHaveProperty("crc");
});

test("cut anywhere, all whole lines before the cut are read, and the rest counts as not written", () => {
  const bytes = Buffer.from(whole);
  const ends = lines.map((_, i) => Buffer.byteLength(lines.slice(0, i + 1).join("")));
  for (let length = 0; length <= bytes.length; length++) {
    const found = read(bytes.toString("utf8", 0, length));
    const kept = ends.filter((end) => end <= length);
    expect([found.lines.length, found.bytes]).toEqual([kept.length, kept.at(-1) ?? 0]);
  }
});

test("zeros at the end, as a power cut leaves them, count as not written", () => {
  const found = read(`${whole}${"\0".repeat(50)}\n`);
  expect([found.lines.length, found.bytes]).toEqual([4, Buffer.byteLength(whole)]);
  expect(read("\0\0\0\0").lines).toEqual([]);
});

describe("anything else that is not as it was written is told with its line", () => {
  const [first = "", second = "", third = "", fourth = ""] = lines;
  test.each([
    ["a changed byte", whole.replace("ready", "reedy"), 2],
    ["a changed byte in the last line", first + second + third + fourth.replace("ready", "reedy"), 4],
    ["a line that is gone", first + third, 2],
    ["the first line gone", second + third, 1],
    ["a line twice", first + second + second, 3],
    ["lines in another order", first + third + second, 2],
    ["a second beginning", first + encode(2, "t", begin), 2],
    ["an empty line", `${first}\n${second}`, 2],
    ["zeros in the middle", `${first}\0\n${second}`, 2],
    ["a line that says nothing known", `${first}{"seq":2}\n`, 2],
  ])("%s", (_, text, line) => {
    let failure: unknown;
    try {
      read(text);
    } catch (error) {
      failure = error;
    }
    if (!(failure instanceof Failure)) throw new Error("it was read");
    expect([failure.code, failure.at?.line]).toEqual(["state.journal", line]);
    expect(failure.hint).toBeString();
  });
});

test("one line alone", () => {
  expect(decode((lines[2] ?? "").trim())?.seq).toBe(3);
  expect(decode("")).toBeUndefined();
  expect(decode("{}")).toBeUndefined();
});

describe("group commit", () => {
  test("what comes together, and what comes during a write, is written together and in order", async () => {
    const writes: (readonly number[])[] = [];
    const gate = Promise.withResolvers<void>();
    const commits = new Commits<number>(async (items) => {
      writes.push(items);
      if (writes.length === 1) await gate.promise;
    });
    const done: number[] = [];
    const add = (n: number) => commits.add(n).then(() => done.push(n));
    const first = [add(1), add(2)];
    await Promise.resolve();
    await Promise.resolve();
    const second = [add(3), add(4)];
    expect([writes, done]).toEqual([[[1, 2]], []]);
    gate.resolve();
    await Promise.all([...first, ...second]);
    await commits.settled();
    expect([writes, done]).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [1, 2, 3, 4],
    ]);
  });

  test("a write that fails, fails what was in it and nothing else", async () => {
    let fail = true;
    const commits = new Commits<number>(async () => {
      if (fail) throw new Error("full");
    });
    const results = await Promise.allSettled([commits.add(1), commits.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    fail = false;
    await commits.add(3);
  });
});
