import { describe, expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { digest } from "../../../src/core/model/digest.ts";
import { imageId } from "../../../src/core/model/name.ts";
import type { Recorded, State } from "../../../src/core/model/state.ts";
import { parseState, showState, upgrade } from "../../../src/core/store/document.ts";
import { brokenAt, locate } from "../../../src/core/store/locate.ts";
import { at, row } from "./help.ts";

const where = { where: "/x/s.json", backup: "/x/s.json.backup" };
const sha = digest("sha256", "ab".repeat(32));
const full: Recorded = {
  ...row("lab", "1", { tags: ["x"], nested: { deep: [1, true, { x: "y" }], "": -0.5 } }),
  content: {
    where: "https://example.org/x",
    digest: sha,
    size: 5,
    validators: { etag: "e", modified: "m", length: 5 },
    stat: { size: 5, mtime: "123", inode: "7" },
    resolved: "r",
    transform: "t",
  },
  retained: [{ id: imageId("0"), content: { where: "w" }, replaced: "2026-01-01T00:00:00Z", status: "kept" }],
};
const { want, plugin, backend, protect, onRemove } = full;
const common = { want, plugin, backend, protect, onRemove };
const state: State = {
  version: 1,
  lineage: "l",
  serial: 7,
  images: {
    [at("lab", "ready")]: full,
    [at("lab", "creating")]: { ...common, status: "creating" },
    [at("lab", "creating-with")]: { ...common, status: "creating", id: imageId("2") },
    [at("lab", "replacing")]: {
      ...common,
      status: "replacing",
      id: imageId("3"),
      have: {},
      next: imageId("4"),
      digests: { sha256: sha },
    },
    [at("lab", "deleting")]: { ...common, status: "deleting", id: imageId("5") },
  },
};

function failed(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test("every status and every field comes back as it went, rows sorted, one newline at the end", () => {
  const text = showState(state);
  expect(parseState(text, where)).toEqual(state);
  expect(Object.keys(JSON.parse(text).images)).toEqual(Object.keys(state.images).sort());
  expect(text.endsWith("}\n")).toBe(true);
  expect(text.split("\n").slice(0, 5)).toEqual([
    "{",
    '  "version": 1,',
    '  "lineage": "l",',
    '  "serial": 7,',
    '  "images": {',
  ]);
});

const small = showState({ version: 1, lineage: "l", serial: 7, images: { [at("lab", "a")]: row("lab", "1") } });
describe("a broken document is told with its place", () => {
  test.each([
    ["", "the state is not JSON", "1:1"],
    [small.slice(0, 60), "the state is not JSON", "5:3"],
    [small.replace('"serial"', "<<<<<<< HEAD"), "the state is not JSON", "4:3"],
    [small.replace('"serial": 7', '"serial": "7"'), "serial: expected a whole number, 0 or more", "4:13"],
    [small.replace('"serial": 7,', ""), "serial is missing", "1:1"],
    [small.replace('"lineage": "l"', '"lineage": ""'), "lineage: expected a lineage", "3:14"],
    [small.replace('"serial"', '"more": 1, "serial"'), "more: unknown key", "4:11"],
    [small.replace('"lab/a"', '"lab"'), "images.lab: expected BACKEND/IMAGE", "6:12"],
    [
      small.replace('"ready"', '"half"'),
      'images["lab/a"].status: expected creating, ready, replacing, deleting',
      "7:17",
    ],
    [small.replace('"ready"', '"deleting"'), 'images["lab/a"].have: unknown key', "14:15"],
    [small.replace('"protect": false', '"protect": 0'), 'images["lab/a"].protect: expected true or false', "11:18"],
    [
      small.replace('"backend": "lab"', '"backend": "ru"'),
      'images["lab/a"].backend: expected the backend of lab/a',
      "8:18",
    ],
    [small.replace('"want": {}', '"want": {"a": [1, null]}'), 'images["lab/a"].want.a[1]: expected a value', "10:25"],
    [small.replace('"want": {}', `"want": {"a": ${"[".repeat(99)}${"]".repeat(99)}}`), "nested too deeply", undefined],
    [small.replace('"images"', '"serial": 8, "imagines"'), "images is missing", "1:1"],
  ])("%#: %p", (text, message, place) => {
    const failure = failed(() => parseState(text, where));
    expect(failure.code).toBe("state.broken");
    expect(failure.message).toContain(message);
    expect(failure.hint).toContain(where.backup);
    if (place !== undefined) expect(`${failure.at?.line}:${failure.at?.column}`).toBe(place);
  });
});

test("a newer version is refused with both versions and the way out", () => {
  const failure = failed(() => parseState(small.replace('"version": 1', '"version": 3'), where));
  expect([failure.code, failure.message]).toEqual([
    "state.newer",
    "the state in /x/s.json has version 3, and this program supports versions up to 1",
  ]);
  expect(failure.hint).toContain("a later one");
});

describe("upgrades", () => {
  const upgrades = {
    1: (old: Readonly<Record<string, unknown>>) => ({ ...old, version: 2, rows: old["images"] }),
    2: (old: Readonly<Record<string, unknown>>) => ({ ...old, version: 3, third: true }),
  };
  test("go step by step from whatever version it is", () => {
    const expected = { version: 3, images: 5, rows: 5, third: true };
    expect(upgrade({ version: 1, images: 5 }, where, upgrades, 3)).toEqual(expected);
    expect(upgrade({ version: 2, images: 5, rows: 5 }, where, upgrades, 3)).toEqual(expected);
    expect(upgrade(expected, where, upgrades, 3)).toEqual(expected);
  });
  test("a version that nobody wrote, none at all, and an upgrade that fails are broken documents", () => {
    const broken = () => {
      throw new Error("no");
    };
    for (const [value, table] of [
      [{ version: 0 }, upgrades],
      [{ version: -1 }, upgrades],
      [{ version: 1.5 }, upgrades],
      [{}, upgrades],
      [[], upgrades],
      [null, upgrades],
      [{ version: 1 }, { 1: broken }],
      [{ version: 1 }, { 1: () => 5 }],
    ] as const)
      expect(failed(() => upgrade(value, where, table, 3)).code).toBe("state.broken");
  });
});

test("a value in a JSON text is found by its path, and so is the place where the text stops being JSON", () => {
  const text = '{\n "a": [1, {"é\\n": 2}],\n "b": "x"\n}';
  expect(locate(text, ["a", 1, "é\n"])).toEqual({ line: 2, column: 19 });
  expect(locate(text, ["b"])).toEqual({ line: 3, column: 7 });
  expect(locate(text, ["a", 7])).toEqual({ line: 2, column: 7 });
  expect(locate(text, [])).toEqual({ line: 1, column: 1 });
  expect(brokenAt(text)).toBeUndefined();
  expect(brokenAt(`${text} x`)).toEqual({ line: 4, column: 3 });
  expect(brokenAt('{"a": tru}')).toEqual({ line: 1, column: 7 });
  // Of equal keys the last one counts, as for JSON.parse.
  expect(locate('{"a":{"b":1},"a":{"c":2}}', ["a", "b"])).toEqual({ line: 1, column: 18 });
  expect(brokenAt("[".repeat(100_000))).toEqual({ line: 1, column: 257 });
  for (const bad of ["", '{"a":1,}', '{"a":01}', '{"a":"\t"}', "/*x*/{}", "{'a':1}", '"\\x"', "\uFEFF{}"])
    expect([bad, brokenAt(bad) === undefined]).toEqual([bad, false]);
});
