import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bytes, duration, percent, plural, rate, remaining } from "../../../src/cli/render/format.ts";
import { measure, rateAt, secondsLeft } from "../../../src/cli/render/meter.ts";
import { cells, printable, printableLines, quietJson, table, truncate, wrap } from "../../../src/cli/render/text.ts";
import { inline } from "../../../src/cli/render/values.ts";
import { dangerous } from "./runs.ts";

const each = <I, O>(name: string, of: (input: I) => O, cases: readonly (readonly [I, O])[]) =>
  test(name, () => expect(cases.map(([input]) => of(input))).toEqual(cases.map(([, output]) => output)));

describe("figures", () => {
  each("bytes", bytes, [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [412 * 1024 ** 2, "412.0 MiB"],
    [4.1 * 1024 ** 3, "4.1 GiB"],
    [1024 ** 6, "1024.0 PiB"],
    [Number.NaN, "? B"],
  ]);
  each("durations", duration, [
    [0, "0s"],
    [-5, "0s"],
    [10_400, "10s"],
    [63_000, "1m3s"],
    [3_723_000, "1h2m3s"],
  ]);
  each("time to go", remaining, [
    [0.2, "1s"],
    [59, "59s"],
    [69, "1m0s"],
    [254, "4m10s"],
    [7500, "2h5m"],
    [1e9, "over a day"],
  ]);
  test("shares are never 100 too early", () => {
    expect([percent(0, 10), percent(999, 1000), percent(1000, 1000), percent(5, 0), percent(20, 10)]).toEqual([
      0, 99, 100, 100, 100,
    ]);
    expect([rate(2048), plural(1, "image"), plural(2, "image"), plural(0, "copy", "copies")]).toEqual([
      "2.0 KiB/s",
      "1 image",
      "2 images",
      "0 copies",
    ]);
  });
});

describe("a meter", () => {
  const steady = (perSecond: number, seconds: number) => {
    let meter = measure(undefined, 0, 0);
    for (let i = 1; i <= seconds * 10; i++) meter = measure(meter, (perSecond * i) / 10, i * 100);
    return meter;
  };
  test("tells a steady rate, and how long the rest takes", () => {
    expect(rateAt(steady(1000, 20), 20_000)).toBeCloseTo(1000, 0);
    expect(secondsLeft(steady(1000, 20), 20_000, 30_000, 20_000)).toBeCloseTo(10, 0);
  });
  test("follows a change within seconds, and is not thrown by one measurement", () => {
    let meter = steady(1000, 20);
    meter = measure(meter, 20_000 + 10_000, 21_000);
    expect(rateAt(meter, 21_000)).toBeLessThan(3000);
    for (let i = 1; i <= 20; i++) meter = measure(meter, 30_000 + 10_000 * i, 21_000 + i * 1000);
    expect(rateAt(meter, 41_000)).toBeGreaterThan(9000);
  });
  test("falls while nothing comes, begins anew where the count went back, says nothing before it knows", () => {
    const meter = steady(1000, 20);
    expect(rateAt(meter, 60_000)).toBeLessThan(10);
    expect(rateAt(measure(meter, 0, 21_000), 21_000)).toBeUndefined();
    expect([rateAt(undefined, 0), secondsLeft(meter, 0, undefined, 0), secondsLeft(undefined, 0, 1, 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("text", () => {
  each("printable", printable, [
    ["plain ünïcode 日本語 👨‍👩‍👧", "plain ünïcode 日本語 👨‍👩‍👧"],
    ["\u001b[31mred\u001b[0m", "\\e[31mred\\e[0m"],
    ["a\r\n\tb", "a\\r\\n\\tb"],
    ["\u009b2J\u007f\u0000", "\\u009b2J\\u007f\\u0000"],
    ["\u202egnp\u2066\u200f\u200b\ufeff", "\\u202egnp\\u2066\\u200f\\u200b\\ufeff"],
    ["\ud800\u{e0041}", "\\ud800\\u{e0041}"],
  ]);
  test("of several lines: the ends stay, the rest is printable", () =>
    expect(printableLines("a\r\n\n\u001bb\n")).toEqual(["a", "", "\\eb"]));

  const wild = fc.string({ unit: "binary", maxLength: 80 });
  test("whatever comes in, nothing dangerous goes out, and JSON says the same", () => {
    fc.assert(
      fc.property(wild, (text) => {
        expect(dangerous(printable(text) + inline(text))).toEqual([]);
        expect(dangerous(quietJson(JSON.stringify({ text })))).toEqual([]);
        expect(JSON.parse(quietJson(JSON.stringify({ text })))).toEqual({ text: text });
      }),
      { numRuns: 500 },
    );
  });
  test("wrapped, no line is too wide and no character is lost", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 200 }),
        fc.integer({ min: 20, max: 100 }),
        fc.nat(8),
        (text, columns, lead) => {
          const clean = printable(text);
          const lines = wrap(" ".repeat(lead), clean, columns);
          expect(lines.filter((line) => cells(line) > columns)).toEqual([]);
          expect(lines.join("").replace(/\s/g, "")).toBe(clean.replace(/\s/g, ""));
        },
      ),
      // Its third sign counts as one cell where it is cut, and as three on the screen.
      { numRuns: 500, examples: [["!ꓐ!𝅘𝅥𝅮!!⺀ꓐ!🤌", 21, 8]] },
    );
  });
  test("cut to a width by cells", () => {
    expect([truncate("日本語", 5), truncate("abc", 3), truncate("abcd", 3), truncate("a", 0)]).toEqual([
      "日本…",
      "abc",
      "ab…",
      "",
    ]);
    expect(cells(truncate("!ꓐ!𝅘𝅥𝅮!!⺀ꓐ!🤌🤌", 14))).toBeLessThanOrEqual(14);
    expect(
      table(
        [
          ["日本", "x"],
          ["a", "y".repeat(30)],
        ],
        12,
      ),
    ).toEqual(["日本  x", "a     yyyyy…"]);
  });
  each("values on one line", inline, [
    ['a\n"b"', '"a\\n\\"b\\""'],
    [{ a: 1, "b.c": [true, {}] }, '{ a = 1, "b.c" = [true, {}] }'],
    ["x".repeat(500), `"${"x".repeat(400)}"… (500 characters)`],
  ]);
});
