import { afterAll, beforeAll, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { Cache } from "../../../src/core/source/cache/index.ts";
import { GrowingFile } from "../../../src/core/source/fetch/growing-file.ts";
import type { Sources } from "../../../src/core/source/open/open.ts";
import { OpenedSource } from "../../../src/core/source/open/opened.ts";
import { type Bench, bench } from "../source/kit.ts";
import { Fetching, KINDS, type Kind, Published } from "./published.ts";
import { AT, World } from "./world.ts";

// Evidence of every kind, added, changed and removed in every pair: what is known decides, else the bytes are read; never "unchanged".

setDefaultTimeout(300_000);

let place: Bench;
let cached: Bench;
beforeAll(async () => {
  place = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
  cached = await bench();
});
afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await cached[Symbol.asyncDispose]();
});

const a = { a: { bytes: "from the source" } };

async function made(kind: Kind, nature: ConstructorParameters<typeof World>[0] = {}, at = place) {
  const published = new Published();
  const world = new World(nature);
  const here = new Fetching(world, () => at.run());
  here.spec = published.declare(kind);
  expect(await here.apply(a)).toBe("succeeded");
  const id = here.rows.get(AT("a"))?.id;
  if (id === undefined) throw new Error("no image was recorded");
  return { published, world, here, id };
}

const digestIn = (kind: Kind): string | undefined =>
  /^(md5|sha\d+)/.exec(kind)?.[1] ?? /^sums(\d+)/.exec(kind)?.[1]?.replace(/^/, "sha");
const isOverBytes = (kind: Kind) => kind.endsWith("signature") && !kind.startsWith("sums");
/** What the server says is all that there is to compare. */
const validatorsOf = (kind: Kind): string | undefined =>
  digestIn(kind) !== undefined ? undefined : kind === "signature" ? "both" : kind;

/** What is known once an image was made with `from` tells of `to`: sha256 always, and what was declared. */
function isFree(from: Kind, to: Kind): boolean {
  if (isOverBytes(to) && !isOverBytes(from)) return false;
  const declared = digestIn(to);
  if (declared !== undefined) return declared === "sha256" || declared === digestIn(from);
  const [before, now] = [validatorsOf(from), validatorsOf(to)];
  if (before === undefined || now === undefined) return false;
  if (before === "length" || now === "length") return before === now;
  return before === now || before === "both" || now === "both";
}

for (const from of KINDS)
  for (const to of KINDS)
    test(`${from} -> ${to}, the same bytes: ${isFree(from, to) ? "known" : "verify"}, recorded, the image kept`, async () => {
      const { published, world, here, id } = await made(from);
      using _ = published;
      here.spec = published.declare(to);
      published.sent = 0;
      const plan = await here.plan(a);
      expect(plan.steps.map(({ action }) => action)).toEqual([isFree(from, to) ? "keep" : "verify"]);
      expect(published.sent).toBe(0);
      expect(await here.apply(a)).toBe("succeeded");
      expect(published.sent).toBe(isFree(from, to) ? 0 : 1);
      expect([...world.images.keys()]).toEqual([id]);
      const again = await here.plan(a);
      expect(again.steps).toEqual([{ action: "keep", address: AT("a"), id }]);
    });

// A signature that was replaced at its place shows when the bytes are read the next time: the file declares nothing new.
for (const from of KINDS)
  for (const to of KINDS.filter((kind) => digestIn(kind) !== undefined || (kind === "signature" && from !== kind)))
    test(`${from} -> ${to} of other bytes: an error, and nothing changes`, async () => {
      const { published, world, here } = await made(from);
      using _ = published;
      const before = [...world.images.entries()];
      published.proven = "other bytes";
      here.spec = published.declare(to);
      for (let run = 0; run < 2; run++) {
        const plan = await here.plan(a);
        expect(plan.steps.map(({ action }) => action)).not.toContain("keep");
        expect(await here.apply(a)).toBe("failed");
        expect([...world.images.entries()]).toEqual(before);
      }
    });

/** Cells of the table in docs/lifecycle.md, filled in by the tests of the pairs. */
const cells = new Map<string, string>();
const SHOWN = ["etag", "modified", "length", "md5", "sha256", "sha512", "sums256", "signature"] as const;
const WORDS: Partial<Record<string, string>> = {
  etag: "ETag",
  modified: "Last-Modified",
  length: "size only",
  sums256: "sums file (sha256)",
  signature: "signature",
};

