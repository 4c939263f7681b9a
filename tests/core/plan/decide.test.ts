import { expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { parseDigest } from "../../../src/core/model/digest.ts";
import { imageId } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import { decide } from "../../../src/core/plan/decide.ts";
import type { DecisionInput } from "../../../src/core/plan/input.ts";
import { at, id, image, ready, sight, unmarked, want } from "./sample.ts";

const base = { label: "a", size: 1 };
const [one, two] = [parseDigest(`sha256:${"1".repeat(64)}`), parseDigest(`sha256:${"2".repeat(64)}`)];
const [first, second] = [
  { where: "/x", ...(one && { digest: one }) },
  { where: "/x", ...(two && { digest: two }) },
];
/** The same URL, with another ETag since its bytes were read. */
const [read, moved] = [
  { ...first, validators: { etag: "a" } },
  { where: "/x", validators: { etag: "b" } },
];
const foreign = image(base, { id: imageId("f-1") });
const stranger = { ...foreign, mark: { file: "others", owner: at, content: "none", lineage: "L9", self: "f-1" } };
const copy = image(base, {
  id: imageId("c-1"),
  marker: { file: "images", owner: at, content: "none", lineage: "L1", self: id },
});
const replacing = { ...ready(base), status: "replacing" } as const;
const kept = {
  id: imageId("v-1"),
  content: { where: "/x" },
  replaced: "2026-11-01T00:00:00.000Z",
  status: "kept",
} as const;

const show = (step: Step | undefined): string => {
  if (step === undefined) return "nothing";
  const because = "because" in step ? ` (${[step.because].flat().join(", ")})` : "";
  const rest = step.leftovers === undefined ? "" : `, sweeps ${step.leftovers.join(" ")}`;
  const holds = step.action === "adopt" && step.hold === true ? ", holds" : "";
  const unless = step.action === "replace" && step.unlessSame === true ? ", unless they are the same bytes" : "";
  return `${step.action}${"id" in step ? ` ${step.id}` : ""}${because}${rest}${holds}${unless}`;
};

const mine = { file: "images", owner: at, content: "none", lineage: "L1", self: id };
const unproven = { ...mine, content: "unproven:1" };
const elsewhere = { ...mine, lineage: "L2" };
const other = { ...mine, content: first.digest ?? "" };

const table: readonly [what: string, sight: Partial<DecisionInput>, step: string][] = [
  ["declared, unknown, not there", { want: want(base) }, "create (declared)"],
  ["declared, known, gone", { want: want(base), known: ready(base) }, "create (vanished)"],
  [
    "declared, half made, gone",
    { want: want(base), known: { ...ready(base), status: "creating" } },
    "create (unfinished)",
  ],
  ["declared, unknown, ours by its mark", { want: want(base), have: image(base) }, "adopt i-1 (mark)"],
  ["declared, unknown, a foreign one holds the name", { want: want(base), rival: stranger }, "block (foreign)"],
  ["the same with --adopt", { want: want(base), rival: stranger, adopt: true }, "adopt f-1 (adopt)"],
  [
    "--adopt never replaces a foreign one",
    { want: want({ ...base, size: 9 }), rival: stranger, adopt: true },
    "block (foreign)",
  ],
  ["--adopt takes the only namesake", { want: want(base), namesake: stranger, adopt: true }, "adopt f-1 (adopt)"],
  ["a namesake alone blocks nothing", { want: want(base), namesake: stranger }, "create (declared)"],
  [
    "ours wants a name that a foreign one holds",
    { want: want(base), known: ready(base), have: image(base), rival: stranger },
    "block (foreign)",
  ],
  ["an import", { want: want(base, { importId: id }), have: image(base) }, "adopt i-1 (import)"],
  ["known and the same", { want: want(base), known: ready(base), have: image(base) }, "keep i-1"],
  [
    "known, differs in place",
    { want: want({ ...base, label: "b" }), known: ready(base), have: image(base) },
    "update i-1",
  ],
  [
    "known, differs, needs a new one",
    { want: want({ ...base, size: 2 }), known: ready(base), have: image(base) },
    "replace i-1 (size)",
  ],
  [
    "known, other bytes",
    { want: want(base, { content: second }), known: ready(base, { content: first }), have: image(base) },
    "replace i-1 (content)",
  ],
  [
    "the same bytes",
    { want: want(base, { content: first }), known: ready(base, { content: first }), have: image(base) },
    "keep i-1",
  ],
  [
    "its mark was never completed",
    { want: want(base), known: ready(base), have: image(base, { marker: unproven }) },
    "update i-1",
  ],
  ["the same, and the state is lost", { want: want(base), have: image(base, { marker: unproven }) }, "block (foreign)"],
  [
    "content is ignored",
    {
      want: want(base, { content: second }, { ignoreChanges: ["content"] }),
      known: ready(base, { content: first }),
      have: image(base),
    },
    "keep i-1",
  ],
  [
    "an id of its own that nobody has: what is left under it is filled",
    {
      want: want(base, { chosenId: id }),
      known: { ...ready(base), status: "creating" },
      idHolder: image(base),
      leftovers: [id],
    },
    "create (unfinished)",
  ],
  [
    "a foreign image has the id",
    { want: want(base, { chosenId: imageId("f-1") }), idHolder: stranger },
    "block (foreign)",
  ],
  [
    "another id, which a foreign image has",
    {
      want: want({ ...base, size: 2 }, { chosenId: imageId("f-1") }),
      known: ready(base),
      have: image(base),
      idHolder: stranger,
    },
    "block (foreign)",
  ],
  [
    "other bytes under the same id",
    {
      want: want(base, { content: second, chosenId: id }),
      known: ready(base, { content: first }),
      have: image(base),
      idHolder: image(base),
    },
    "block (refused)",
  ],
  [
    "bytes changed on the backend",
    {
      want: want(base),
      known: ready(base, { digests: { ...(one && { sha256: one }) } }),
      have: image(base, { digests: { ...(two && { sha256: two }) } }),
    },
    "replace i-1 (content)",
  ],
  [
    "a lost state, and other bytes by the mark",
    {
      want: want(base, { content: second }),
      have: image(base, { marker: other }),
    },
    "block (foreign)",
  ],
  [
    "the same with --adopt: taken as it is, and nothing else",
    { want: want(base, { content: second }), have: image(base, { marker: other }), adopt: true },
    "adopt i-1 (adopt), holds",
  ],
  [
    "a lost state, and the same bytes by the marker of another lineage",
    { want: want(base, { content: first }), have: image(base, { marker: { ...other, lineage: "L2" } }) },
    "adopt i-1 (mark)",
  ],
  ["a lost state, and --replace", { want: want(base), have: image(base), replace: true }, "block (foreign)"],
  [
    "a lost state, and an attribute that needs a new one",
    { want: want({ ...base, size: 2 }), have: image(base) },
    "block (foreign)",
  ],
  [
    "known, and marked by another state since",
    { want: want(base), known: ready(base), have: image(base, { marker: elsewhere }) },
    "block (foreign)",
  ],
  [
    "the same with --adopt: it stays the other state's",
    { want: want(base), known: ready(base), have: image(base, { marker: elsewhere }), adopt: true },
    "block (foreign)",
  ],
  [
    "another ETag: replaced, unless the bytes are the same",
    { want: want(base, { content: moved }), known: ready(base, { content: read }), have: image(base) },
    "replace i-1 (content), unless they are the same bytes",
  ],
  [
    "the same of a protected image: its bytes are compared",
    {
      want: want(base, { content: moved }, { protect: true }),
      known: ready(base, { content: read, protect: true }),
      have: image(base),
    },
    "verify i-1",
  ],
  [
    "undeclared, and marked by another state since",
    { known: ready(base), have: image(base, { marker: elsewhere }) },
    "block (foreign)",
  ],
  [
    "two could be the one",
    { want: want(base), have: image(base), ambiguous: [image(base), foreign] },
    "block (foreign)",
  ],
  ["an interrupted creation of another state", { want: want(base), incomplete: foreign }, "block (foreign)"],
  ["a copy holds the name", { want: want(base), rival: copy }, "block (foreign)"],
  ["a copy is not adopted, whatever the flags", { want: want(base), rival: copy, adopt: true }, "block (foreign)"],
  ["a copy is not imported", { want: want(base, { importId: copy.id }), have: copy, adopt: true }, "block (foreign)"],
  [
    "an image of other bytes is not adopted",
    {
      want: want(base, { content: first, sentAsIs: true }),
      rival: { ...unmarked(foreign), digests: { ...(two && { sha256: two }) } },
      adopt: true,
    },
    "block (foreign)",
  ],
  [
    "nor one of another size",
    {
      want: want(base, { sentAsIs: true }),
      rival: { ...unmarked(foreign), size: 11 },
      adopt: true,
    },
    "block (foreign)",
  ],
  ["destroy, with a lost state", { mode: "destroy", want: want(base), have: image(base) }, "block (foreign)"],
  ["absent, with a lost state", { want: want(base), absent: true, have: image(base) }, "block (foreign)"],
  [
    "the same with --adopt: taken, to be deleted by the next run",
    { want: want(base), absent: true, have: image(base), adopt: true },
    "adopt i-1 (adopt), holds",
  ],
  [
    "an interrupted replace whose origin tells nothing goes on",
    { want: want(base), known: { ...replacing, former: { want: base } }, have: image(base) },
    "adopt i-1 (mark)",
  ],
  [
    "an interrupted replace goes on by what was recorded before it",
    {
      want: want({ ...base, disk: "B" }),
      known: { ...replacing, former: { want: { ...base, disk: "A" } } },
      have: image(base),
    },
    "replace i-1 (disk)",
  ],
  [
    "an interrupted replace that was asked for goes on",
    { want: want(base), known: { ...replacing, former: { want: base }, requested: true }, have: image(base) },
    "replace i-1 (requested)",
  ],
  [
    "an interrupted replace of an older version goes on",
    { want: want(base), known: replacing, have: image(base) },
    "replace i-1 (interrupted)",
  ],
  ["gone, with versions that were kept", { known: ready(base, { retained: [kept] }) }, "delete v-1 (undeclared)"],
  [
    "asked for with --replace",
    { want: want(base), known: ready(base), have: image(base), replace: true },
    "replace i-1 (requested)",
  ],
  [
    "an immutable attribute",
    {
      want: want({ ...base, owner: "y" }),
      known: ready({ ...base, owner: "x" }),
      have: image({ ...base, owner: "x" }),
    },
    "block (refused)",
  ],
  [
    "protected, to be replaced",
    { want: want({ ...base, size: 2 }, {}, { protect: true }), known: ready(base), have: image(base) },
    "block (protected)",
  ],
  ["the mark was taken off", { want: want(base), known: ready(base), have: unmarked(image(base)) }, "update i-1"],
  [
    "no marks are wanted",
    { want: want(base, { marker: undefined }), known: ready(base), have: image(base) },
    "keep i-1",
  ],
  ["protect is new", { want: want(base, {}, { protect: true }), known: ready(base), have: image(base) }, "update i-1"],
  [
    "on_remove is new",
    { want: want(base, {}, { onRemove: "forget" }), known: ready(base), have: image(base) },
    "update i-1",
  ],
  [
    "a limit of the backend",
    { want: want(base, { complaints: [{ code: "config.limit", message: "too large" }] }) },
    "block (limits)",
  ],
  [
    "a warning is no limit",
    { want: want(base, { complaints: [{ code: "config.limit", message: "large", severity: "warning" }] }) },
    "create (declared)",
  ],
  [
    "the source cannot be looked at",
    { want: want(base, { originFailure: new Failure("source.missing", "gone") }) },
    "block (source)",
  ],
  [
    "the same, but the image is there",
    {
      want: want(base, { originFailure: new Failure("source.missing", "gone"), content: undefined }),
      known: ready(base),
      have: image(base),
    },
    "keep i-1",
  ],
  ["existing, but not there", { want: want(base, {}, { existing: true }) }, "block (missing)"],
  ["nothing to make it from", { want: want(base, { hasOrigin: false }) }, "block (missing)"],
  [
    "half made remains go with the step",
    { want: want(base), known: { ...ready(base), status: "creating" }, leftovers: [id] },
    "create (unfinished), sweeps i-1",
  ],
  ["undeclared, there", { known: ready(base), have: image(base) }, "delete i-1 (undeclared)"],
  ["undeclared, gone", { known: ready(base) }, "forget (vanished)"],
  [
    "undeclared, half made",
    {
      known: { ...ready(base, { onRemove: "forget" }), status: "creating" },
      leftovers: [imageId("l-1"), imageId("l-2")],
    },
    "delete l-1 (undeclared), sweeps l-2",
  ],
  ["undeclared, failed since", { known: ready(base), leftovers: [id] }, "delete i-1 (undeclared)"],
  [
    "undeclared, failed since, only to be forgotten",
    { known: ready(base, { onRemove: "forget" }), leftovers: [id] },
    "forget (on_remove)",
  ],
  [
    "undeclared, protected in the state",
    { known: ready(base, { protect: true }), have: image(base) },
    "block (protected)",
  ],
  [
    "undeclared, to be forgotten",
    { known: ready(base, { onRemove: "forget" }), have: image(base) },
    "forget (on_remove)",
  ],
  [
    "undeclared, to be hidden",
    { known: ready(base, { onRemove: "hide" }), have: image(base) },
    "retire i-1 (undeclared)",
  ],
  ["[[removed]] keeps it", { known: ready(base), have: image(base), removed: "keep" }, "forget (removed)"],
  ["[[removed]] destroys it", { known: ready(base), have: image(base), removed: "destroy" }, "delete i-1 (removed)"],
  ["absent, there", { want: want(base), absent: true, known: ready(base), have: image(base) }, "delete i-1 (absent)"],
  ["absent, nowhere", { want: want(base), absent: true }, "nothing"],
  ["absent, but a foreign one has the name", { want: want(base), absent: true, rival: stranger }, "block (foreign)"],
  [
    "the same with --adopt",
    { want: want(base), absent: true, rival: stranger, adopt: true },
    "adopt f-1 (adopt), holds",
  ],
  ["destroy", { mode: "destroy", want: want(base), known: ready(base), have: image(base) }, "delete i-1 (destroy)"],
  [
    "destroy, protected",
    { mode: "destroy", want: want(base, {}, { protect: true }), known: ready(base), have: image(base) },
    "block (protected)",
  ],
];

for (const [what, seen, step] of table) test(`${what}: ${step}`, () => expect(show(decide(sight(seen)))).toBe(step));

test("a hint offers --adopt exactly where --adopt then works", () => {
  const blocked = table.flatMap(([what, input]) => {
    const without = decide(sight({ ...input, adopt: false }));
    if (without?.action !== "block" || without.because !== "foreign") return [];
    const adopting = decide(sight({ ...input, adopt: true }));
    return [[what, /\bpass --adopt\b/.test(without.hint ?? ""), adopting?.action !== "block"] as const];
  });
  expect(blocked.filter(([, offered]) => offered).length).toBeGreaterThan(0);
  expect(blocked.filter(([, offered, works]) => offered && !works)).toEqual([]);
});
