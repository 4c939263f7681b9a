import { describe, expect, test } from "bun:test";
import { digest } from "../../../src/core/model/digest.ts";
import { address, backendName, imageId, imageName } from "../../../src/core/model/name.ts";
import type { SourceSpec } from "../../../src/core/model/source.ts";
import type { Recorded } from "../../../src/core/model/state.ts";
import { findDuplicates } from "../../../src/core/plan/duplicates.ts";
import type { DesiredImage, LiveImage } from "../../../src/core/plan/input.ts";
import { ListedSizes, physicalOf } from "../../../src/core/plan/physical.ts";
import { declaredImage, physicalImages } from "../../../src/core/plan/physical-images.ts";
import { decideWithBytes, physicalImageOf } from "../../../src/core/plan/same-bytes.ts";
import { type Backend, definePlugin, type Plugin } from "../../../src/core/plugin.ts";
import { at, image, ready, resource, schema, sight, want } from "./sample.ts";

// Where equal bytes are one image: bytes that the plan would not read are read where an image of as many bytes is there, or declared.

const hex = (digit: string) => digest("sha256", digit.repeat(64));
const reading = { signal: new AbortController().signal, note: () => undefined };
const unused = async () => {
  throw new Error("not asked for here");
};
/** Equal bytes are one image, in one file or in two; those of a bare disk are not. */
const plugin: Plugin = definePlugin({
  api: 1,
  name: "sample",
  doc: "Equal bytes are one image.",
  config: {},
  image: schema,
  bytes: () => ({ formats: ["qcow2", "tar"], compressions: "any" }),
  physical: (_, { sent, format, beside, live }) => live ?? (format === "tar" || beside === true ? sent : undefined),
  open: unused,
});
type There = ReturnType<typeof image>;
const backendOf = (...there: readonly There[]) => {
  const asked = { listings: 0, reads: 0 };
  const backend: Backend = {
    async read({ id = "" }) {
      asked.reads++;
      return there.find(({ names }) => names?.includes(id));
    },
    async *list() {
      asked.listings++;
      yield* there;
    },
    create: unused,
    update: unused,
    delete: unused,
    async [Symbol.asyncDispose]() {},
  };
  return { backend, asked };
};
const theirs = (digit: string, size: number): There => {
  const { marker: _, ...rest } = image({ label: "a", size: 1 }, { id: imageId(`i-${digit}`) });
  return { ...rest, names: [hex(digit)], digests: { sha256: hex(digit) }, size };
};

/** Files, with what their bytes hash to; `reads` counts who wants to know. */
function files(digests: Readonly<Record<string, string>>) {
  const reads: string[] = [];
  const sent = async (spec: SourceSpec) => {
    if (spec.kind !== "file") return undefined;
    reads.push(spec.path);
    return hex(digests[spec.path] ?? "0");
  };
  return { reads, context: { signal: reading.signal, sent } };
}
const file = (path: string, size: number, more: Partial<DesiredImage> = {}, source: object = {}): DesiredImage => {
  const name = address(backendName("lab"), imageName(path.slice(1)));
  const spec = { kind: "file", path, follow: true, at: resource({}).at, ...source } as const;
  const content = { where: path, size };
  const outgoing = { isUntouched: true, size };
  const made = want({ label: "a", size: 1 }, { content, format: "tar", outgoing, ...more });
  return { ...made, resource: { ...made.resource, address: name, source: spec } };
};
const around = (backend: Backend, context: ReturnType<typeof files>["context"]) => ({
  plugin,
  backend,
  context,
  owner: { file: "images", lineage: "L1", marks: true },
  lookups: [{ address: at, known: undefined, importing: undefined, names: [], held: [], labels: [] }],
  sizes: new ListedSizes(backend, reading),
});

test("a file that nobody read is read where an image of as many bytes is there, once listed, and not elsewhere", async () => {
  const { reads, context } = files({ "/a": "2", "/b": "3" });
  const { backend, asked } = backendOf(theirs("2", 10));
  const sights = around(backend, context);
  const plan = async (one: DesiredImage, more = {}) =>
    (await decideWithBytes(sight({ want: one, ...more }), sights, reading)).step;
  expect(await plan(file("/a", 10))).toMatchObject({ action: "block", because: "foreign" });
  expect(await plan(file("/a", 10), { adopt: true })).toMatchObject({ action: "adopt", id: "i-2" });
  expect(await plan(file("/b", 10))).toMatchObject({ action: "create" });
  expect(reads).toEqual(["/a", "/a", "/b"]);
  expect(await plan(file("/a", 11))).toMatchObject({ action: "create" });
  // Equal disks are two images: nothing is to be found out.
  expect(await plan(file("/a", 10, { format: "qcow2" }))).toMatchObject({ action: "create" });
  expect([reads.length, asked.listings]).toEqual([3, 1]);
  // In two parts, and taken out of an archive of which nobody knows how large it is unpacked.
  expect(await plan(file("/a", 10, { format: "qcow2" }, { metadata: "/m" }))).toMatchObject({ action: "block" });
  const packed = file("/a", 4, { outgoing: { isUntouched: false } }, { decompress: true });
  expect(await plan(packed)).toMatchObject({ action: "block" });
});