// What is published has changed, and so has all of its evidence that is declared: never kept in silence, and made anew in the end.
for (const from of KINDS)
  for (const to of KINDS)
    test(`${from} -> ${to}, of other bytes that it proves: seen, and published`, async () => {
      const { published, world, here, id } = await made(from);
      using _ = published;
      published.bytes = published.proven = published.bytes.replace("the", "THE");
      published.date = "Tue, 03 Jan 2023 03:04:05 GMT";
      here.spec = published.declare(to);
      const { steps, warnings } = await here.plan(a);
      const action = steps[0]?.action ?? "";
      const isMute = from === "length" && to === "length";
      expect(action).toMatch(isMute ? /^keep$/ : /^(replace|verify)$/);
      expect(warnings.length).toBe(isMute ? 1 : 0);
      cells.set(`${from} ${to}`, isMute ? "unknown" : action);
      if (isMute) return;
      // What was read is remembered: the next plan knows that it is a replacement.
      expect(await here.apply(a)).toBe(action === "replace" ? "succeeded" : "failed");
      if (action === "verify") {
        expect([...world.images.keys()]).toEqual([id]);
        expect((await here.plan(a)).steps.map((step) => step.action)).toEqual(["replace"]);
        expect(await here.apply(a)).toBe("succeeded");
      }
      expect([...world.images.values()].map(({ bytes }) => bytes)).toEqual([published.bytes]);
      expect((await here.plan(a)).steps.map((step) => step.action)).toEqual(["keep"]);
    });

test("docs/lifecycle.md shows the table of all pairs, as it was found", async () => {
  const word = (kind: Kind) => WORDS[kind] ?? kind;
  const cell = (from: Kind, to: Kind) =>
    `${isFree(from, to) ? "kept" : "verify"}, ${cells.get(`${from} ${to}`) ?? "(run all tests of this file)"}`;
  const rows = SHOWN.map((from) => `| ${[`**${word(from)}**`, ...SHOWN.map((to) => cell(from, to))].join(" | ")} |`);
  const head = [`| from, to | ${SHOWN.map(word).join(" | ")} |`, `| --- |${SHOWN.map(() => " --- |").join("")}`];
  expect(await Bun.file("docs/lifecycle.md").text()).toContain([...head, ...rows].join("\n"));
});

test("what is published has changed with its checksum: not as declared, and the next plan replaces it", async () => {
  const { published, world, here } = await made("etag");
  using _ = published;
  published.bytes = published.proven = "the next version";
  here.spec = published.declare("sha512");
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["verify"]);
  expect(await here.apply(a)).toBe("failed");
  expect([...world.images.values()].map(({ bytes }) => bytes)).not.toContain("the next version");
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["replace"]);
  expect(await here.apply(a)).toBe("succeeded");
  expect([...world.images.values()].map(({ bytes }) => bytes)).toEqual(["the next version"]);
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["keep"]);
});

for (const [kind, cache] of (["etag", "modified"] as const).flatMap((one) => [
  [one, "without a cache"] as const,
  [one, "with the cache"] as const,
])) {
  const at = () => (cache === "with the cache" ? cached : place);

  test(`equal bytes behind a moved ${kind} keep the image, ${cache}`, async () => {
    const { published, world, here, id } = await made(kind, {}, at());
    using _ = published;
    published.says = kind === "etag" ? { etag: '"moved"' } : { "last-modified": "Tue, 03 Jan 2023 03:04:05 GMT" };
    const plan = await here.plan(a);
    expect(plan.steps).toMatchObject([{ action: "replace", unlessSame: true, deletes: [{ why: "replaced" }] }]);
    world.log.length = 0;
    expect(await here.apply(a)).toBe("succeeded");
    expect(world.log).toEqual([`put ready ${id}`]);
    expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["keep"]);
  });

  test(`other bytes of the same length behind a moved ${kind}: a new image, as planned, ${cache}`, async () => {
    const { published, world, here } = await made(kind, {}, at());
    using _ = published;
    published.bytes = published.bytes.replace("the", "THE");
    published.says = kind === "etag" ? { etag: '"moved"' } : { "last-modified": "Tue, 03 Jan 2023 03:04:05 GMT" };
    published.sent = 0;
    expect(await here.apply(a)).toBe("succeeded");
    // Once, though they are compared before they are sent, and the cache may hold nothing.
    expect(published.sent).toBe(1);
    expect([...world.images.values()].map(({ bytes }) => bytes)).toEqual([published.bytes]);
    expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["keep"]);
  });
}

