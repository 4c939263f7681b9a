import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Attributes } from "../../../src/core/model/value.ts";
import { diff, driftOf } from "../../../src/core/plan/diff.ts";
import { schema } from "./sample.ts";

// What is equal in every line is told without a comparison of every attribute: that is to say the same as the comparison.

const words = fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2"));
const attributes: fc.Arbitrary<Attributes> = fc.record(
  {
    label: fc.constantFrom("a", "b", ""),
    size: fc.constantFrom(1, 2),
    tags: fc.constantFrom([], ["a"], ["a", "b"], ["b", "a"]),
    properties: words,
    exact: words,
    public: fc.boolean(),
    owner: fc.constantFrom("me", "you"),
    disk: fc.constantFrom("x", "y"),
    wait: fc.boolean(),
    created: fc.constantFrom("now", "then"),
    unknown: fc.constantFrom("x", "y"),
  },
  { requiredKeys: [] },
);
/** Often two of them are one, or one is the other and more. */
const several = fc
  .tuple(attributes, attributes, attributes, fc.integer({ min: 0, max: 15 }))
  .map(([a, b, c, kind]): readonly [Attributes, Attributes, Attributes] => [
    kind & 1 ? { ...b, ...a } : b,
    a,
    kind & 2 ? (kind & 4 ? a : { ...c, ...a }) : kind & 8 ? Object.fromEntries(Object.entries(a).slice(1)) : c,
  ]);

test("a diff of what is equal says what comparing each attribute says", () => {
  let settled = 0;
  fc.assert(
    fc.property(several, fc.boolean(), ([have, want, before], isRecorded) => {
      const compared = { have, want, recorded: isRecorded ? before : undefined };
      const found = diff(schema, compared);
      // No attribute of this name is there, so that it changes nothing; but each is compared.
      expect(found).toEqual(diff(schema, { ...compared, later: ["none"] }));
      if (found.changes.length === 0) settled++;
    }),
    { numRuns: 5000 },
  );
  expect(settled).toBeGreaterThan(500);
});

test("a drift of what is equal is what comparing each attribute finds", () => {
  let settled = 0;
  fc.assert(
    fc.property(several, ([have, recorded, seen]) => {
      const found = driftOf(schema, recorded, seen, have);
      const other = { ...recorded, none: 1 };
      expect(found).toEqual(driftOf(schema, other, { ...seen, none: 1 }, { ...have, none: 2 }));
      if (found.length === 0) settled++;
    }),
    { numRuns: 5000 },
  );
  expect(settled).toBeGreaterThan(500);
});
