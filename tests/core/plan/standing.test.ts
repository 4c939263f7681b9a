import { expect, test } from "bun:test";
import { address, backendName, imageId, imageName } from "../../../src/core/model/name.ts";

import { markerStatus, type Ownership, type OwnershipClaim, ownershipOf } from "../../../src/core/plan/ownership.ts";
import { at, id, image, ready, unmarked } from "./sample.ts";

// Who may touch what: each line of the table of docs/lifecycle.md, "Whose image".

const base = { label: "a" };
const selfless = { file: "images", owner: at, content: "none", lineage: "L1" };
const mine = { ...selfless, self: id };
const claim: OwnershipClaim = { address: at, known: ready(base), file: "images", lineage: "L1", marks: true };
const lost: OwnershipClaim = { ...claim, known: undefined };
const { id: _, have: __, ...common } = ready(base);
const creating = { ...common, status: "creating", nonce: "n1" } as const;
const bare = unmarked(image(base));
const elsewhere = address(backendName("lab"), imageName("other"));

const table: readonly [what: string, image: ReturnType<typeof image>, claim: OwnershipClaim, expected: Ownership][] = [
  ["record, genuine marker of this lineage", image(base), claim, "recorded"],
  ["record, genuine marker, markers are off", image(base), { ...claim, marks: false }, "recorded"],
  ["record, no marker, markers are off", bare, { ...claim, marks: false }, "recorded"],
  ["record, the marker is gone", bare, claim, "unmarked"],
  [
    "record, the marker is a copy of another image's",
    image(base, { marker: { ...mine, self: "x" } }),
    claim,
    "unmarked",
  ],
  ["record, a marker of a version without self", image(base, { marker: selfless }), claim, "unmarked"],
  ["record, another lineage holds it now", image(base, { marker: { ...mine, lineage: "L2" } }), claim, "taken"],
  ["no record, genuine marker of this name and address", image(base), lost, "claimable"],
  ["no record, the same of another lineage", image(base, { marker: { ...mine, lineage: "L2" } }), lost, "claimable"],
  [
    "no record, genuine marker of the address before [[moved]]",
    image(base, { marker: { ...mine, owner: elsewhere } }),
    { ...lost, previous: elsewhere },
    "claimable",
  ],
  ["no record, genuine marker of another name", image(base, { marker: { ...mine, file: "others" } }), lost, "foreign"],
  [
    "no record, genuine marker of another address",
    image(base, { marker: { ...mine, owner: elsewhere } }),
    lost,
    "foreign",
  ],
  ["no record, no marker", bare, lost, "foreign"],
  ["no record, a marker of a version without self", image(base, { marker: selfless }), lost, "foreign"],
  ["no record, inherited marker", image(base, { marker: { ...mine, self: "x" } }), lost, "inherited"],
  [
    "no record, inherited marker on a backend with its own self",
    image(base, { self: "server/project" }),
    lost,
    "inherited",
  ],
  ["no record, a nonce that no row knows", image(base, { marker: { ...mine, self: "~n2" } }), lost, "incomplete"],
  ["another record, a copied marker", image(base, { id: imageId("i-2"), marker: mine }), claim, "inherited"],
  [
    "a creation under way, its nonce",
    image(base, { marker: { ...mine, self: "~n1" } }),
    { ...claim, known: creating },
    "recorded",
  ],
  [
    "a creation under way, another nonce",
    image(base, { marker: { ...mine, self: "~n2" } }),
    { ...claim, known: creating },
    "incomplete",
  ],
  ["a creation under way, genuine of this lineage", image(base), { ...claim, known: creating }, "recorded"],
  [
    "a creation under way, genuine of another lineage",
    image(base, { marker: { ...mine, lineage: "L2" } }),
    { ...claim, known: creating },
    "claimable",
  ],
];
for (const [what, seen, asked, expected] of table)
  test(`${what}: ${expected}`, () => expect(ownershipOf(seen, asked)).toBe(expected));

test("a marker is genuine only on the image that it names", () => {
  expect(markerStatus(image(base))).toBe("genuine");
  expect(markerStatus(image(base, { id: imageId("i-2"), marker: mine }))).toBe("inherited");
  expect(markerStatus(image(base, { self: "s", marker: { ...mine, self: "s" } }))).toBe("genuine");
});
