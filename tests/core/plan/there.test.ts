import { expect, test } from "bun:test";
import type { KnownBytes } from "../../../src/core/facts.ts";
import { digest } from "../../../src/core/model/digest.ts";
import { address, backendName, imageId, imageName } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import type { Schema } from "../../../src/core/model/schema.ts";
import type { SourceSpec } from "../../../src/core/model/source.ts";
import { optional, string } from "../../../src/core/model/types.ts";
import { decide } from "../../../src/core/plan/decide.ts";
import { diff } from "../../../src/core/plan/diff.ts";
import { nameMoves, orderByNameMoves } from "../../../src/core/plan/name-moves.ts";
import { observe } from "../../../src/core/plan/observe.ts";
import { ListedSizes } from "../../../src/core/plan/physical.ts";
import { decideWithBytes, physicalImageOf } from "../../../src/core/plan/same-bytes.ts";
import { type Backend, definePlugin, type Plugin } from "../../../src/core/plugin.ts";
import { at, id, image, ready, resource, schema, sight, want } from "./sample.ts";

// What is on the backend already when a plan is made: the very bytes, names that move, what the backend does by itself.

const hex = (digit: string) => digest("sha256", digit.repeat(64));
const bytes = (digit: string) => ({ where: "/x", digest: hex(digit) });
const OWNER = { file: "images", lineage: "L1", marks: true };
const reading = { signal: new AbortController().signal, note: () => undefined };

/** A backend on which equal bytes are one image, whose id they are. */
const plugin: Plugin = definePlugin({
  api: 1,
  name: "sample",
  doc: "Equal bytes are one image.",
  config: {},
  image: schema,
  physical: (_, bytes: KnownBytes) => bytes.digest,
  open: async () => backendOf(new Map()),
});
const unused = async () => {
  throw new Error("not lookups for here");
};
const backendOf = (there: ReadonlyMap<string, ReturnType<typeof image>>): Backend => ({
  async read({ id: lookups = "" }) {
    return there.get(lookups);
  },
  async *list() {},
  create: unused,
  update: unused,
  delete: unused,
  async [Symbol.asyncDispose]() {},
});
const around = (there: ReadonlyMap<string, ReturnType<typeof image>>, known = sight({}).known) => ({
  plugin,
  backend: backendOf(there),
  owner: OWNER,
  lookups: [{ address: at, known, importing: undefined, names: [], held: [], labels: [] }],
  sizes: new ListedSizes(backendOf(there), reading),
  context: { signal: reading.signal },
});
const nobodys = (key: string, names: readonly string[] = [key]) => {
  const { marker: _, ...rest } = image({ label: "a", size: 1 }, { id: imageId(`i-${key.at(-1)}`), names });
  return new Map([[key, rest]]);
};
const key = (digit: string) => `sha256:${digit.repeat(64)}`;
const holder = (digit: string, more: Parameters<typeof image>[1] = {}) => {
  const key = `sha256:${digit.repeat(64)}`;
  return new Map([[key, image({ label: "a", size: 1 }, { id: imageId(`i-${digit}`), names: [key], ...more })]]);
};

test("the very bytes are there already: seen by plan, whose they are decides", async () => {
  const declared = sight({ want: want({ label: "a", size: 1 }, { content: bytes("2"), sentAsIs: true }) });
  const foreign = nobodys(key("2"));
  const blocked = await decideWithBytes(declared, around(foreign), reading);
  expect(blocked.step).toMatchObject({ action: "block", because: "foreign", text: expect.stringContaining("i-2") });
  const adopted = await decideWithBytes({ ...declared, adopt: true }, around(foreign), reading);
  expect(adopted.step).toMatchObject({ action: "adopt", id: "i-2" });
  // What has the bytes, but does not count them among its names, is nobody's.
  const spare = nobodys(key("2"), []);
  expect((await decideWithBytes(declared, around(spare), reading)).step).toMatchObject({ action: "create" });
});

test("the bytes of a replace are there already as somebody's: the old one is neither replaced nor deleted", async () => {
  const known = ready({ label: "a", size: 1 }, { content: bytes("1") });
  const now = sight({
    want: want({ label: "a", size: 1 }, { content: bytes("2") }),
    known,
    have: image({ label: "a", size: 1 }),
  });
  const { step } = await decideWithBytes(now, around(nobodys(key("2"))), reading);
  expect(step).toMatchObject({
    action: "block",
    text: expect.stringContaining("an image with the new bytes already exists as i-2"),
    hint: expect.stringContaining("state rm lab/debian"),
  });
  // Under --replace it is the image itself.
  const same = holder("1", { id });
  const again = await decideWithBytes(
    { ...now, want: want({ label: "a", size: 1 }, { content: bytes("1") }), replace: true },
    around(same),
    reading,
  );
  expect(again.step).toMatchObject({ action: "replace" });
});

test("one source that nobody has read yet is one image at two addresses, and two sources are two", () => {
  const spec = (source: SourceSpec) => ({ ...resource({ label: "a" }), source });
  const file = (path: string) => ({
    ...want({ label: "a" }, { content: { where: path } }),
    resource: spec({ kind: "file", path, follow: true, at: resource({}).at }),
  });
  const url = (query: string) => ({
    ...want({ label: "a" }, { content: { where: "https://x/get" } }),
    resource: spec({ kind: "url", urls: [`https://x/get?${query}`], follow: true, at: resource({}).at }),
  });
  const keys = (one: ReturnType<typeof want>) => physicalImageOf(one, plugin)?.keys ?? [];
  expect(keys(file("/a"))).toEqual(keys(file("/a")));
  expect(keys(file("/a"))).not.toEqual(keys(file("/b")));
  // The whole request is the identity.
  expect(keys(url("key=a"))).not.toEqual(keys(url("key=b")));
});

