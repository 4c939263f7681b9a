import { expect, test } from "bun:test";
import type { Config, Resource } from "../../../src/core/model/declaration.ts";
import { type Digests, digest } from "../../../src/core/model/digest.ts";
import { type Address, address, backendName, imageId, imageName } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import type { Content, SourceSpec } from "../../../src/core/model/source.ts";
import type { Recorded } from "../../../src/core/model/state.ts";
import { contradicted, type GivenImage } from "../../../src/core/plan/contradicted.ts";
import type { Plugin } from "../../../src/core/plugin.ts";
import { ready, resource } from "./sample.ts";

// What is known of the bytes of another image when a plan is made, against what is declared of them.

const lab = backendName("lab");
const [a, b, c] = ["a", "b", "c"].map((name) => address(lab, imageName(name)));
if (a === undefined || b === undefined || c === undefined) throw new Error("three addresses");
const at = { file: "images.toml", line: 7, column: 1 };
const sha256 = (byte: string) => digest("sha256", byte.repeat(64));
const [mine, other] = [sha256("1"), sha256("2")];
const strong = digest("sha512", "3".repeat(128));

const never = (): never => {
  throw new Error("not for here");
};
const plugin: Plugin = { api: 1, name: "lab", doc: "A lab.", config: {}, image: {}, open: never };
const transfer = { how: "upload" } as const;
const create = (of: Address, content: Content): Step => ({
  action: "create",
  address: of,
  changes: [],
  because: "declared",
  making: { content, transfer },
});
const keep = (of: Address): Step => ({ action: "keep", address: of, id: imageId("i-1") });
const declaredAs = (of: Address, found = other): SourceSpec => ({
  kind: "image",
  address: of,
  follow: true,
  at,
  checksum: { kind: "digest", digest: found },
});
const file: SourceSpec = { kind: "file", path: "/x", follow: true, at };

interface World {
  readonly sources: ReadonlyMap<Address, SourceSpec>;
  readonly steps: readonly Step[];
  readonly images?: Readonly<Record<Address, Recorded>>;
  readonly given?: ReadonlyMap<Address, GivenImage>;
  readonly physical?: Plugin["physical"];
  readonly state?: Resource["state"];
}

function blocked({ sources, steps, images = {}, given = new Map(), physical, state = "present" }: World) {
  const config: Config = {
    file: "/images.toml",
    directory: "/",
    settings: { name: "n", parallelism: 1, state: "/s" },
    policy: { require: [] },
    resources: [...sources].map(([of, source]) => ({ ...resource({}), address: of, backend: lab, source, state })),
    backends: [],
    moved: [],
    removed: [],
    imports: [],
    digest: "d",
  };
  const found = contradicted({
    steps: new Map(steps.map((step) => [step.address, step])),
    given,
    context: {
      config,
      state: { version: 1, lineage: "l", serial: 1, images },
      plugins: new Map([[lab, physical === undefined ? plugin : { ...plugin, physical }]]),
    },
  });
  return [...found.values()].map((step) => (step.action === "block" ? `${step.address}: ${step.text}` : step.action));
}

const recorded = (content: Content, digests?: Digests): Recorded => {
  const { digests: _, ...rest } = ready({});
  return { ...rest, content, ...(digests === undefined ? {} : { digests }) };
};
const seen = (live: Digests | undefined, isUntouched = false): ReadonlyMap<Address, GivenImage> =>
  new Map([[a, { live, isUntouched }]]);
const sources = new Map([
  [a, file],
  [b, declaredAs(a)],
]);
const made = create(b, { where: a, digest: other });
const MISMATCH = `${b}: checksum mismatch: expected ${other}, but ${a} has ${mine} (images.toml:7:1)`;
const unread: Content = { where: "/x" };

test("the digest that the backend reports of the image, else the one that is recorded", () => {
  const images = { [a]: recorded(unread) };
  expect(blocked({ sources, steps: [keep(a), made], images, given: seen({ sha256: mine }) })).toEqual([MISMATCH]);
  const known = { [a]: recorded(unread, { sha256: mine }) };
  expect(blocked({ sources, steps: [keep(a), made], images: known })).toEqual([MISMATCH]);
  // What is there now counts, not what was.
  expect(blocked({ sources, steps: [keep(a), made], images: known, given: seen({ sha256: other }) })).toEqual([]);
  // Not planned, and so not looked at.
  expect(blocked({ sources, steps: [made], images: known })).toEqual([MISMATCH]);
});

