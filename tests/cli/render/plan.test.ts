import { describe, expect, test } from "bun:test";
import { confirmation, renderPlan } from "../../../src/cli/render/plan.ts";
import { ansi, none } from "../../../src/cli/render/style.ts";
import { cells } from "../../../src/cli/render/text.ts";
import { imageId } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import { golden } from "../../golden.ts";
import { add, at, EVIL, edit, FULL, planOf, remove, STEPS } from "./plans.ts";

describe("a plan as text", () => {
  for (const columns of [40, 80, 120, 200]) {
    test(`at ${columns} columns`, async () => {
      const text = renderPlan(FULL, { style: none, columns });
      await golden(`plan-${columns}.txt`, text);
      const wide = text.split("\n").filter((line) => cells(line) > columns && !line.startsWith("Plan: "));
      expect(wide).toEqual([]);
    });
  }
  test("in colour it says the same", async () => {
    const text = renderPlan(FULL, { style: ansi, columns: 80 });
    await golden("plan-colour.txt", text);
    expect(Bun.stripANSI(text)).toBe(renderPlan(FULL, { style: none, columns: 80 }));
  });
  test("in a file nothing is wrapped", async () => await golden("plan-file.txt", renderPlan(FULL, { style: none })));
  test("text from servers cannot act on a terminal", async () => {
    const text = renderPlan(EVIL, { style: none, columns: 80 });
    await golden("plan-hostile.txt", text);
    expect(text.match(/[\p{Cc}\p{Bidi_Control}]/gu)?.filter((found) => found !== "\n") ?? []).toEqual([]);
    expect(text.match(/^Plan: /gm)).toHaveLength(1);
  });
});

const plain = { style: none, columns: 80 };
const last = (text: string) => text.trimEnd().split("\n");

describe("the sentences that scripts look for", () => {
  test("one to add", () => {
    const [create] = STEPS;
    expect(last(renderPlan(planOf(create === undefined ? [] : [create]), plain)).at(-1)).toBe(
      "Plan: 1 to add, 0 to change, 0 to destroy.",
    );
  });
  test("imports first, forgotten ones last, blocked ones counted", () => {
    const lines = last(renderPlan(FULL, plain));
    expect(lines).toContain(
      "Plan: 2 to import, 6 to add, 2 to change, 7 to destroy, 2 to forget, 1 to verify, 1 blocked.",
    );
    expect(lines.slice(-2)).toEqual(["1 moved", "2 unchanged"]);
  });
  test("nothing to do", () => {
    const same = planOf([{ action: "keep", address: at("lab/same"), id: imageId("1") }]);
    expect(renderPlan(same, plain)).toBe("No changes. Your infrastructure matches the configuration.\n1 unchanged\n");
    expect(renderPlan({ ...same, steps: [], mode: "destroy" }, plain)).toBe(
      "No changes. No objects need to be destroyed.\n",
    );
  });
  test("a backend that did not answer is not `No changes.`", () => {
    const text = renderPlan({ ...FULL, steps: [], drift: [], warnings: [] }, plain);
    expect(text).not.toContain("No changes.");
    expect(text).toContain("No changes on the available backends.");
  });
  test("only drift to record", () => {
    const text = renderPlan({ ...FULL, mode: "refresh-only", steps: [], outages: [], warnings: [] }, plain);
    expect(last(text).at(-1)).toBe("Refresh only: 2 images to be updated in the state only.");
  });
});

