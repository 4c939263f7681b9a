import { expect } from "bun:test";
import { type Attributes, imageId, type Value } from "images";
import { type Clause, type Life, NotAsked } from "./place.ts";
import { AT, listening, reading, type Stage } from "./stage.ts";
import type { Check } from "./suite.ts";

// Clauses about attributes: set, changed, cleared, drifted.

/** Gives attributes to the image of `small` as somebody would who does not know of this program: its marker stays as it is. Answers which are no default. */
async function give(stage: Stage, given: Attributes): Promise<readonly string[]> {
  await using open = await stage.backend();
  const [small] = await stage.ours();
  const have = await open.backend.read({ address: AT, id: imageId(small?.id ?? "") }, reading);
  if (have === undefined) throw new Error("there is no image to give anything to");
  const want = open.session.config.resources.find(({ address }) => address === AT)?.want ?? {};
  const marker = () => have.mark;
  const names = Object.keys(given).filter((name) => want[name] === undefined);
  await open.backend.update(
    have,
    { ...given, ...want },
    [],
    listening(reading.signal, { mark: have.mark, marker }).context,
  );
  return names;
}

const lives = ({ spec }: Stage): [string, Life][] => Object.entries(spec.lives);

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
    for (const [name, life] of lives(stage)) {
      const step = async (what: string, attributes: Attributes) => {
        await stage.declare({ small: { ...stage.spec.small, ...life.with, ...attributes } });
        const said = await stage.run("apply", "--yes");
        if (said.code !== 0) throw new Error(`${name}: to ${what} it failed:\n${said.stderr}`);
        await stage.settled().catch((thrown: unknown) => {
          throw new Error(`${name}: after it was ${what}: ${thrown instanceof Error ? thrown.message : thrown}`);
        });
        return (await stage.ours())[0]?.id;
      };
      const set = await step("set", { [name]: life.set });
      const changed = await step("changed", { [name]: life.change });
      if (life.replaces !== true) expect([name, changed]).toEqual([name, set]);
      else expect([name, changed]).not.toEqual([name, set]);
      if (life.clears !== false) await step("cleared", {});
    }
  },

  /** What people gave to an image survives its replace, and an interrupted one; what does not is a line of the plan. */
  "added by others": async (stage) => {
    const given = Object.entries(stage.spec.given ?? {}).concat(
      stage.spec.given === undefined
        ? lives(stage).flatMap(([name, life]): [string, Value][] =>
            life.replaces === true || life.with !== undefined || name in stage.spec.small || name === "protected"
              ? []
              : [[name, life.set]],
          )
        : [],
    );
    if (given.length === 0) throw new NotAsked("nothing can be given to an image that is there");
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [before] = await stage.ours();
    const names = await give(stage, Object.fromEntries(given));
    const [added] = await stage.ours();
    await stage.settled();
    const plan = await stage.ok("plan", "--replace", "x/small");
    await stage.apply("--replace", "x/small");
    const after = await stage.ours();
    expect(after.length).toBe(1);
    expect(after[0]?.id).not.toBe(before?.id);
    for (const name of names) {
      const isLost = plan.stdout.includes(`lost: ${name}`) || plan.stdout.includes(`lost: the ${name}`);
      if (!isLost) expect([name, after[0]?.attributes[name]]).toEqual([name, added?.attributes[name]]);
      if (!isLost) expect([name, plan.stdout.includes(name)]).toEqual([name, true]);
    }
    await stage.settled();
  },

  edit: async (stage) => {
    const edits = lives(stage).filter(([, life]) => life.replaces !== true && life.with === undefined);
    if (edits.length === 0) throw new NotAsked("nothing can be changed in place");
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
    if (meddle === undefined) throw new NotAsked("nobody else can change an image here");
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