test("what is kept between comparing and sending is gone at the end of the run, also where it failed", async () => {
  for (const end of ["succeeded", "failed"] as const) {
    await using own = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
    using published = new Published();
    const world = new World();
    const runs: Sources[] = [];
    const here = new Fetching(world, () => {
      const run = own.run();
      runs.push(run);
      return run;
    });
    here.spec = published.declare("etag");
    expect(await here.apply(a)).toBe("succeeded");
    published.bytes = "THE bytes";
    published.says = { etag: '"moved"' };
    // The second reader, who sends them, is the one that fails.
    const open = spyOn(OpenedSource.prototype, "content");
    if (end === "failed") open.mockRejectedValueOnce(new Failure("source.io", "the disk is gone"));
    expect(await here.apply(a).finally(() => open.mockRestore())).toBe(end);
    for (const run of runs) await run[Symbol.asyncDispose]();
    const left = await Array.fromAsync(new Bun.Glob("{blobs,partial,scratch,uses,index}/*").scan(own.cache));
    expect(left).toEqual([]);
  }
});

test("without room to keep them, they are fetched twice", async () => {
  const { published, here, world } = await made("etag");
  using _ = published;
  published.bytes = published.bytes.replace("the", "THE");
  published.says = { etag: '"moved"' };
  published.sent = 0;
  const full = spyOn(Cache.prototype, "insert");
  const open = spyOn(GrowingFile, "open").mockRejectedValueOnce(new Failure("source.space", "no space left"));
  try {
    expect(await here.apply(a)).toBe("succeeded");
    expect(open).toHaveBeenCalledTimes(1);
    expect(full).not.toHaveBeenCalled();
  } finally {
    open.mockRestore();
    full.mockRestore();
  }
  expect(published.sent).toBe(2);
  expect([...world.images.values()].map(({ bytes }) => bytes)).toEqual([published.bytes]);
});

test("a protected image whose source's validator moved is verified, and not blocked", async () => {
  const { published, here, id } = await made("etag");
  using _ = published;
  here.protect = true;
  expect(await here.apply(a)).toBe("succeeded");
  published.says = { etag: '"moved"' };
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["verify"]);
  expect(await here.apply(a)).toBe("succeeded");
  expect((await here.plan(a)).steps).toMatchObject([{ action: "keep", id }]);
  published.bytes = published.bytes.replace("the", "THE");
  published.says = { etag: '"moved again"' };
  expect(await here.apply(a)).toBe("failed");
  expect((await here.plan(a)).steps).toMatchObject([{ action: "block", because: "protected" }]);
});

test("an attribute that changes together with the evidence waits for it: a mismatch changes nothing", async () => {
  const { published, world, here } = await made("etag");
  using _ = published;
  const label = { a: { bytes: "from the source", label: "new" } };
  published.proven = "other bytes";
  here.spec = published.declare("sha512");
  expect((await here.plan(label)).steps).toMatchObject([{ action: "update", verifies: { how: "download" } }]);
  expect(await here.apply(label)).toBe("failed");
  expect([...world.images.values()][0]?.label).toBeUndefined();
  published.proven = published.bytes;
  here.spec = published.declare("sha512");
  expect(await here.apply(label)).toBe("succeeded");
  expect([...world.images.values()][0]?.label).toBe("new");
  expect((await here.plan(label)).steps.map(({ action }) => action)).toEqual(["keep"]);
});

test("a server that says nothing of a file: the plan says that it cannot be known", async () => {
  const { published, here } = await made("length");
  using _ = published;
  const plan = await here.plan(a);
  expect(plan.steps.map(({ action }) => action)).toEqual(["keep"]);
  expect(plan.warnings).toEqual([
    "m/a: whether its source has changed is unknown: the server returns neither ETag nor Last-Modified: declare a checksum",
  ]);
});

test("after a lost state the backend tells the digest: a checksum of other bytes that is added later is seen without a download", async () => {
  const { published, here, id } = await made("etag", { digests: true });
  using _ = published;
  here.forget();
  expect(await here.apply(a)).toBe("succeeded");
  expect(here.rows.get(AT("a"))?.id).toBe(id);
  published.sent = 0;
  here.spec = published.declare("sha256");
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["keep"]);
  published.proven = "other bytes";
  here.spec = published.declare("sha256");
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["replace"]);
  expect(published.sent).toBe(0);
});

test("after a lost state where nothing tells a digest, the plan says that the checksum cannot be compared", async () => {
  const { published, here } = await made("etag");
  using _ = published;
  here.forget();
  expect(await here.apply(a)).toBe("succeeded");
  here.spec = published.declare("sha256");
  expect((await here.plan(a)).warnings).toEqual([
    "m/a: whether its source has changed is unknown: its declared sha256 was never compared with its bytes, and the digest of its origin is unknown: --replace creates it again",
  ]);
});

test("after a lost state a signature is checked again", async () => {
  const { published, here } = await made("signature", { digests: true });
  using _ = published;
  here.forget();
  expect(await here.apply(a)).toBe("succeeded");
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["verify"]);
  expect(await here.apply(a)).toBe("succeeded");
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["keep"]);
});
