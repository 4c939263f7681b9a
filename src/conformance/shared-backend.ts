import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  type Address,
  type Attributes,
  address,
  backendName,
  Failure,
  type ImageId,
  imageId,
  imageName,
  type Marker,
  type Value,
} from "images";
import { canDownload } from "../core/abilities.ts";
import { type AttributeLife, type Clause, ClauseSkipped } from "../core/conformance.ts";
import { plain } from "../core/plugin.ts";
import { sourceFor } from "./sources.ts";
import { AT, type Check, MARK, OTHER, reading, recordingContext, smallResource, type TestStage } from "./stage.ts";

// A place where other people live: what is theirs is, after whatever we do, byte for byte and attribute for attribute as before.

/** An image of another user's: what it bears, and says of itself. */
interface Portrait {
  readonly id: ImageId;
  readonly mark: Marker | undefined;
  readonly attributes: Attributes;
}

/** What everybody else's images are now. @throws where one of them is gone */
async function portraits(
  stage: TestStage,
  ids: ReadonlyMap<string, ImageId>,
): Promise<Readonly<Record<string, Portrait>>> {
  await using open = await stage.backend();
  const { backend } = open;
  const found: Record<string, Portrait> = {};
  for (const [who, id] of ids) {
    const seen = await backend.read({ address: OTHER, id }, reading);
    if (seen === undefined || seen.id !== id) throw new Error(`the image of ${who} is gone`);
    found[who] = { id, mark: seen.marker, attributes: plain(seen.attributes) };
  }
  return found;
}

/** The digests of their bytes, where the backend gives those back. */
async function bytesOf(stage: TestStage, ids: ReadonlyMap<string, ImageId>): Promise<readonly string[]> {
  await using open = await stage.backend();
  const { backend } = open;
  if (!canDownload(backend) || stage.spec.bytes === undefined) return [];
  const found: string[] = [];
  for (const [who, id] of ids) {
    for (const part of await backend.download(id, reading)) {
      const hash = createHash("sha256");
      // An image that is taken out of use may keep its bytes to itself.
      const read = async () => {
        for await (const piece of part.open(reading.signal)) hash.update(piece);
        return hash.digest("hex");
      };
      const told = await read().catch((thrown: unknown) => {
        if (thrown instanceof Failure && thrown.code === "backend.denied") return thrown.code;
        throw thrown;
      });
      found.push(`${who} ${part.name} ${told}`);
    }
  }
  return found;
}

/** What they are once the backend itself is done with them. */
async function still(stage: TestStage, ids: ReadonlyMap<string, ImageId>): ReturnType<typeof portraits> {
  for (let before = await portraits(stage, ids), turn = 0; ; turn++) {
    const now = await portraits(stage, ids);
    if (isDeepStrictEqual(before, now)) return now;
    if (turn === 1000) throw new Error("the backend does not come to rest");
    before = now;
  }
}

const ANOTHER = "another lineage, at our address, of other bytes";

/** Everything that a run may be, one after the other; none of it is about other people's images. */
const RUNS: readonly (readonly string[])[] = [
  ["plan"],
  ["apply", "--yes"],
  ["apply", "--yes", "--refresh-only"],
  ["apply", "--yes", "--replace", "x/small"],
  ["plan", "--destroy"],
];

/** Gives attributes to the image of `small` as a user without this program would: its marker stays as it is. Answers which are no default. */
async function give(stage: TestStage, given: Attributes): Promise<readonly string[]> {
  await using open = await stage.backend();
  const [small] = await stage.ours();
  const have = await open.backend.read({ address: AT, id: imageId(small?.id ?? "") }, reading);
  if (have === undefined) throw new Error("there is no image to give anything to");
  const want = smallResource(open.session)?.want ?? {};
  const marker = () => have.marker;
  const names = Object.keys(given).filter((name) => want[name] === undefined);
  await open.backend.update(
    have,
    { ...given, ...want },
    [],
    recordingContext(reading.signal, { desiredMarker: have.marker, marker }).context,
  );
  return names;
}

const lives = ({ spec }: TestStage): [string, AttributeLife][] => Object.entries(spec.lives);

