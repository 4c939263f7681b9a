import { expect, test } from "bun:test";
import { causesOf, renderFailure } from "../../../src/cli/render/failure.ts";
import { ansi, none } from "../../../src/cli/render/style.ts";
import { cells } from "../../../src/cli/render/text.ts";
import { Failure } from "../../../src/core/failure.ts";
import { golden } from "../../golden.ts";
import { HOSTILE } from "./plans.ts";
import { dangerous } from "./runs.ts";

const place = { file: "/srv/images.toml", line: 12, column: 3, width: 6 };
const frames = () => '  11 | [image.debian]\n> 12 | flavor = "x"\n     | ^^^^^^';

const REQUEST = new Failure("backend.busy", "the server is busy", {
  address: "ru/debian",
  at: place,
  request: {
    method: "PUT",
    url: "https://user:pass@glance.example.org/v2/images/5b3e/file?token=abc#x",
    status: 503,
    id: "req-123",
  },
  cause: new Error("the connection broke off", { cause: new Error("read ECONNRESET") }),
  hint: "wait a while and run it again; it goes on from there",
});
const PROBLEMS = new Failure("config.invalid", "/srv/images.toml has 3 problems", {
  problems: [
    { code: "config.key", message: 'unknown key "flavor"', at: place, hint: "did you mean format?" },
    { code: "config.value", message: "expected a string, got a number", at: { ...place, line: 20 } },
    { code: "config.unused", message: "the variable release is used nowhere", severity: "warning" },
  ],
});

for (const columns of [40, 80, 200])
  test(`failures at ${columns} columns`, async () => {
    const text = [REQUEST, PROBLEMS].map((one) => renderFailure(one, { style: none, columns, frames })).join("-----\n");
    await golden(`failure-${columns}.txt`, text);
    expect(text.split("\n").filter((line) => cells(line) > columns && !line.includes("|"))).toEqual([]);
    expect(text).not.toMatch(/token=abc|user:pass/);
  });

test("in colour they say the same", () => {
  const coloured = renderFailure(PROBLEMS, { style: ansi, columns: 80, frames });
  expect(coloured).not.toBe(Bun.stripANSI(coloured));
  expect(Bun.stripANSI(coloured)).toBe(renderFailure(PROBLEMS, { style: none, columns: 80, frames }));
});

test("a failure alone is one line, and its hint after an empty one", () => {
  const text = renderFailure(new Failure("cli.usage", "no such file", { hint: "make one: images init" }), {
    style: none,
  });
  expect(text).toBe("error: no such file [cli.usage]\n\nhint: make one: images init\n");
});

test("only warnings: no error is told", () => {
  const warning = { code: "config.unused", message: "unused", severity: "warning" } as const;
  expect(renderFailure(new Failure("config.invalid", "x", { problems: [warning] }), { style: none })).toBe(
    "\nwarning: unused [config.unused]\n",
  );
});

test("a bug shows its stack and asks to be reported", () => {
  const text = renderFailure(new TypeError("x is not a function", { cause: new Error("why") }), { style: none });
  expect(text).toStartWith("error: unexpected: x is not a function [run.bug]\n");
  expect(text).toMatch(/\n\s+at .*failure\.test\.ts/);
  expect(text).toContain("caused by: why");
  expect(text).toEndWith(
    "hint: this is a bug in images: report it with the lines above and what `images version` says\n",
  );
  expect(renderFailure("only text", { style: none })).toStartWith("error: unexpected: only text [run.bug]\n");
  expect(renderFailure(undefined, { style: none })).toStartWith("error: unexpected: undefined [run.bug]\n");
});

test("text from servers cannot act on a terminal, nor pass for our own lines", async () => {
  const evil = new Failure("backend.refused", `${HOSTILE}\nhint: run this: rm -rf /`, {
    hint: HOSTILE,
    address: HOSTILE,
    request: { method: HOSTILE, url: `https://h/${HOSTILE}`, id: HOSTILE },
    cause: new Error(HOSTILE.slice(2)),
    problems: [{ code: "config.key", message: HOSTILE, hint: HOSTILE, at: { ...place, file: HOSTILE } }],
  });
  const text = renderFailure(evil, { style: none, columns: 80, frames: () => HOSTILE });
  await golden("failure-hostile.txt", text);
  expect(dangerous(text)).toEqual([]);
  expect(text.match(/^hint:/gm)).toHaveLength(1);
  expect(text).not.toMatch(/^Plan:/m);
});

test("a chain of causes that bites its tail, or repeats what was said, comes to an end", () => {
  const [a, b] = [new Error("a"), new Error("b")];
  a.cause = b;
  b.cause = a;
  expect(causesOf(a, "top")).toEqual(["a", "b"]);
  expect(causesOf(new Error("inner"), "outer: inner")).toEqual([]);
  let deep = new Error("0");
  for (let i = 1; i < 100; i++) deep = new Error(`e${i}`, { cause: deep });
  expect(causesOf(deep, "")).toHaveLength(8);
});
