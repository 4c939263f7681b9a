import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { file, hostile } from "./hostile.ts";
import { ANY, all, attempt, bench, declared, fileSource, hash, never, noise, opening, urlSource } from "./kit.ts";

setDefaultTimeout(300_000);

test("who begins to read just when a download fails is told why", async () => {
  const wrong = { checksum: declared(hash("another file")) };
  await using server = await hostile((asked) => file(asked, noise(2_000_000)));
  for (let round = 0; round < 4; round++) {
    await using place = await bench();
    await using sources = place.run();
    const source = await sources.open(urlSource(`${server.url}/a`, wrong), ANY, opening()).catch(() => undefined);
    if (source === undefined) continue;
    const reads: Promise<unknown>[] = [];
    for (let turn = 0; turn < 40; turn++) {
      reads.push(attempt(source.open(never)).then(({ failure }) => failure?.code));
      await setImmediate();
    }
    expect([...new Set(await Promise.all(reads))]).toEqual(["source.checksum"]);
  }
});

test("a download is proven, kept, and not fetched again", async () => {
  await using place = await bench();
  const bytes = noise(3_000_000);
  await using server = await hostile((asked) => file(asked, bytes));
  const spec = urlSource(`${server.url}/a.img`, { checksum: declared(hash(bytes)) });
  for (let run = 0; run < 2; run++) {
    await using sources = place.run();
    const source = await sources.open(spec, ANY, opening());
    expect([source.format, source.compression, source.size, source.filename, source.digest]).toEqual([
      "raw",
      "none",
      bytes.length,
      "a.img",
      hash(bytes),
    ]);
    expect((await all(source.open(never))).equals(bytes)).toBe(true);
    expect(await source.digests()).toMatchObject({ sha256: hash(bytes) });
    expect(await source.content()).toEqual({ where: `${server.url}/a.img`, digest: hash(bytes), size: bytes.length });
  }
  expect(server.log.length).toBe(1);
  expect(await readdir(join(place.cache, "partial"))).toEqual([]);
  expect(await readdir(join(place.cache, "locks"))).toEqual([]);
  expect(await readdir(join(place.cache, "uses"))).toEqual([]);
});

test("without a checksum the validators decide", async () => {
  await using place = await bench();
  const versions = [noise(200_000), noise(200_000)] as const;
  let version = 0;
  await using server = await hostile((asked) => file(asked, versions[version === 0 ? 0 : 1], `"v${version}"`));
  const spec = urlSource(`${server.url}/a.img`);
  const get = async () => {
    await using sources = place.run();
    const expected = await sources.look(spec, undefined, never);
    const source = await sources.open(spec, ANY, opening({ expected }));
    const got = await all(source.open(never));
    return { got, content: await source.content(), expected };
  };
  const first = await get();
  expect(first.got.equals(versions[0])).toBe(true);
  expect(first.content).toEqual({
    where: `${server.url}/a.img`,
    digest: hash(versions[0]),
    size: 200_000,
    validators: { etag: '"v0"', length: 200_000 },
  });
  await get();
  expect(server.gets().length).toBe(1);
  version = 1;
  expect((await get()).got.equals(versions[1])).toBe(true);
  expect(server.gets().length).toBe(2);
});

test("many backends share one download, and one that is slow or gives up hurts nobody", async () => {
  await using place = await bench();
  const bytes = noise(6_000_000);
  await using server = await hostile((asked) => file(asked, bytes));
  const sources = place.run();
  const spec = urlSource(`${server.url}/a.img`, { checksum: declared(hash(bytes)) });
  const opened = await Promise.all([0, 1, 2, 3].map(() => sources.open(spec, ANY, opening())));
  const [one, two, three, four] = opened;
  const slow = four?.open(never)[Symbol.asyncIterator]();
  await slow?.next();
  const leaves = async () => {
    for await (const piece of three?.open(never) ?? []) if (piece.length > 0) throw new Error("enough");
  };
  const results = await Promise.allSettled([
    all(one?.open(never) ?? empty()),
    all(two?.open(never) ?? empty()),
    leaves(),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  expect(server.gets().length).toBe(1);
  let rest = 0;
  for (let next = await slow?.next(); next?.done === false; next = await slow?.next()) rest += next.value.length;
  expect(rest).toBeGreaterThan(0);
});

test("a local file is read where it lies", async () => {
  await using place = await bench();
  const bytes = noise(2_500_000);
  const path = await place.file("a.img", bytes);
  const sources = place.run();
  const spec = fileSource(path, { checksum: declared(hash(bytes, "sha512")) });
  const source = await sources.open(spec, { ...ANY, digests: ["md5"] }, opening());
  expect((await all(source.open(never))).equals(bytes)).toBe(true);
  expect(await source.digests()).toEqual({
    sha256: hash(bytes),
    sha512: hash(bytes, "sha512"),
    md5: hash(bytes, "md5"),
  });
  expect(await source.content()).toMatchObject({ where: path, digest: hash(bytes, "sha512"), size: bytes.length });
});

async function* empty(): AsyncGenerator<Uint8Array> {}