const [a, b, c] = ["a", "b", "c"].map((name) => address(backendName("lab"), imageName(name)));
const step = (one: typeof at, after: readonly (typeof at)[] = []): Step => ({
  action: "update",
  address: one,
  id,
  changes: [],
  ...(after.length === 0 ? {} : { after }),
});

test("who takes a name goes before who has it, but for what is made from that or has its bytes", () => {
  if (a === undefined || b === undefined || c === undefined) throw new Error("three addresses");
  const steps = new Map([a, b].map((one) => [one, step(one, one === b ? [a] : [])]));
  const turned = orderByNameMoves([{ from: a, to: b }], steps);
  expect([turned.get(a)?.after, turned.get(b)?.after]).toEqual([[b], undefined]);
  const lookups = [a, b, c].map((one) => ({
    address: one,
    known: undefined,
    importing: undefined,
    names: [],
    held: [],
    labels: [],
  }));
  const found = new Map([[b, { after: [a] }]]);
  const none = () => undefined;
  expect(nameMoves({ lookups, found, holders: new Map(), resource: none })).toEqual([{ from: a, to: b }]);
  expect(nameMoves({ lookups, found, holders: new Map([[b, a]]), resource: none })).toEqual([]);
  const source: SourceSpec = { kind: "image", address: a, follow: true, at: resource({}).at };
  const made = { ...resource({}), source };
  expect(nameMoves({ lookups, found, holders: new Map(), resource: () => made })).toEqual([]);
});

test("a name that another image holds blocks a managed one with a way out, and --adopt is none", () => {
  const { marker: _, ...rival } = image({}, { id: imageId("f-1"), name: "stable" });
  const known = ready({ label: "a", size: 1 });
  const now = decide(
    sight({ want: want({ label: "a", size: 1 }), known, have: image({ label: "a", size: 1 }), rival }),
  );
  expect(now).toMatchObject({
    action: "block",
    text: "the name stable is held by f-1, which is unmanaged",
    hint: expect.not.stringContaining("--adopt"),
  });
});

const from = (digit: string, more = {}) => ({ ...bytes(digit), resolved: digit.repeat(64), ...more });
const live = (digit: string) => ({ digests: { sha256: hex(digit) } });

test("of an origin of the backend's own the live digest decides, however the state was written", () => {
  const plan = (recorded: string, there: string, wanted: string) =>
    decide(
      sight({
        want: want({ label: "a", size: 1 }, { content: from(wanted) }),
        known: ready({ label: "a", size: 1 }, { content: from(recorded) }),
        have: { ...image({ label: "a", size: 1 }), ...live(there) },
      }),
    )?.action;
  expect([plan("1", "1", "1"), plan("1", "2", "2"), plan("2", "1", "2")]).toEqual(["keep", "keep", "replace"]);
});

test("an origin that is only written in another way makes no new image", () => {
  const have = { ...image({ label: "a", size: 1 }), ...live("1") };
  const other = want({ label: "a", size: 1, disk: "other" }, { content: from("1"), originNames: ["disk"] });
  const known = ready({ label: "a", size: 1, disk: "one" }, { content: from("1") });
  expect(decide(sight({ want: other, known, have }))).toMatchObject({ action: "update" });
  const moved = { ...other, content: from("2") };
  expect(decide(sight({ want: moved, known, have }))).toMatchObject({ action: "replace" });
});

test("what the plugin gave and is missing is given again", () => {
  const have = image({ label: "a", size: 1 }, { missing: { tags: ["x"] } });
  const found = decide(sight({ want: want({ label: "a", size: 1 }), known: ready({ label: "a", size: 1 }), have }));
  expect(found).toMatchObject({ action: "update", changes: [{ kind: "add", name: "tags" }] });
});

test("a creation input that is taken out is no change where it is what it comes to anyway", () => {
  const places: Schema = {
    project: optional(string(), "Where.", { compare: "recorded", onChange: "replace", places: true }),
  };
  const changes = (usual: string) =>
    diff(places, { have: { project: "p" }, want: {}, recorded: { project: "p" }, usual: { project: usual } }).changes;
  expect(changes("p")).toEqual([]);
  expect(changes("default").length).toBe(1);
});

test("where equal bytes have one id, an unmarked image under that of an interrupted creation is somebody's", async () => {
  const { have: _, digests: __, ...row } = ready({ label: "a", size: 1 });
  const known = { ...row, status: "creating" } as const;
  const lookups = [{ address: at, known, importing: undefined, names: [], held: [], labels: [] }];
  const { marker, ...unmarked } = image({ label: "a", size: 1 });
  const seen = async (one: ReturnType<typeof image>) => {
    const backend: Backend = {
      ...backendOf(new Map()),
      async *list() {
        yield one;
      },
    };
    const found = (await observe(backend, OWNER, lookups, reading)).get(at);
    return [found?.have?.id, found?.leftovers];
  };
  expect(await seen({ ...unmarked, self: "place" })).toEqual([undefined, []]);
  // Where an id is one creation's, what has it is what that made.
  expect(await seen(unmarked)).toEqual([undefined, [id]]);
  expect(await seen({ ...unmarked, ...(marker && { marker: { ...marker, self: "place" } }), self: "place" })).toEqual([
    undefined,
    [id],
  ]);
});
