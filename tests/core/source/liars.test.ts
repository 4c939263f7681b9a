import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Checksum, UrlSource } from "../../../src/core/model/source.ts";
import type { OpenResult } from "../../../src/core/source/open/opened.ts";
import { type Asked, file, hostile, type Reply } from "./hostile.ts";
import { ANY, attempt, type Bench, bench, declared, failureOf, hash, never, noise, opening, urlSource } from "./kit.ts";

// Mirrors that give wrong bytes: the next is asked, and the run says which lied.

setDefaultTimeout(300_000);

const BYTES = noise(2_000_000);
const STALE = noise(2_000_000);
const SUMS = new TextEncoder().encode(`${hash(BYTES).slice(7)}  a.img\n`);
const literal = { checksum: declared(hash(BYTES)) };

async function get(place: Bench, spec: UrlSource, more: Parameters<typeof opening>[0] = {}) {
  await using sources = place.run();
  const source = await sources.open(spec, ANY, opening(more));
  return { ...(await attempt(source.open(never))), content: await contentOf(source) };
}
const contentOf = async (source: OpenResult) => await source.content().catch(() => undefined);

const give = (bytes: Uint8Array) =>
  hostile((asked) => (asked.path.endsWith("SUMS") ? { body: SUMS } : file(asked, bytes)));
const HTML = new TextEncoder().encode("<html>moved</html>");

const LIES: readonly (readonly [string, (asked: Asked) => Reply])[] = [
  ["stale bytes of the same length", (asked) => file(asked, STALE)],
  ["stale bytes of another length", (asked) => file(asked, STALE.subarray(0, 1_000_000))],
  ["longer bytes", (asked) => file(asked, Buffer.concat([BYTES, HTML]))],
  ["a page in HTML", () => ({ body: HTML })],
  ["nothing", () => ({ body: new Uint8Array(0) })],
  ["bytes without a length", () => ({ body: STALE, length: "chunked" })],
  ["the beginning of the right bytes, with its length", (asked) => file(asked, BYTES.subarray(0, 1_500_000))],
];

for (const env of [{}, { IMAGES_CACHE_MAX: "0" }])
  for (const [name, lie] of LIES)
    test(`${name}: the next mirror is asked, and the run says which lied (${JSON.stringify(env)})`, async () => {
      await using place = await bench({ env });
      await using liar = await hostile(lie);
      await using good = await give(BYTES);
      const urls = [`${liar.url}/a.img`, `${good.url}/a.img`];
      const { got, failure } = await get(place, urlSource(urls, literal));
      expect(failure).toBeUndefined();
      expect(got.equals(BYTES)).toBe(true);
      expect(place.notes.filter((note) => note.includes(`${liar.url}/a.img: checksum mismatch`)).length).toBe(1);
      expect(place.notes.join()).not.toContain(`${good.url}/a.img`);
    });

test("the entry of a sums file is what the mirrors are held to", async () => {
  await using place = await bench();
  await using liar = await give(STALE);
  await using good = await give(BYTES);
  const checksum: Checksum = { kind: "sums", algorithm: "sha256", where: `${good.url}/SUMS` };
  const { got } = await get(place, urlSource([`${liar.url}/a.img`, `${good.url}/a.img`], { checksum }));
  expect(got.equals(BYTES)).toBe(true);
  expect(place.notes.join()).toContain(`${liar.url}/a.img: checksum mismatch`);
});

