import { describe, expect, test } from "bun:test";
import { frame } from "../../../src/core/config/frame.ts";

const at = (line: number, column: number, width?: number) => ({
  file: "f",
  line,
  column,
  ...(width === undefined ? {} : { width }),
});
const lines = (...rows: string[]): string => rows.join("\n");

test("the line, one before and one after, and carets", () => {
  const text = "one\ntwo = 2\nthree\nfour\n";
  expect(frame(text, at(2, 7, 1))).toBe(lines(" 1 | one", " 2 | two = 2", "   |       ^", " 3 | three"));
  expect(frame(text, at(1, 1, 3))).toBe(lines(" 1 | one", "   | ^^^", " 2 | two = 2"));
  expect(frame(text, at(4, 1, 4))).toBe(lines(" 3 | three", " 4 | four", "   | ^^^^"));
  expect(frame("a\r\nb = \r\n", at(2, 5))).toBe(lines(" 1 | a", " 2 | b =", "   |     ^"));
  expect(frame("", at(1, 1))).toBe(lines(" 1 |", "   | ^"));
  expect(frame("a", at(9, 1))).toBe("");
  expect(frame(`${"x\n".repeat(9)}y`, at(10, 1))).toBe(lines("  9 | x", " 10 | y", "    | ^"));
});

test("tabs, wide and control characters", () => {
  expect(frame("\ta = 1\tb", at(1, 2, 1))).toBe(lines(" 1 |     a = 1   b", "   |     ^"));
  expect(frame('a = "日本𝒳" x', at(1, 11, 1))).toBe(lines(' 1 | a = "日本𝒳" x', "   |             ^"));
  expect(frame('a = "日本"', at(1, 6, 2))).toBe(lines(' 1 | a = "日本"', "   |      ^^^^"));
  expect(frame("\ufeffa = '\x1b[2J'", at(1, 1, 1))).toBe(lines(" 1 | a = '\\u001b[2J'", "   | ^"));
});

test("a long line is cut around the span", () => {
  const text = `key = "${"x".repeat(300)}" # ${"y".repeat(300)}`;
  for (const [column, width] of [
    [1, 3],
    [7, 302],
    [150, 5],
    [311, 1],
    [611, 1],
  ] as const) {
    const rows = frame(text, at(1, column, width), 60).split("\n");
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(60);
    const [shown = "", carets = ""] = rows;
    const under = shown[carets.indexOf("^")];
    expect(under).toBe(text[column - 1] ?? "");
  }
});

describe("secrets", () => {
  test("the span of a place that names one, and others near it", () => {
    const text = 'a = "pq-one"\nb = "pq-two" # c\nd = """pq-\nthree"""\n';
    const hide = [at(1, 5, 8), at(2, 5, 8), at(3, 5, 6)];
    expect(frame(text, { ...at(2, 5, 8), hide })).toBe(
      lines(" 1 | a = (sensitive)", " 2 | b = (sensitive) # c", "   |     ^^^^^^^^^^^", " 3 | d = (sensitive)"),
    );
    expect(frame(text, { ...at(4, 1, 1), hide })).not.toContain("three");
  });

  test("values of keys that sound like one, also in a file that cannot be read", () => {
    const text = 'password = "hunter2\ntoken = \'abc\'\nx = { my_secret_key = "y", b = 1';
    for (const line of [1, 2, 3]) expect(frame(text, at(line, 1))).not.toMatch(/hunter2|abc|"y"/);
    expect(frame('token = "env:T"', at(1, 1))).toContain("env:T");
  });
});
