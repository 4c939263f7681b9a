import { expect } from "bun:test";
import { type Attributes, Failure, imageId } from "images";
import { type Clause, ClauseSkipped } from "../core/conformance.ts";
import { faults } from "../core/model/check.ts";
import { diff } from "../core/plan/diff.ts";
import { aborted } from "./aborted.ts";
import { sourceFor } from "./sources.ts";
import { AT, type Check, MARK, OTHER, reading, recordingContext, smallResource, type TestStage } from "./stage.ts";

// Clauses about the methods of a backend, one by one.

const NOWHERE = imageId("00000000-0000-4000-8000-000000000000");

/** What `small` is wanted to be, checked and with its defaults, as the engine would give it to the plugin. */
async function wanted(
  stage: TestStage,
  more: Attributes = {},
): Promise<Parameters<Awaited<ReturnType<TestStage["backend"]>>["backend"]["create"]>[0]> {
  await using open = await stage.backend();
  const resource = smallResource(open.session);
  if (resource === undefined) throw new Error("small is not declared");
  return { ...resource.want, ...more };
}

/** Undeclared attributes that the image has, other than as its schema says the backend shows them. */
async function invented(stage: TestStage, want: Attributes, made: Attributes): Promise<string[]> {
  const { image } = await stage.plugin();
  return Object.entries(image).flatMap(([name, attribute]) => {
    const value = made[name];
    const isTold =
      attribute.mode === "computed" || (attribute.compare ?? "live") !== "live" || attribute.type.keys === "own";
    if (isTold || value === undefined || want[name] !== undefined || attribute.ownName === true) return [];
    return diff({ [name]: attribute }, { have: { [name]: value }, want: {}, recorded: { [name]: value } }).changes
      .length === 0
      ? []
      : [name];
  });
}

async function declared(stage: TestStage): Promise<void> {
  await stage.declare({ small: stage.spec.small });
}

/** Creates an image as a copy of another one: what that bears, the marker too, under a name of its own. */
async function copied(stage: TestStage, id: string): Promise<Awaited<ReturnType<TestStage["live"]>>[number]> {
  const want = await wanted(stage, stage.spec.several?.(1));
  await using open = await stage.backend();
  const { marker: desiredMarker } = (await open.backend.read({ address: AT, id: imageId(id) }, reading)) ?? {};
  const context = recordingContext(reading.signal, { desiredMarker, marker: () => desiredMarker }).context;
  const bytes = await stage.spec.others?.(1);
  const made = await open.backend.create(want, sourceFor(stage, {}, bytes), { ...context, address: OTHER });
  const seen = (await stage.live()).find((one) => one.id === made.id);
  if (seen === undefined) throw new Error("the copy is not listed");
  return seen;
}

/** A creation that was deleted leaves nothing: no upload, no snapshot, no job. */
function expectNothingLeft({ place }: TestStage, before: number | undefined): void {
  const now = place.resources?.();
  if (now !== before) throw new Error(`after the image was deleted, the place has ${now} resources, ${before} before`);
}