describe("the steps", () => {
  const text = (steps: readonly Step[]) => renderPlan(planOf(steps), plain);
  test("a blank line is between two images, and none within one", () => {
    const blocks = renderPlan(FULL, plain).split("\n\n");
    for (const { address } of STEPS.filter(({ action }) => action !== "keep"))
      expect(blocks.filter((one) => new RegExp(`^  \\S+ +\\w+ +${address}`, "m").test(one)).length).toBeGreaterThan(0);
    const heads = blocks.filter((one) => /^ {2}\S+ +(?:create|update|replace|delete|adopt|import|blocked) /.test(one));
    for (const block of heads) expect(block.split("\n").filter((line) => /^ {2}\S/.test(line))).toHaveLength(1);
  });
  test("blocked ones stand last", () => {
    const all = text([...STEPS.filter(({ action }) => action === "block"), ...STEPS]).split("\n");
    const last = all.findLastIndex((line) => /^ {2}\S+ +(?!blocked)\w+ +\w+\//.test(line));
    expect(all.findIndex((line) => line.includes("  blocked "))).toBeGreaterThan(last);
  });
  test("a legend has the symbols that are used, and no others", () => {
    const [create] = STEPS;
    expect(text(create === undefined ? [] : [create])).toStartWith("Symbols: + create\n\n  +  create ");
    expect(text([{ action: "keep", address: at("lab/same"), id: imageId("1") }])).not.toContain("Symbols");
  });
  test("a move is one, and the ownership marker is no attribute", () => {
    const marker = edit("marker", "lab/former", "lab/renamed");
    const step = { address: at("lab/renamed"), id: imageId("1"), previous: at("lab/former") };
    const moved = text([{ action: "update", ...step, changes: [marker] }]);
    expect(moved).toContain(
      "  >  move     lab/former -> lab/renamed  1\n      the ownership marker gets the new address\n",
    );
    const changed = text([{ action: "update", ...step, changes: [marker, edit("size", 1, 2)] }]);
    expect(changed).toContain("  ~  update   lab/renamed  1\n      moved from lab/former\n");
    for (const one of [moved, changed]) expect(one).not.toMatch(/[~+] marker/);
    const { previous: _, ...there } = step;
    expect(text([{ action: "update", ...there, changes: [add("marker", "m")] }])).toContain(
      "the ownership marker is written\n",
    );
  });
  test("a table is shown key by key at every width, and without one", () => {
    const properties = { a: "1", b: "2" };
    const step = { action: "update", address: at("lab/a"), id: imageId("1") } as const;
    for (const columns of [40, 80, 120, 200, 400, undefined])
      for (const change of [add("p", properties), remove("p", properties), edit("p", properties, { a: "1", b: "3" })]) {
        const shown = renderPlan(planOf([{ ...step, changes: [change] }]), { style: none, columns }).split("\n");
        expect(shown.some((line) => /^ {10}[-+~] b = /.test(line))).toBe(true);
      }
  });
});

describe("the values of an attribute", () => {
  const changes = [
    add(
      "long_list",
      Array.from({ length: 30 }, (_, i) => `entry-${i}`),
    ),
    edit(
      "order",
      ["one-long-entry", "two-long-entry", "three-long-entry"],
      ["three-long-entry", "two-long-entry", "one-long-entry"],
    ),
    edit(
      "mappings",
      [
        { device: "/dev/sda1", size: 10, type: "gp2", delete: true },
        { device: "/dev/sdb", size: 5, type: "io1", iops: 100 },
      ],
      [
        { device: "/dev/sda1", size: 10, type: "gp2", delete: true },
        { device: "/dev/sdb", size: 50, type: "io1", iops: 100 },
      ],
    ),
    edit("manifest", "first\nsecond\nthird\n", "first\n2nd\nthird\n"),
    edit("long", `${"x".repeat(500)}a`, `${"x".repeat(500)}b`),
    edit("shape", "text", ["text"]),
    edit("unicode", "日本語の名前", "日本語の名前です"),
    remove("table", { a: 1, "b.c": true, nested: { deep: [1, 2, { x: "y" }] } }),
    add("empty", {}),
  ];
  const plan = planOf([{ action: "update", address: at("lab/values"), id: imageId("1"), changes }]);
  for (const columns of [40, 80])
    test(`at ${columns} columns`, async () => {
      const text = renderPlan(plan, { style: none, columns });
      await golden(`plan-values-${columns}.txt`, text);
      expect(text.split("\n").filter((line) => cells(line) > columns && !line.startsWith("Plan: "))).toEqual([]);
    });
});

test("the confirmation names all that goes", async () => {
  await golden("plan-confirmation.txt", confirmation(FULL, plain));
  expect(confirmation(planOf(STEPS.filter(({ action }) => action === "update")), plain)).toBe("");
});

test("ten thousand steps are drawn in order and whole", () => {
  const steps = Array.from(
    { length: 10_000 },
    (_, i) => ({ action: "keep", address: at(`lab/i${i}`), id: imageId("1") }) as const,
  );
  expect(renderPlan(planOf(steps), plain)).toEndWith("10000 unchanged\n");
});
