import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, truncate, utimes } from "node:fs/promises";
import { join } from "node:path";
import { isAbandoned, lock } from "../../../src/core/disk/lease.ts";
import { hexOf } from "../../../src/core/model/digest.ts";
import { cacheMax, cacheRoot } from "../../../src/core/source/cache/directory.ts";
import { cacheGc, cacheList, cacheVerify } from "../../../src/core/source/cache/evict.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  all,
  type Bench,
  bench,
  declared,
  failureOf,
  hash,
  hurried,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

setDefaultTimeout(300_000);

async function fill(place: Bench, images: readonly Uint8Array[]): Promise<void> {
  await using server = await hostile((asked) => file(asked, images[Number(asked.path.slice(1))] ?? new Uint8Array(0)));
  for (const [i, bytes] of images.entries()) {
    await using sources = place.run();
    const source = await sources.open(
      urlSource(`${server.url}/${i}`, { checksum: declared(hash(bytes)) }),
      ANY,
      opening(),
    );
    await all(source.open(never));
    await sources[Symbol.asyncDispose]();
    const record = join(place.cache, "blobs", `${hexOf(hash(bytes))}.json`);
    // So that it is certain which was used last.
    if (existsSync(record)) await utimes(record, new Date(), new Date(Date.UTC(2026, 0, 1 + i)));
  }
}

const IMAGES = [noise(100_000), noise(200_000), noise(300_000)];
const digests = (entries: readonly { readonly digest: string }[]) => entries.map(({ digest }) => digest);

test("the cache lists what it has, the one used last first", async () => {
  await using place = await bench();
  await fill(place, IMAGES);
  const list = await cacheList(place.cache);
  expect(digests(list)).toEqual(IMAGES.toReversed().map((bytes) => hash(bytes)));
  expect(list[0]).toMatchObject({
    size: 300_000,
    filename: "2",
    from: expect.stringContaining("http://127.0.0.1"),
    inUse: false,
  });
  expect(existsSync(join(place.cache, "CACHEDIR.TAG"))).toBe(true);
});

test("what is too much goes, the longest unused first", async () => {
  await using place = await bench();
  await fill(place, IMAGES);
  const { removed, kept, bytes } = await cacheGc(place.cache, { maxBytes: 350_000 });
  expect([removed.map(({ size }) => size), kept.map(({ size }) => size), bytes]).toEqual([
    [200_000, 100_000],
    [300_000],
    300_000,
  ]);
  expect((await readdir(join(place.cache, "blobs"))).length).toBe(2);
  expect((await readdir(join(place.cache, "index"))).length).toBe(1);
});

test("what was not used for too long goes", async () => {
  await using place = await bench();
  await fill(place, IMAGES);
  const { removed } = await cacheGc(place.cache, { maxAge: 36 * 3600 }, new Date(Date.UTC(2026, 0, 3)));
  expect(removed.map(({ size }) => size)).toEqual([100_000]);
});

test("what is in use stays, and stays readable", async () => {
  await using place = await bench();
  await fill(place, IMAGES);
  const [bytes = noise(1)] = IMAGES;
  const source = await place
    .run()
    .open(urlSource("http://127.0.0.1:1/0", { checksum: declared(hash(bytes)) }), ANY, opening());
  expect((await cacheList(place.cache)).filter(({ inUse }) => inUse).map(({ size }) => size)).toEqual([100_000]);
  const { removed } = await cacheGc(place.cache, { maxBytes: 0 });
  expect(removed.map(({ size }) => size)).toEqual([300_000, 200_000]);
  expect((await all(source.open(never))).equals(bytes)).toBe(true);
});

test("a limit is kept after each download, without touching what is in use", async () => {
  await using place = await bench({ env: { IMAGES_CACHE_MAX: "0.3MB" } });
  await fill(place, IMAGES.slice(0, 2));
  expect((await cacheList(place.cache)).map(({ size }) => size)).toEqual([200_000, 100_000]);
  await fill(place, IMAGES);
  expect((await cacheList(place.cache)).map(({ size }) => size)).toEqual([300_000]);
});

test("a changed blob is found by verify, and taken away", async () => {
  await using place = await bench();
  await fill(place, IMAGES);
  const [bytes = noise(1)] = IMAGES;
  const path = join(place.cache, "blobs", hexOf(hash(bytes)));
  const changed = Buffer.from(bytes);
  changed[7] = (changed[7] ?? 0) ^ 1;
  await Bun.write(path, changed);
  const { good, bad } = await cacheVerify(place.cache, never);
  expect([good.length, digests(bad)]).toEqual([2, [hash(bytes)]]);
  expect(existsSync(path)).toBe(false);
});

test("a blob that was touched is proven before it is used again; a changed one is fetched anew", async () => {
  await using place = await bench();
  const bytes = noise(100_000);
  await using server = await hostile((asked) => file(asked, bytes));
  const spec = urlSource(`${server.url}/a.img`, { checksum: declared(hash(bytes)) });
  const get = async () => {
    await using sources = place.run();
    return await all((await sources.open(spec, ANY, opening())).open(never));
  };
  await get();
  const path = join(place.cache, "blobs", hexOf(hash(bytes)));
  await utimes(path, new Date(), new Date(0));
  expect((await get()).equals(bytes)).toBe(true);
  expect(server.log.length).toBe(1);
  await truncate(path, 5);
  expect((await get()).equals(bytes)).toBe(true);
  expect(server.log.length).toBe(2);
  await rm(`${path}.json`);
  expect((await get()).equals(bytes)).toBe(true);
  expect(server.log.length).toBe(2);
});