export const SHARED_BACKEND_CLAUSES = {
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
    if (given.length === 0) throw new ClauseSkipped("nothing can be given to an image that is there");
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
      const isLost =
        plan.stdout.includes(`lost: ${name}`) || plan.stdout.includes(`lost: ${name.replaceAll("_", " ")}`);
      if (!isLost) expect([name, after[0]?.attributes[name]]).toEqual([name, added?.attributes[name]]);
      if (!isLost) expect([name, plan.stdout.includes(name)]).toEqual([name, true]);
    }
    await stage.settled();
  },

  "lived-in world": async (stage) => {
    const { spec } = stage;
    const own = new Set(["protected", ...Object.keys(spec.several?.(0) ?? {})]);
    const given = Object.fromEntries(
      Object.entries(spec.lives).flatMap(([name, life]) =>
        life.with !== undefined || life.replaces === true || own.has(name) ? [] : [[name, life.set]],
      ),
    );
    const theirs = new Map<string, ImageId>();
    const places = new Map<string, Address>();
    let turn = 0;
    /** Makes an image as other hands do: under a name of its own, with what its people gave to it. */
    const settle = async (
      who: string,
      desiredMarker: Marker | undefined,
      more: Attributes = {},
      bytes = spec.bytes,
    ) => {
      await using open = await stage.backend();
      const own = smallResource(open.session)?.want ?? {};
      const want = { ...own, ...spec.several?.(10 + turn++), ...more };
      const at = address(backendName("x"), imageName(`theirs-${turn}`));
      const marker = (self: string) =>
        desiredMarker === undefined ? undefined : { ...desiredMarker, self: desiredMarker.self ?? self };
      places.set(who, at);
      const { context } = recordingContext(reading.signal, { desiredMarker, marker, address: at });
      const source = sourceFor(stage, {}, (await spec.others?.(turn)) ?? bytes);
      theirs.set(who, (await open.backend.create(want, source, context)).id);
    };
    const declare = async () => await stage.declare({ small: { ...spec.small } });
    await declare();
    await stage.apply();
    const [ours] = await stage.ours();
    await using first = await stage.backend();
    const { marker } = (await first.backend.read({ address: AT, id: imageId(ours?.id ?? "") }, reading)) ?? {};
    await settle("another file", { ...MARK, file: "others", owner: OTHER }, given);
    await settle("an unmanaged image of the same bytes", undefined);
    await settle("a copy of the image with its marker", marker);
    const elsewhere = { ...MARK, content: "sha256:0", lineage: "99999999-2222-3333-4444-555555555555" };
    if (spec.otherBytes !== undefined) await settle(ANOTHER, elsewhere, {}, spec.otherBytes);
    let before = await still(stage, theirs);
    const bytes = await bytesOf(stage, theirs);
    const same = async (after: string) => expect([after, await portraits(stage, theirs)]).toEqual([after, before]);
    for (const args of RUNS) {
      await stage.run(...args);
      await same(args.join(" "));
    }
    if (spec.otherBytes !== undefined) {
      await stage.directory.write(stage.filename, spec.otherBytes);
      await stage.apply();
      await same("new bytes");
    }
    await stage.ok("destroy", "--yes");
    await same("destroy");
    expect(await bytesOf(stage, theirs)).toEqual(bytes);
    if (spec.bytes !== undefined) await stage.directory.write(stage.filename, spec.bytes);
    for (let round = 0; round < 2; round++) {
      for (const args of [...RUNS, ["destroy", "--yes"]]) {
        await stage.loseState();
        await stage.run(...args);
        await same(`a lost state, then ${args.join(" ")}`);
      }
      // While it is there, everything at our address is blocked.
      const another = theirs.get(ANOTHER);
      if (another === undefined) break;
      await using open = await stage.backend();
      const address = places.get(ANOTHER) ?? AT;
      await open.backend.delete(another, recordingContext(reading.signal, { address }).context);
      theirs.delete(ANOTHER);
      before = await portraits(stage, theirs);
    }
    // Where a name is one image's, ours has to released it first.
    if (spec.others !== undefined) await stage.apply();
    if (spec.others !== undefined) await stage.ok("destroy", "--yes");
    const id = await stage.place.plant?.();
    if (id === undefined) return;
    expect((await bytesOf(stage, theirs)).toSorted()).toEqual(
      bytes.filter((one) => !one.startsWith(ANOTHER)).toSorted(),
    );
    theirs.set("an unmanaged image of the same name", imageId(id));
    const planted = await portraits(stage, theirs);
    for (const args of [...RUNS, ["destroy", "--yes"]]) {
      await stage.run(...args);
      expect([args, await portraits(stage, theirs)]).toEqual([args, planted]);
    }
  },

  /** An image in use is neither replaced nor deleted, and the plan says what uses it. */
  "in use": async (stage) => {
    const { use } = stage.place;
    if (use === undefined) throw new ClauseSkipped("nothing can use an image here");
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const before = await stage.live();
    await using _ = await use(before[0]?.id ?? "");
    for (const args of [
      ["apply", "--yes", "--replace", "x/small"],
      ["destroy", "--yes"],
    ]) {
      const said = await stage.run(...args);
      expect([args, said.code]).toEqual([args, 1]);
      expect(`${said.stdout}${said.stderr}`).toContain("in use");
      expect(await stage.live()).toEqual(before);
    }
  },
} satisfies Partial<Record<Clause, Check>>;