for (const env of [{}, { IMAGES_CACHE_MAX: "0" }])
  for (const [signature, key] of [
    ["mini.minisig", "mini.pub"],
    ["rsa.sig.asc", "rsa.asc"],
  ] as const)
    test(`a signature is what the mirrors are held to: ${signature} ${JSON.stringify(env)}`, async () => {
      await using place = await bench({ env });
      const fixtures = join(import.meta.dir, "fixtures");
      const signed = new Uint8Array(await Bun.file(join(fixtures, "SUMS")).arrayBuffer());
      await using liar = await hostile((asked) => file(asked, noise(signed.length)));
      await using good = await hostile((asked) => file(asked, signed));
      const proof = { signature: { where: join(fixtures, signature), key: join(fixtures, key) } };
      const { got, failure } = await get(place, urlSource([`${liar.url}/s`, `${good.url}/s`], proof));
      expect(failure).toBeUndefined();
      expect(got.equals(signed)).toBe(true);
      expect(place.notes.join()).toContain(
        `${liar.url}/s: the signature ${join(fixtures, signature)} does not match the bytes`,
      );
    });

test("what the plan was made from is what the mirrors are held to", async () => {
  await using place = await bench();
  await using liar = await give(STALE);
  await using good = await give(BYTES);
  const expected = { where: `${good.url}/a.img`, digest: hash(BYTES) };
  const { got } = await get(place, urlSource([`${liar.url}/a.img`, `${good.url}/a.img`]), { expected });
  expect(got.equals(BYTES)).toBe(true);
  expect(place.notes.join()).toContain(`${liar.url}/a.img has changed since the plan was made`);
});

test("all mirrors lie: each is named, and nothing is given", async () => {
  for (const env of [{}, { IMAGES_CACHE_MAX: "0" }]) {
    await using place = await bench({ env });
    await using one = await give(STALE);
    await using two = await give(noise(70_000));
    await using three = await hostile(() => ({ status: 404 }));
    const urls = [one, two, three].map(({ url }) => `${url}/a.img`);
    const failure = await failureOf(async () => {
      const { failure: late } = await get(place, urlSource(urls, literal));
      throw late ?? new Error("nothing was wrong");
    });
    expect(failure.code).toBe("source.checksum");
    expect(failure.message).toStartWith("none of the 3 mirrors has the expected bytes: ");
    for (const url of urls) expect(failure.message).toContain(url);
  }
});

test("parts of several mirrors that do not fit: the whole file is asked of each", async () => {
  await using place = await bench();
  await using first = await hostile((asked, turn) =>
    turn === 0 ? { ...file(asked, STALE), cut: 1_200_000 } : { status: 404 },
  );
  await using second = await give(BYTES);
  const { got } = await get(place, urlSource([`${first.url}/a.img`, `${second.url}/a.img`], literal));
  expect(got.equals(BYTES)).toBe(true);
  expect(place.notes.join()).toContain("the parts came from several mirrors");
});

test("what an earlier run left of a liar is not the fault of the mirror that went on", async () => {
  await using place = await bench();
  await using first = await hostile((asked, turn) =>
    turn === 0 ? { ...file(asked, STALE), cut: 1_200_000 } : { hangUp: true },
  );
  const dead = urlSource([`${first.url}/a.img`], literal);
  expect(
    (
      await failureOf(async () => {
        const { failure } = await get(place, dead);
        throw failure ?? new Error("nothing was wrong");
      })
    ).code,
  ).toStartWith("net.");
  await using second = await give(BYTES);
  await using third = await give(BYTES);
  const { got, failure } = await get(place, urlSource([`${second.url}/a.img`, `${third.url}/a.img`], literal));
  expect(failure).toBeUndefined();
  expect(got.equals(BYTES)).toBe(true);
});

test("several readers of a lying mirror all get the right bytes, fetched once", async () => {
  await using place = await bench();
  await using liar = await give(STALE);
  await using good = await give(BYTES);
  const sources = place.run();
  const spec = urlSource([`${liar.url}/a.img`, `${good.url}/a.img`], literal);
  const one = async () => {
    const source = await sources.open(spec, ANY, opening());
    return (await attempt(source.open(never))).got.equals(BYTES);
  };
  expect(await Promise.all([one(), one(), one()])).toEqual([true, true, true]);
  expect(liar.gets().length).toBe(1);
});
