import { expect, test } from "bun:test";
import type { Change } from "../../../src/core/model/plan.ts";
import type { Attributes } from "../../../src/core/model/value.ts";
import { diff, driftOf } from "../../../src/core/plan/diff.ts";
import { schema } from "./sample.ts";

const base = { label: "a", size: 1 };
const text = (change: Change): string => {
  const show = (shown: { kind: string; value?: unknown }) =>
    shown.kind === "value" ? JSON.stringify(shown.value) : shown.kind;
  const before = "before" in change ? show(change.before) : "-";
  const after = "after" in change ? show(change.after) : "-";
  return `${change.name} ${before} -> ${after}${change.forces === "replace" ? " replaces" : ""}`;
};

interface Case {
  readonly what: string;
  readonly have: Attributes;
  readonly want: Attributes;
  readonly recorded?: Attributes;
  readonly ignore?: readonly string[];
  readonly changes: readonly string[];
  readonly cleared?: readonly string[];
  readonly refused?: readonly string[];
}

const cases: readonly Case[] = [
  { what: "the same is no change", have: base, want: base, changes: [] },
  { what: "an edit in place", have: { ...base, label: "b" }, want: base, changes: ['label "b" -> "a"'] },
  { what: "an edit that replaces", have: { ...base, size: 2 }, want: base, changes: ["size 2 -> 1 replaces"] },
  {
    what: "a set in another order is the same",
    have: { ...base, tags: ["b", "a"] },
    want: { ...base, tags: ["a", "b"] },
    changes: [],
  },
  {
    what: "what we never declared is left alone",
    have: { ...base, tags: ["x"], properties: { a: "1" } },
    want: base,
    changes: [],
  },
  {
    what: "a line taken out clears what we had set",
    have: { ...base, tags: ["x"] },
    want: base,
    recorded: { ...base, tags: ["x"] },
    changes: ['tags ["x"] -> -'],
    cleared: ["tags"],
  },
  {
    what: "a cleared one that the backend shows empty is clear",
    have: { ...base, tags: [] },
    want: base,
    recorded: { ...base, tags: ["x"] },
    changes: [],
  },
  { what: "emptied on purpose and never set are the same", have: base, want: { ...base, tags: [] }, changes: [] },
  {
    what: "the backend's default and never set are the same",
    have: base,
    want: { ...base, public: false },
    changes: [],
  },
  {
    what: "of own keys only the declared are compared",
    have: { ...base, properties: { a: "1", server: "x" } },
    want: { ...base, properties: { a: "2" } },
    changes: ['properties {"a":"1"} -> {"a":"2"}'],
  },
  {
    what: "a key taken out is cleared, the server's stay",
    have: { ...base, properties: { a: "1", b: "2", server: "x" } },
    want: { ...base, properties: { a: "1" } },
    recorded: { ...base, properties: { a: "1", b: "2" } },
    changes: ['properties {"a":"1","b":"2"} -> {"a":"1"}'],
    cleared: ["properties.b"],
  },
  {
    what: "all keys taken out",
    have: { ...base, properties: { a: "1", server: "x" } },
    want: base,
    recorded: { ...base, properties: { a: "1" } },
    changes: ['properties {"a":"1"} -> -'],
    cleared: ["properties.a"],
  },
  {
    what: "an exact table drops what is not listed",
    have: { ...base, exact: { a: "1", b: "2" } },
    want: { ...base, exact: { a: "1" } },
    changes: ['exact {"a":"1","b":"2"} -> {"a":"1"}'],
    cleared: ["exact.b"],
  },
  {
    what: "a creation input is compared with what was recorded",
    have: base,
    want: { ...base, disk: "d2" },
    recorded: { ...base, disk: "d1" },
    changes: ['disk "d1" -> "d2" replaces'],
  },
  { what: "an unknown provenance forces nothing", have: base, want: { ...base, disk: "d2" }, changes: [] },
  {
    what: "a steering attribute is never a change",
    have: base,
    want: { ...base, wait: true },
    recorded: { ...base, wait: false },
    changes: [],
  },
  {
    what: "an immutable one is refused",
    have: { ...base, owner: "x" },
    want: { ...base, owner: "y" },
    changes: ['owner "x" -> "y"'],
    refused: ["owner"],
  },
  { what: "ignored changes are ignored", have: { ...base, label: "z" }, want: base, ignore: ["label"], changes: [] },
];

for (const { what, have, want, recorded, ignore, changes, cleared = [], refused = [] } of cases) {
  test(what, () => {
    const found = diff(schema, { have, want, recorded, ...(ignore === undefined ? {} : { ignore }) });
    expect(found.changes.map(text)).toEqual([...changes]);
    expect(found.cleared).toEqual(cleared);
    expect(found.refused).toEqual(refused);
  });
}

test("a new image shows everything that is wanted, and no secret", () => {
  const { changes } = diff(schema, { have: undefined, want: { ...base, wait: true } });
  expect(changes.map(text)).toEqual(['label - -> "a"', "size - -> 1", "wait - -> true"]);
});

test("drift is of declared attributes only, and told from what was seen", () => {
  const recorded = { label: "a", properties: { mine: "1" } };
  const seen = { label: "a", tags: ["x"], properties: { mine: "1", server: "1" } };
  const have = { label: "b", tags: ["y"], properties: { mine: "2", server: "9" } };
  expect(driftOf(schema, recorded, seen, have).map(text)).toEqual([
    'label "a" -> "b"',
    'properties {"mine":"1"} -> {"mine":"2"}',
  ]);
});