test("--adopt takes an image of other bytes under no name", async () => {
  const { context } = files({ "/a": "2" });
  for (const [there, text] of [
    [theirs("3", 10), "bytes"],
    [theirs("3", 12), "size"],
  ] as const) {
    const { backend } = backendOf(there);
    const sights = around(backend, context);
    const adopting = sight({ want: file("/a", 10), rival: there, adopt: true });
    const { step } = await decideWithBytes(adopting, sights, reading);
    expect(step).toMatchObject({ action: "block", text: expect.stringContaining(text) });
  }
  const { backend } = backendOf(theirs("2", 10));
  const adopting = sight({ want: file("/a", 10), rival: theirs("2", 10), adopt: true });
  expect((await decideWithBytes(adopting, around(backend, context), reading)).step).toMatchObject({ action: "adopt" });
});

test("two files of one size are read, and are one image where they are equal; one that is there counts by its own digest", async () => {
  const { reads, context } = files({ "/a": "2", "/b": "2", "/c": "4", "/d": "2" });
  const { backend } = backendOf();
  const sized = (path: string, size: number, source = {}) => ({ ...file(path, size, {}, source), sentSize: size });
  const all = [sized("/a", 10), sized("/b", 10), sized("/c", 10), sized("/d", 9)];
  const blocked = async (declared: Parameters<typeof physicalImages>[0]) =>
    [...findDuplicates(await physicalImages(declared, { plugin, backend, context }, reading)).keys()]
      .map(String)
      .sort();
  expect(await blocked(all.map((one) => declaredImage(one, undefined, plugin)))).toEqual(["lab/a", "lab/b"]);
  expect(reads.toSorted()).toEqual(["/a", "/b", "/c"]);
  const managed = declaredImage(sized("/x", 10, { metadata: "/m" }), theirs("2", 10), plugin);
  const other = declaredImage({ ...sized("/b", 10), sentDigest: hex("2") }, undefined, plugin);
  expect(await blocked([managed, other])).toEqual(["lab/b", "lab/x"]);
});

test("one place that is written in several ways, and two backends that lead to it, are one place", async () => {
  const { context } = files({});
  const { backend } = backendOf();
  const one = { ...file("/a", 10), sentDigest: hex("2") };
  const elsewhere = { ...one, resource: { ...one.resource, address: address(backendName("far"), imageName("a")) } };
  const bodies = async (located: (names: readonly string[]) => Promise<readonly string[]>) => {
    const locating = { ...backend, located: (_: unknown, names: readonly string[]) => located(names) };
    const of = (declared: DesiredImage) =>
      physicalImages([declaredImage(declared, undefined, plugin)], { plugin, backend: locating, context }, reading);
    return findDuplicates([...(await of(one)), ...(await of(elsewhere))]).size;
  };
  expect(await bodies(async (names) => names)).toBe(2);
  let count = 0;
  expect(await bodies(async (names) => names.map((name) => `${count++}/${name}`))).toBe(0);
});

describe("what an interrupted run began and the backend has finished since the listing is nobody's rival", () => {
  const made = image({ label: "a", size: 1 }, { id: imageId("i-2"), names: [hex("2")], size: 10 });
  const whole = { ...made, ...(made.marker && { marker: { ...made.marker, content: hex("2") } }) };
  const content = { where: "/a", size: 10, digest: hex("2") };
  const { have, digests: _, id: before, ...row } = ready({ label: "a", size: 1 }, { content });
  const creating = { ...row, status: "creating", nonce: "n" } as const;
  const replacing = { ...row, have, status: "replacing", id: before, nonce: "n" } as const;
  const old = image({ label: "a", size: 1 });
  const decided = async (known: Recorded, there: LiveImage, now?: LiveImage) => {
    const { context } = files({ "/a": "2" });
    const { backend } = backendOf(there);
    const lookups = [{ address: at, known, importing: undefined, names: [], held: [], labels: [] }];
    const own = file("/debian", 10, { content });
    const seen = sight({ want: own, known, ...(now && { have: now }) });
    return (await decideWithBytes(seen, { ...around(backend, context), lookups }, reading)).step;
  };
  test("it is the image, where its marker says that it is whole", async () => {
    expect(await decided(creating, whole)).toMatchObject({ action: "adopt", id: "i-2" });
  });
  test("it is the next version, and the one before it is left over", async () => {
    const step = await decided(replacing, whole, old);
    expect(step).toMatchObject({ action: "adopt", id: "i-2", leftovers: [before] });
  });
  test("where nothing proves that it is whole, it is a leftover, as it would be in the listing", async () => {
    expect(await decided(creating, made)).toMatchObject({ action: "create", leftovers: ["i-2"] });
    expect(await decided(replacing, made, old)).toMatchObject({ action: "replace", id: before, leftovers: ["i-2"] });
  });
});

test("a name on the web that says nothing of the format is looked for as what it may be, and is no twin", () => {
  const spec: SourceSpec = { kind: "url", urls: ["https://x/get"], follow: true, at: resource({}).at };
  const { format: _, outgoing: __, ...made } = file("/a", 10, { content: { where: "x", digest: hex("2") } });
  const named = { ...made, resource: { ...made.resource, source: spec } };
  expect(physicalOf(named, plugin)).toBe(hex("2"));
  expect(physicalImageOf(named, plugin).keys).toEqual([]);
});
