import { expect, test } from "bun:test";
import { imageId } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import type { Retained } from "../../../src/core/model/state.ts";
import { deletionsOf, guarded } from "../../../src/core/plan/deletions.ts";
import { at, id, ready, want } from "./sample.ts";

const now = new Date("2026-11-27T12:00:00.000Z");
const version = (name: string, day: string): Retained => ({
  id: imageId(name),
  content: { where: "/x" },
  replaced: `2026-11-${day}T00:00:00.000Z`,
  status: "kept",
});
const base = { label: "a" };
const four = [version("v1", "01"), version("v2", "02"), version("v3", "03")];
const known = ready(base, { retained: four });
const replace: Step = {
  action: "replace",
  address: at,
  id,
  changes: [],
  because: ["content"],
  order: "create-first",
  making: { transfer: { how: "upload" } },
};
const retain = (last: number, then: "delete" | "hide", minAge = 0) => ({ last, then, minAge });
const shown = (step: Step, retain?: { last: number; then: "delete" | "hide"; minAge?: number }) =>
  deletionsOf(step, known, want(base, {}, retain === undefined ? {} : { retain }), now).map(
    (one) => `${one.id} ${one.why}`,
  );

test("removing an image deletes every version of it, and each is in the plan", () =>
  expect(shown({ action: "delete", address: at, id, because: "undeclared" })).toEqual([
    "i-1 removed",
    "v1 superseded",
    "v2 superseded",
    "v3 superseded",
  ]));
test("a replace without retain deletes the old image and what was left over", () =>
  expect(shown({ ...replace, leftovers: [imageId("l-1")] })).toEqual(["l-1 leftover", "i-1 replaced"]));
test("a replace with retain deletes only the versions that are too many", () =>
  expect(shown(replace, retain(2, "delete"))).toEqual(["v2 superseded", "v1 superseded"]));
test("none that are younger than min_age", () =>
  expect(shown(replace, retain(1, "delete", 26 * 86_400))).toEqual(["v1 superseded"]));
test("versions that are hidden are not deleted", () => expect(shown(replace, retain(1, "hide"))).toEqual([]));
test("a blocked step deletes nothing", () =>
  expect(shown({ action: "block", address: at, because: "limits", text: "" })).toEqual([]));

const nothing = { uses: new Map(), protected: new Set<typeof id>() };
const withDeletes = { ...replace, deletes: deletionsOf(replace, known, want(base), now) };
test("in use: the replace is blocked, with the reason", () => {
  const { step } = guarded(withDeletes, { ...nothing, uses: new Map([[id, "the image is in use (3 servers)"]]) });
  expect(step).toMatchObject({
    action: "block",
    because: "refused",
    text: expect.stringContaining("in use (3 servers)"),
  });
});
test("protected on the backend: the replace is blocked", () => {
  const { step } = guarded(withDeletes, { ...nothing, protected: new Set([id]) });
  expect(step).toMatchObject({ action: "block", because: "protected" });
});
test("a superseded version in use stays, with a warning", () => {
  const step: Step = { ...replace, deletes: [{ id: imageId("v1"), why: "superseded" }] };
  const found = guarded(step, { ...nothing, uses: new Map([[imageId("v1"), "1 instance"]]) });
  expect(found.step).toEqual(replace);
  expect(found.warnings).toHaveLength(1);
});
test("removing an image with a version in use is blocked as a whole", () => {
  const step: Step = {
    action: "delete",
    address: at,
    id,
    because: "destroy",
    deletes: [{ id: imageId("v1"), why: "superseded" }],
  };
  expect(guarded(step, { ...nothing, uses: new Map([[imageId("v1"), "1 instance"]]) }).step.action).toBe("block");
});
