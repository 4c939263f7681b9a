import { expect } from "bun:test";
import { createHash } from "node:crypto";
import type { Attributes } from "images";
import { canDownload } from "../core/abilities.ts";
import { type Clause, ClauseSkipped } from "../core/conformance.ts";
import { imageId } from "../core/model/name.ts";
import { AT, type Check, NAME, NO_MARKERS, reading, type TestStage } from "./stage.ts";

// Clauses about the laws of the product, played by the whole program.

const several = ({ spec }: TestStage, i: number): Attributes => ({ ...spec.small, ...spec.several?.(i) });

/** An image but for the time of its last change: a marker that names another state is one. */
const untouched = ({
  attributes: { updated_at: _, updated: __, ...attributes },
  ...image
}: Awaited<ReturnType<TestStage["live"]>>[number]) => ({
  ...image,
  attributes,
});

export const GUARANTEE_CLAUSES = {
  law: async (stage) => {
    await stage.declare({ small: stage.spec.small });
    const said = await stage.apply();
    expect(`${said.stdout}${said.stderr}`).toContain("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    await stage.settled();
    expect((await stage.ours()).length).toBe(1);
  },

  "lost state": async (stage) => {
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const before = await stage.ours();
    await stage.loseState();
    await stage.apply();
    expect((await stage.ours()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    await stage.settled();
  },

  /** An image of this name and address that another state made, of other bytes: blocked; `--adopt` takes it, and the next run replaces it. */
  "another lineage": async (stage) => {
    if (stage.spec.otherBytes === undefined) throw new ClauseSkipped("no bytes are sent");
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const before = await stage.live();
    await stage.loseState();
    await stage.folder.write(stage.filename, stage.spec.otherBytes);
    const plan = await stage.run("plan");
    expect(plan.stdout).toContain("was made by another state");
    for (const args of [
      ["apply", "--yes"],
      ["apply", "--yes", "--replace", "x/small"],
      ["destroy", "--yes"],
    ]) {
      const said = await stage.run(...args);
      expect([args, said.code]).toEqual([args, 1]);
      expect(await stage.live()).toEqual(before);
    }
    const adopted = await stage.ok("apply", "--yes", "--adopt");
    expect(adopted.stdout).toContain("nothing else is changed in this run");
    expect((await stage.live()).map(untouched)).toEqual(before.map(untouched));
    await stage.apply();
    await stage.settled();
    expect((await stage.ours()).length).toBe(1);
    expect((await stage.ours())[0]?.id).not.toBe(before[0]?.id);
  },

  /** Writing down what the backend reports is no change. */
  "what is already so": async (stage) => {
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [image] = await stage.ours();
    const { lives, elsewhere = {}, small } = stage.spec;
    const live = Object.entries(image?.attributes ?? {}).filter(
      ([name]) => (name in lives || name in small) && !(name in elsewhere),
    );
    await stage.declare({ small: { ...stage.spec.small, ...Object.fromEntries(live) } });
    await stage.settled();
    // Nor is it to take that out again.
    await stage.apply();
    await stage.declare({ small: stage.spec.small });
    await stage.settled();
    // The same of an image of which everything is set.
    const set = Object.entries(lives).flatMap(([name, life]) => (life.with === undefined ? [[name, life.set]] : []));
    const all = { ...stage.spec.small, ...Object.fromEntries(set) };
    await stage.declare({ small: all });
    await stage.apply();
    const [whole] = await stage.ours();
    const told = Object.entries(whole?.attributes ?? {}).filter(
      ([name]) => (name in lives || name in small) && !(name in elsewhere),
    );
    await stage.declare({ small: { ...all, ...Object.fromEntries(told) } });
    await stage.settled();
  },

  listing: async (stage) => {
    const count = stage.spec.page ?? 5;
    const { requests } = stage.place;
    /** Makes so many images; answers how many requests the plan costs that follows. */
    const planned = async (many: number): Promise<number> => {
      const images = Array.from({ length: many }, (_, i) => [`small-${i}`, several(stage, i)] as const);
      await stage.declare(Object.fromEntries(images));
      await stage.apply();
      const before = requests?.() ?? 0;
      await stage.settled();
      return (requests?.() ?? 0) - before;
    };
    const [two, all] = [await planned(2), await planned(count)];
    // Pages, of which one more may begin; not a request for each of the images that came.
    expect([two, all, all - two < count - 2]).toEqual([two, all, true]);
    const ids = (await stage.ours()).map(({ id }) => id);
    expect(ids.length).toBe(count);
    expect(new Set(ids).size).toBe(count);
  },

  "side by side": async (stage) => {
    await stage.declare(Object.fromEntries([0, 1, 2].map((i) => [`small-${i}`, several(stage, i)])));
    await stage.apply("--parallelism", "3");
    expect((await stage.ours()).length).toBe(3);
    await stage.settled();
  },

  foreign: async (stage) => {
    const id = await stage.place.plant?.();
    if (id === undefined) throw new ClauseSkipped("an image cannot be created from outside here");
    await stage.declare({ small: stage.spec.small });
    for (const text of stage.place.scribble === undefined ? [] : NO_MARKERS) {
      await stage.place.scribble?.(id, text);
      expect([text, (await stage.live()).find((image) => image.id === id)?.ours]).toEqual([text, false]);
    }
    const before = (await stage.live()).find((image) => image.id === id);
    expect(before?.ours).toBe(false);
    {
      await using open = await stage.backend();
      expect(await open.backend.read({ address: AT }, reading)).toBeUndefined();
    }
    await stage.run("apply", "--yes");
    await stage.ok("destroy", "--yes");
    expect((await stage.live()).find((image) => image.id === id)).toEqual(before);
  },

  secrets: async (stage) => {
    const secrets = Object.values(stage.place.env ?? {});
    if (secrets.length === 0) throw new ClauseSkipped("this backend has no secrets");
    await stage.declare({ small: stage.spec.small });
    const said = [
      await stage.apply("--json=events.ndjson"),
      await stage.run("plan", "--out", "plan.json"),
      await stage.run("info", "x", "--json"),
      await stage.run("show"),
    ];
    const files = await Promise.all(
      ["events.ndjson", "plan.json", "images.state.json"].map((name) => Bun.file(stage.folder.at(name)).text()),
    );
    const journal = await Array.fromAsync(
      new Bun.Glob(".images/**/*").scan({ cwd: stage.folder.path, dot: true }),
      (name) => Bun.file(stage.folder.at(name)).text(),
    );
    const everything = [...said.map(({ stdout, stderr }) => stdout + stderr), ...files, ...journal].join("\n");
    for (const secret of secrets) expect(everything).not.toContain(secret);
  },

  "server errors": async (stage) => {
    const { refuse } = stage.place;
    if (refuse === undefined) throw new ClauseSkipped("this backend cannot be made to fail");
    await stage.declare({ small: stage.spec.small });
    refuse(503, 1);
    await stage.apply();
    expect((await stage.ours()).length).toBe(1);
    await stage.settled();
  },

  names: async (stage) => {
    const long = `long-${"x".repeat(50)}.v1_2`;
    await stage.declare(
      { [long]: several(stage, 1), "with.dots": several(stage, 2) },
      `[settings]\nname = "${NAME}.images-2"`,
    );
    await stage.apply();
    expect((await stage.ours()).length).toBe(2);
    await stage.settled();
  },

  "bytes back": async (stage) => {
    if (stage.spec.bytes === undefined) throw new ClauseSkipped("no bytes are sent");
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [image] = await stage.ours();
    await using open = await stage.backend();
    if (!canDownload(open.backend) || image === undefined)
      throw new ClauseSkipped("this backend does not give images back");
    const parts = await open.backend.download(imageId(image.id), reading);
    const hash = createHash("sha256");
    for await (const piece of parts.at(-1)?.open(reading.signal) ?? []) hash.update(piece);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(stage.spec.bytes).digest("hex"));
  },

  "changed bytes": async (stage) => {
    if (stage.spec.otherBytes === undefined) throw new ClauseSkipped("no bytes are sent");
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [before] = await stage.ours();
    await stage.folder.write(stage.filename, stage.spec.otherBytes);
    const plan = await stage.run("plan", "--detailed-exitcode");
    expect(plan.code).toBe(2);
    expect(plan.stdout).toContain("content");
    await stage.apply();
    const after = await stage.ours();
    expect(after.length).toBe(1);
    expect(after[0]?.id).not.toBe(before?.id);
    await stage.settled();
  },

  replace: async (stage) => {
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [before] = await stage.ours();
    await stage.apply("--replace", "x/small");
    const after = await stage.ours();
    expect(after.length).toBe(1);
    expect(after[0]?.id).not.toBe(before?.id);
    await stage.settled();
  },

  import: async (stage) => {
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [image] = await stage.ours();
    await stage.ok("state", "rm", "x/small");
    await stage.ok("import", "x/small", image?.id ?? "");
    await stage.settled();
    expect((await stage.ours()).map(({ id }) => id)).toEqual([image?.id ?? ""]);
  },

  unmarked: async (stage) => {
    await stage.declare({ small: stage.spec.small });
    const text = await Bun.file(stage.folder.at("images.toml")).text();
    await stage.folder.write("images.toml", text.replace("[backend.x]\n", "[backend.x]\nmark = false\n"));
    const before = new Set((await stage.live()).map(({ id }) => id));
    await stage.apply();
    await using open = await stage.backend();
    const made = (await Array.fromAsync(open.backend.list(reading))).filter(({ id }) => !before.has(id));
    expect(made.map(({ marker }) => marker)).toEqual([undefined]);
    await stage.settled();
    await stage.ok("destroy", "--yes");
    expect(await stage.ours()).toEqual([]);
  },
} satisfies Partial<Record<Clause, Check>>;