test("a digest of another kind finds the same blob", async () => {
  await using place = await bench();
  const bytes = noise(100_000);
  await using server = await hostile((asked) => file(asked, bytes));
  for (const algorithm of ["sha512", "sha512", "sha256"] as const) {
    await using sources = place.run();
    const spec = urlSource(`${server.url}/a.img`, { checksum: declared(hash(bytes, algorithm)) });
    await all((await sources.open(spec, ANY, opening())).open(never));
  }
  expect(server.log.length).toBe(1);
});

test("what killed processes have left is swept away, what live ones do is not", async () => {
  await using place = await bench();
  await fill(place, []);
  await place
    .run()
    .open(urlSource("http://127.0.0.1:1/x"), ANY, opening())
    .catch(() => undefined);
  const old = new Date(0);
  const names = ["partial/abc", "partial/abc.json", "partial/def", "scratch/x"].map((name) => join(place.cache, name));
  for (const name of names) {
    await Bun.write(name, "12345");
    await utimes(name, old, old);
  }
  await using held = await lock(join(place.cache, "locks", "def"), "a download", { signal: never });
  expect(await isAbandoned(held.path)).toBe(false);
  const { bytes } = await cacheGc(place.cache, {});
  expect(names.map((name) => existsSync(name))).toEqual([false, false, true, false]);
  expect(bytes).toBe(15);
});

test("a lock is held by one, waited for by others, and taken over from the dead", async () => {
  await using place = await bench();
  const path = join(place.directory, "locks", "one");
  const first = await lock(path, "a download", { signal: never });
  const told: string[] = [];
  const second = lock(path, "a download", { signal: never, clock: hurried, waiting: (who) => void told.push(who) });
  while (told.length === 0) await hurried.sleep(1);
  expect(told[0]).toContain(`process ${process.pid}`);
  await first[Symbol.asyncDispose]();
  await using got = await second;
  const stop = new AbortController();
  const third = lock(path, "a download", { signal: stop.signal, clock: hurried });
  stop.abort(new Error("stop"));
  expect(third).rejects.toThrow("stop");
  expect(got.path).toBe(path);
});

test("a killed holder's lock is free at once", async () => {
  await using place = await bench();
  const path = join(place.directory, "lock");
  const program = `import { lock } from ${JSON.stringify(join(import.meta.dir, "../../../src/core/disk/lease.ts"))};
    await lock(${JSON.stringify(path)}, "a download", { signal: new AbortController().signal });
    console.log("held"); setInterval(() => {}, 1000);`;
  const child = Bun.spawn(["bun", "-e", program], { stdout: "pipe" });
  await child.stdout.getReader().read();
  child.kill("SIGKILL");
  await child.exited;
  await using got = await lock(path, "a download", { signal: AbortSignal.timeout(30_000) });
  expect(got.path).toBe(path);
});

test("the directory and the limit come from the environment", async () => {
  expect(cacheRoot({ IMAGES_CACHE: "/x", XDG_CACHE_HOME: "/y" })).toBe("/x");
  expect(cacheRoot({ XDG_CACHE_HOME: "/y", HOME: "/h" })).toBe("/y/images");
  expect(cacheRoot({ HOME: "/h" })).toBe("/h/.cache/images");
  expect(["20GiB", "500M", "1.5k", "0", ""].map((max) => cacheMax({ IMAGES_CACHE_MAX: max }))).toEqual([
    20 * 2 ** 30,
    500 * 2 ** 20,
    1536,
    0,
    20 * 2 ** 30,
  ]);
  expect((await failureOf(async () => cacheMax({ IMAGES_CACHE_MAX: "much" }))).code).toBe("config.value");
  expect((await failureOf(async () => cacheRoot({ IMAGES_CACHE: "x" }))).code).toBe("config.value");
});

test("a disk that fills: a clear failure, and nothing half is left", async () => {
  await using place = await bench();
  const mount = join(place.directory, "small");
  await mkdir(mount);
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount]);
  // Only root can mount; without it there is no small disk to fill.
  if (mounted.exitCode !== 0) return void console.error("not tried: no right to mount a small disk");
  try {
    const bytes = noise(4_000_000);
    await using server = await hostile((asked) => ({
      ...file(asked, bytes),
      ...(asked.path === "/told" ? {} : { length: "chunked" as const }),
    }));
    for (const path of ["told", "untold"]) {
      await using sources = place.run({ env: { ...place.means.env, IMAGES_CACHE: join(mount, "cache") } });
      const spec = urlSource(`${server.url}/${path}`, { checksum: declared(hash(bytes)) });
      const failure = await failureOf(async () => await all((await sources.open(spec, ANY, opening())).open(never)));
      expect(failure.code).toBe("source.space");
      await sources[Symbol.asyncDispose]();
      for (const directory of ["blobs", "partial", "scratch", "locks"])
        expect(await readdir(join(mount, "cache", directory))).toEqual([]);
    }
    const small = noise(1_200_000);
    await using fits = await hostile((asked) => file(asked, small));
    for (let i = 0; i < 2; i++) {
      // The second one needs the room of the first, which nobody uses any more.
      await using sources = place.run({ env: { ...place.means.env, IMAGES_CACHE: join(mount, "cache") } });
      const source = await sources.open(urlSource(`${fits.url}/${i}`), ANY, opening());
      expect((await all(source.open(never))).equals(small)).toBe(true);
    }
  } finally {
    Bun.spawnSync(["umount", mount]);
  }
});