test("replaced, compared, and updated with a comparison: each reads the bytes", () => {
  const images = { [a]: recorded(unread, { sha256: mine }) };
  const content = { where: a, digest: other };
  const verifies = { content, why: "unknown", how: "download" } as const;
  const id = imageId("i-2");
  const making = { content, transfer };
  const steps: readonly Step[] = [
    { action: "replace", address: b, id, changes: [], because: ["content"], order: "create-first", making },
    { action: "verify", address: b, id, verifies },
    { action: "update", address: b, id, changes: [], verifies },
  ];
  for (const step of steps) expect(blocked({ sources, steps: [keep(a), step], images })).toEqual([MISMATCH]);
  for (const step of [keep(b), { action: "update", address: b, id, changes: [] } as const])
    expect(blocked({ sources, steps: [keep(a), step], images })).toEqual([]);
  expect(blocked({ sources, steps: [made], images, state: "absent" })).toEqual([]);
});

test("a digest of another kind tells nothing, unless the same bytes are known by both", () => {
  const byOther = new Map([...sources, [b, declaredAs(a, strong)]]);
  const step = create(b, { where: a, digest: strong });
  const images = { [a]: recorded(unread, { sha256: mine }) };
  expect(blocked({ sources: byOther, steps: [keep(a), step], images })).toEqual([]);
  const sha512 = digest("sha512", "4".repeat(128));
  const before = (digests: Digests) => ({ ...images, [b]: recorded({ where: a, digest: mine, digests }) });
  expect(blocked({ sources: byOther, steps: [keep(a), step], images: before({ sha512 }) })).toHaveLength(1);
  // Learned of other bytes than those of today.
  const stale = { ...images, [b]: recorded({ where: a, digest: sha256("5"), digests: { sha512 } }) };
  expect(blocked({ sources: byOther, steps: [keep(a), step], images: stale })).toEqual([]);
});

test("an image that this run makes: known where it gets the bytes of its source as they are", () => {
  const first = create(a, { where: "/x", digest: mine });
  expect(blocked({ sources, steps: [first, made], given: seen(undefined, true) })).toEqual([MISMATCH]);
  expect(blocked({ sources, steps: [first, made], given: seen({ sha256: mine }, false) })).toEqual([]);
  // Its old digest is not that of the new one.
  const images = { [a]: recorded(unread, { sha256: mine }) };
  expect(blocked({ sources, steps: [create(a, unread), made], images, given: seen(undefined, true) })).toEqual([]);
});

test("through an image that is made from another one", () => {
  const chain = new Map<Address, SourceSpec>([
    [a, file],
    [b, { kind: "image", address: a, follow: true, at }],
    [c, declaredAs(b)],
  ]);
  const steps = [
    create(a, { where: "/x", digest: mine }),
    create(b, { where: a, digest: mine }),
    create(c, { where: b, digest: other }),
  ];
  const untouched: GivenImage = { live: undefined, isUntouched: true };
  const given = new Map([a, b].map((of) => [of, untouched]));
  expect(blocked({ sources: chain, steps, given })).toHaveLength(1);
  // What the first was made from is not what the second gets, where the first was converted.
  expect(blocked({ sources: chain, steps, given: new Map([[b, untouched]]) })).toEqual([]);
});

test("where equal bytes are one image, its digest may be that of several files: only one that its source had counts", () => {
  const physical = () => "all of its files";
  const images = { [a]: recorded(unread, { sha256: mine }) };
  expect(blocked({ sources, steps: [keep(a), made], images, physical })).toEqual([]);
  const single = { [a]: recorded({ where: "/x", digest: mine }, { sha256: mine }) };
  expect(blocked({ sources, steps: [keep(a), made], images: single, physical })).toEqual([MISMATCH]);
});

test("a file of which another digest of this kind is known", () => {
  const own = new Map<Address, SourceSpec>([[a, { ...file, checksum: { kind: "digest", digest: other } }]]);
  const step = (digests: Digests) => create(a, { where: "/x", digest: other, digests });
  const images = { [a]: recorded({ where: "/x", digest: mine }) };
  expect(blocked({ sources: own, steps: [step({ sha256: mine })], images })).toEqual([
    `${a}: checksum mismatch: expected ${other}, but /x has ${mine} (images.toml:7:1)`,
  ]);
  expect(blocked({ sources: own, steps: [step({})], images })).toEqual([]);
  // Of an interrupted creation, the digest is what was declared then.
  const begun: Recorded = { ...ready({}), status: "creating", content: { where: "/x", digest: mine } };
  expect(blocked({ sources: own, steps: [step({ sha256: mine })], images: { [a]: begun } })).toEqual([]);
});