export const CONTRACT_CLAUSES = {
  schema: async (stage) => {
    await declared(stage);
    const plugin = await stage.plugin();
    expect(faults(plugin.config)).toEqual([]);
    expect(faults(plugin.image)).toEqual([]);
    const unknown = Object.keys(stage.spec.lives).filter((name) => plugin.image[name] === undefined);
    expect(unknown).toEqual([]);
    const { lives, small, elsewhere = {} } = stage.spec;
    const forgotten = Object.entries(plugin.image).flatMap(([name, { mode, compare }]) =>
      mode === "computed" || compare === "never" || [lives, small, elsewhere].some((told) => name in told)
        ? []
        : [name],
    );
    expect(forgotten).toEqual([]);
  },

  absence: async (stage) => {
    await declared(stage);
    await using open = await stage.backend();
    expect(await open.backend.read({ address: AT }, reading)).toBeUndefined();
    expect(await open.backend.read({ address: AT, id: NOWHERE }, reading)).toBeUndefined();
  },

  "delete of nothing": async (stage) => {
    await declared(stage);
    await using open = await stage.backend();
    await open.backend.delete(NOWHERE, recordingContext().context);
  },

  create: async (stage) => {
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const heard = recordingContext();
    let reads = 0;
    const { digests } = (await stage.plugin()).bytes?.(want) ?? {};
    const source = sourceFor(stage, { begun: () => void reads++, digests });
    const made = await open.backend.create(want, source, heard.context);
    // Bytes are unpacked and converted each time that they are read. Only the head of an archive may be looked at before.
    expect(reads).toBeLessThanOrEqual(source?.format === "tar" ? 2 : 1);
    expect(heard.ids.at(-1)).toBe(made.id);
    const uploads = heard.progress.filter(({ phase }) => phase === "upload");
    expect(uploads.filter(({ identified }) => !identified)).toEqual([]);
    expect(uploads.map(({ done }) => done)).toEqual(uploads.map(({ done }) => done).sort((a, b) => a - b));
    // A wait says what for.
    expect(heard.progress.filter(({ phase, what }) => phase === "wait" && what === undefined)).toEqual([]);
    const last = uploads.at(-1);
    if (last?.total !== undefined) expect(last.done).toBe(last.total);
    const seen = await open.backend.read({ address: AT, id: made.id }, reading);
    expect(seen?.attributes).toEqual(made.attributes);
    expect(seen?.marker).toEqual({ ...MARK, self: seen?.self ?? made.id });
    expect((await open.backend.read({ address: AT }, reading))?.id).toBe(made.id);
    expect(await invented(stage, want, made.attributes)).toEqual([]);
  },

  /** What an image was made from may be known only when its bytes have gone: the marker is completed, and nothing else changes. */
  mark: async (stage) => {
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const made = await open.backend.create(want, sourceFor(stage), recordingContext().context);
    const desiredMarker = { ...MARK, content: `sha256:${"0".repeat(64)}`, self: made.self ?? made.id };
    const after = await open.backend.update(
      made,
      want,
      [],
      recordingContext(reading.signal, { desiredMarker }).context,
    );
    const seen = await open.backend.read({ address: AT, id: made.id }, reading);
    expect([after.id, seen?.id, after.marker, seen?.marker]).toEqual([made.id, made.id, desiredMarker, desiredMarker]);
    expect(await invented(stage, want, after.attributes)).toEqual([]);
  },

  /** An image of the same address that another images.toml manages, or of another address, is not found by its marker. */
  "another file": async (stage) => {
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const context = recordingContext(reading.signal, {
      desiredMarker: { ...MARK, file: `${MARK.file}-other` },
    }).context;
    const made = await open.backend.create(want, sourceFor(stage), context);
    expect(made.marker?.file).toBe(`${MARK.file}-other`);
    expect(await open.backend.read({ address: AT }, reading)).toBeUndefined();
    await open.backend.delete(made.id, context);
    const other = recordingContext(reading.signal, {
      desiredMarker: { ...MARK, owner: OTHER },
      address: OTHER,
    }).context;
    const sibling = await open.backend.create(want, sourceFor(stage, {}, await stage.spec.others?.(1)), other);
    expect((await open.backend.read({ address: OTHER }, reading))?.id).toBe(sibling.id);
    expect(await open.backend.read({ address: AT }, reading)).toBeUndefined();
  },

  /** A copy of an image, with its marker, is unmanaged: it is not found by the marker, and no run touches it. */
  "copied marker": async (stage) => {
    await stage.declare({ small: stage.spec.small });
    await stage.apply();
    const [first] = await stage.ours();
    if (first === undefined) throw new Error("nothing was made");
    const copy = await copied(stage, first.id);
    await stage.loseState();
    await stage.apply();
    expect((await stage.ours()).map(({ id }) => id)).toEqual([first.id]);
    await stage.ok("apply", "--yes", "--adopt", "--replace", "x/small");
    await stage.ok("destroy", "--yes");
    await stage.loseState();
    await stage.run("apply", "--yes", "--adopt");
    await stage.run("destroy", "--yes", "--adopt");
    const after = (await stage.live()).find(({ id }) => id === copy.id);
    expect(after).toEqual({ ...copy, ours: false });
    await using open = await stage.backend();
    expect(await open.backend.read({ address: AT }, reading)).toBeUndefined();
  },

  "create twice": async (stage) => {
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const before = stage.place.resources?.();
    const first = await open.backend.create(want, sourceFor(stage), recordingContext().context);
    await open.backend.delete(first.id, recordingContext().context);
    expectNothingLeft(stage, before);
    await open.backend.create(want, sourceFor(stage), recordingContext().context);
    expect((await stage.ours()).length).toBe(1);
  },

  abort: async (stage) => {
    if (stage.spec.bytes === undefined) throw new ClauseSkipped("no bytes are sent");
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const reason = new Failure("run.interrupted", "interrupted");
    const stop = new AbortController();
    let reachedTheSource = false;
    const halfway = async (signal: AbortSignal) => {
      stop.abort(reason);
      reachedTheSource = await aborted(signal);
    };
    const [heard, before] = [recordingContext(stop.signal), stage.place.resources?.()];
    const thrown = await open.backend.create(want, sourceFor(stage, { halfway }), heard.context).then(
      () => "it was made all the same",
      (error: unknown) => error,
    );
    expect(thrown).toBe(reason);
    expect(reachedTheSource).toBe(true);
    for (const id of heard.ids) await open.backend.delete(id, recordingContext().context);
    expect(await stage.ours()).toEqual([]);
    expectNothingLeft(stage, before);
  },

  deleted: async (stage) => {
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const made = await open.backend.create(want, sourceFor(stage), recordingContext().context);
    await open.backend.delete(made.id, recordingContext().context);
    expect(await open.backend.read({ address: AT, id: made.id }, reading)).toBeUndefined();
    expect(await open.backend.read({ address: AT }, reading)).toBeUndefined();
    await open.backend.delete(made.id, recordingContext().context);
  },

  "broken bytes": async (stage) => {
    if (stage.spec.bytes === undefined) throw new ClauseSkipped("no bytes are sent");
    await declared(stage);
    const want = await wanted(stage);
    await using open = await stage.backend();
    const [heard, before] = [recordingContext(), stage.place.resources?.()];
    const thrown = await open.backend.create(want, sourceFor(stage, { wrong: true }), heard.context).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(Failure);
    expect(thrown).toHaveProperty("code", "source.digest");
    const left = await Promise.all(heard.ids.map((id) => open.backend.read({ address: AT, id }, reading)));
    expect(left.filter((image) => image !== undefined && (image.status ?? "ready") === "ready")).toEqual([]);
    for (const id of heard.ids) await open.backend.delete(id, recordingContext().context);
    expect(await stage.ours()).toEqual([]);
    expectNothingLeft(stage, before);
  },
} satisfies Partial<Record<Clause, Check>>;
