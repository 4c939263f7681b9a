import { expect } from "bun:test";
import { type Attribute, type Attributes, isSame, isTable, type Value } from "images";
import { type AttributeLife, type Clause, ClauseSkipped } from "../core/conformance.ts";
import { sameBy } from "../core/plan/diff.ts";
import type { Check, TestStage } from "./stage.ts";

// Clauses about attributes: set, changed, cleared, drifted.

const lives = ({ spec }: TestStage): [string, AttributeLife][] => Object.entries(spec.lives);

/** A value that stays is no difference once it is undeclared, so that the plan does not show it: the image does. */
function expectCleared(name: string, left: Value, was: Value, attribute: Attribute): void {
  const bare = attribute.ownName === true ? "small" : attribute.unset;
  if (bare === undefined ? isTable(was) && isSame(left, was) : !sameBy(attribute, left, bare))
    throw new Error(`${name}: after it was cleared, the image still has ${JSON.stringify(left)}`);
}

export const ATTRIBUTE_CLAUSES = {
  "all attributes": async (stage) => {
    const all = Object.fromEntries(
      lives(stage).flatMap(([name, life]) => (life.with === undefined ? [[name, life.set]] : [])),
    );
    await stage.declare({ small: { ...stage.spec.small, ...all } });
    await stage.apply();
    await stage.settled();
  },

  "attribute lives": async (stage) => {
    await stage.declare({ small: stage.spec.small });
    const plugin = await stage.plugin();
    for (const [name, life] of lives(stage)) {
      const step = async (what: string, attributes: Attributes) => {
        await stage.declare({ small: { ...stage.spec.small, ...life.with, ...attributes } });
        const said = await stage.run("apply", "--yes");
        if (said.code !== 0) throw new Error(`${name}: to ${what} it failed:\n${said.stderr}`);
        await stage.settled().catch((thrown: unknown) => {
          throw new Error(`${name}: after it was ${what}: ${thrown instanceof Error ? thrown.message : thrown}`);
        });
        return (await stage.ours())[0];
      };
      const set = await step("set", { [name]: life.set });
      const changed = await step("changed", { [name]: life.change });
      if (life.replaces !== true) expect([name, changed?.id]).toEqual([name, set?.id]);
      else expect([name, changed?.id]).not.toEqual([name, set?.id]);
      if (life.clears === false) continue;
      const cleared = await step("cleared", {});
      const [left, attribute] = [cleared?.attributes[name], plugin.image[name]];
      if (life.replaces === true || life.stays === true || name in stage.spec.small) continue;
      if (left !== undefined && attribute !== undefined) expectCleared(name, left, life.change, attribute);
    }
  },

  edit: async (stage) => {
    const edits = lives(stage).filter(([, life]) => life.replaces !== true && life.with === undefined);
    if (edits.length === 0) throw new ClauseSkipped("nothing can be changed in place");
    const of = (which: "set" | "change") => Object.fromEntries(edits.map(([name, life]) => [name, life[which]]));
    await stage.declare({ small: { ...stage.spec.small, ...of("set") } });
    await stage.apply();
    const [before] = await stage.ours();
    await stage.declare({ small: { ...stage.spec.small, ...of("change") } });
    await stage.apply();
    const after = await stage.ours();
    expect(after.map(({ id }) => id)).toEqual([before?.id ?? ""]);
    await stage.settled();
  },

  drift: async (stage) => {
    const { meddle } = stage.place;
    if (meddle === undefined) throw new ClauseSkipped("an image cannot be changed from outside here");
    const all = Object.fromEntries(
      lives(stage).flatMap(([name, life]) => (life.with === undefined ? [[name, life.set]] : [])),
    );
    await stage.declare({ small: { ...stage.spec.small, ...all } });
    await stage.apply();
    const [image] = await stage.ours();
    const name = await meddle(image?.id ?? "");
    const plan = await stage.run("plan", "--detailed-exitcode", "--out", "plan.json");
    expect(plan.code).toBe(2);
    const file: { resource_drift?: readonly { change: { actions: readonly string[] } }[] } = await Bun.file(
      stage.folder.at("plan.json"),
    ).json();
    expect(file.resource_drift?.length).toBe(1);
    expect(plan.stdout).toContain(name);
    await stage.apply();
    await stage.settled();
  },
} satisfies Partial<Record<Clause, Check>>;
