import { expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { parseDigest } from "../../../src/core/model/digest.ts";
import { imageId } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import { decide } from "../../../src/core/plan/decide.ts";
import type { Sight } from "../../../src/core/plan/sight.ts";
import { at, id, image, ready, sight, want } from "./sample.ts";

const base = { label: "a", size: 1 };
const [one, two] = [parseDigest(`sha256:${"1".repeat(64)}`), parseDigest(`sha256:${"2".repeat(64)}`)];
const [first, second] = [
  { where: "/x", ...(one && { digest: one }) },
  { where: "/x", ...(two && { digest: two }) },
];
const foreign = image(base, { id: imageId("f-1") });
const stranger = { ...foreign, mark: { file: "others", owner: at, content: "none" } };

const show = (step: Step | undefined): string => {
  if (step === undefined) return "nothing";
  const because = "because" in step ? ` (${[step.because].flat().join(", ")})` : "";
  const rest = step.leftovers === undefined ? "" : `, sweeps ${step.leftovers.join(" ")}`;
  return `${step.action}${"id" in step ? ` ${step.id}` : ""}${because}${rest}`;
};

const unproven = { file: "images", owner: at, content: "unproven:1" };

const table: readonly [what: string, sight: Partial<Sight>, step: string][] = [
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
  ["an import", { want: want(base, { importing: id }), have: image(base) }, "adopt i-1 (import)"],
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
    { want: want(base), known: ready(base), have: image(base, { mark: unproven }) },
    "update i-1",
  ],
  [
    "the same, and the state is lost",
    { want: want(base, { mark: { ...unproven, content: "sha256:a" } }), have: image(base, { mark: unproven }) },
    "replace i-1 (content)",
  ],
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
      want: want(base, { mark: { file: "images", owner: at, content: second.digest ?? "" } }),
      have: image(base, { mark: { file: "images", owner: at, content: first.digest ?? "" } }),
    },
    "replace i-1 (content)",
  ],
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
  [
    "the mark was taken off",
    { want: want(base), known: ready(base), have: image(base, { mark: undefined as never }) },
    "update i-1",
  ],
  ["no marks are wanted", { want: want(base, { mark: undefined }), known: ready(base), have: image(base) }, "keep i-1"],
  ["protect is new", { want: want(base, {}, { protect: true }), known: ready(base), have: image(base) }, "update i-1"],
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
    { want: want(base, { blind: new Failure("source.missing", "gone") }) },
    "block (source)",
  ],
  [
    "the same, but the image is there",
    {
      want: want(base, { blind: new Failure("source.missing", "gone"), content: undefined }),
      known: ready(base),
      have: image(base),
    },
    "keep i-1",
  ],
  ["existing, but not there", { want: want(base, {}, { existing: true }) }, "block (missing)"],
  ["nothing to make it from", { want: want(base, { origin: false }) }, "block (missing)"],
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
  ["undeclared, in use", { known: ready(base), have: image(base), uses: "3 servers" }, "block (refused)"],
  ["[[removed]] keeps it", { known: ready(base), have: image(base), removed: "keep" }, "forget (removed)"],
  ["[[removed]] destroys it", { known: ready(base), have: image(base), removed: "destroy" }, "delete i-1 (removed)"],
  ["absent, there", { want: want(base), absent: true, known: ready(base), have: image(base) }, "delete i-1 (absent)"],
  ["absent, nowhere", { want: want(base), absent: true }, "nothing"],
  ["absent, but a foreign one has the name", { want: want(base), absent: true, rival: stranger }, "block (foreign)"],
  ["the same with --adopt", { want: want(base), absent: true, rival: stranger, adopt: true }, "delete f-1 (absent)"],
  ["destroy", { mode: "destroy", want: want(base), known: ready(base), have: image(base) }, "delete i-1 (destroy)"],
  [
    "destroy, protected",
    { mode: "destroy", want: want(base, {}, { protect: true }), known: ready(base), have: image(base) },
    "block (protected)",
  ],
];

for (const [what, seen, step] of table) test(`${what}: ${step}`, () => expect(show(decide(sight(seen)))).toBe(step));
