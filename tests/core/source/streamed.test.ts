import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Code } from "../../../src/core/failure.ts";
import type { ByteRequirements } from "../../../src/core/model/image.ts";
import { type Asked, file, hostile, type Reply } from "./hostile.ts";
import {
  ANY,
  all,
  attempt,
  type Bench,
  bench,
  declared,
  failureOf,
  hash,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

// IMAGES_CACHE_MAX=0: bytes go from the web straight to whoever wants them, and nothing of them is ever on the disk.

setDefaultTimeout(300_000);

const BYTES = noise(3 * (1 << 20) + 1234);
const GZ = gzipSync(Buffer.concat([noise(700_000), Buffer.alloc(2_000_000)]));
const good = (asked: Asked): Reply => file(asked, BYTES);
/** The first GET is answered otherwise than all else. */
function first(once: (asked: Asked) => Reply, then: (asked: Asked) => Reply): (asked: Asked) => Reply {
  let gets = 0;
  return (asked) => (asked.method === "GET" && gets++ === 0 ? once(asked) : then(asked));
}
const direct = (idle = 20): Promise<Bench> => bench({ env: { IMAGES_CACHE_MAX: "0" }, idle });
const sum = { checksum: declared(hash(BYTES)) };

async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() && entry.name !== "CACHEDIR.TAG" ? [entry.name] : []));
}
const nothingOnDisk = async ({ directory }: Bench): Promise<void> => expect(await filesIn(directory)).toEqual([]);

test("fetched once, looked at and proven on the way; the disk sees nothing of it", async () => {
  await using place = await direct();
  await using server = await hostile(good);
  const told: number[] = [];
  const found: Promise<readonly string[]>[] = [];
  const source = await place.run().open(
    urlSource(`${server.url}/a.img`, sum),
    { ...ANY, digests: ["md5"] },
    opening({
      progress: (phase, done) => {
        if (phase !== "download") return;
        told.push(done);
        found.push(filesIn(place.directory));
      },
    }),
  );
  expect([source.size, (await all(source.open(never))).equals(BYTES)]).toEqual([BYTES.length, true]);
  expect(await source.digests()).toEqual({ sha256: hash(BYTES), md5: hash(BYTES, "md5") });
  expect((await source.content()).digest).toBe(hash(BYTES));
  expect([server.gets().length, server.sent(), told.at(-1)]).toEqual([1, BYTES.length, BYTES.length]);
  expect([...new Set((await Promise.all(found)).flat())]).toEqual([]);
  // A retry of the backend, or another backend, fetches it again.
  expect((await all(source.open(never))).equals(BYTES)).toBe(true);
  expect(server.gets().length).toBe(2);
});

test("several backends at once each get the whole", async () => {
  await using place = await direct();
  await using server = await hostile(good);
  const sources = place.run();
  const one = async () => {
    const source = await sources.open(urlSource(`${server.url}/a.img`, sum), ANY, opening());
    return (await all(source.open(never))).equals(BYTES);
  };
  expect(await Promise.all([one(), one(), one(), one()])).toEqual([true, true, true, true]);
  expect(server.gets().length).toBe(4);
});

test("what is packed is unpacked on the way", async () => {
  await using place = await direct();
  await using server = await hostile((asked) => file(asked, GZ));
  const wanted: ByteRequirements = { formats: ["raw"], compressions: ["none"] };
  const source = await place.run().open(urlSource(`${server.url}/a.raw.gz`), wanted, opening());
  expect((await all(source.open(never))).equals(gunzipSync(GZ))).toBe(true);
  expect([(await source.content()).digest, server.gets().length]).toEqual([hash(GZ), 1]);
  await nothingOnDisk(place);
});

for (const cut of [0, 1, 65_536, 1 << 20, BYTES.length - 1])
  test(`cut after ${cut} bytes: taken up, no byte comes twice`, async () => {
    await using place = await direct();
    await using server = await hostile(first((asked) => ({ ...good(asked), cut }), good));
    const source = await place.run().open(urlSource(`${server.url}/a.img`), ANY, opening());
    expect((await all(source.open(never))).equals(BYTES)).toBe(true);
    expect([server.gets().length, server.sent()]).toEqual([2, BYTES.length]);
  });

const HOPELESS: readonly (readonly [string, (asked: Asked, turn: number) => Reply, Code])[] = [
  ["gives other bytes", (asked) => file(asked, noise(BYTES.length)), "source.checksum"],
  ["gives fewer bytes", (asked) => file(asked, BYTES.subarray(0, 2_000_000)), "source.checksum"],
  ["gives nothing", () => ({ body: new Uint8Array(0) }), "source.checksum"],
  ["does not have it", () => ({ status: 404 }), "source.missing"],
  ["stalls", (asked) => ({ ...good(asked), stall: 0 }), "net.timeout"],
];
for (const [what, answer, code] of HOPELESS)
  test(`a server that ${what}: ${code}, and nobody gets the whole`, async () => {
    await using place = await direct(what === "stalls" ? 0.4 : 20);
    await using server = await hostile(answer);
    const failure = await failureOf(async () => {
      const source = await place.run().open(urlSource(`${server.url}/a.img`, sum), ANY, opening());
      const { got, failure: failed } = await attempt(source.open(never));
      expect(got.length).toBeLessThan(BYTES.length);
      throw failed;
    });
    expect(failure.code).toBe(code);
    await nothingOnDisk(place);
  });

test("another version in the middle of it is a failure, and so is one that the plan did not see", async () => {
  await using place = await direct();
  await using server = await hostile(
    first(
      (asked) => ({ ...good(asked), cut: 1_000_000 }),
      (asked) => file(asked, noise(2_000_000), '"v2"'),
    ),
  );
  const spec = urlSource(`${server.url}/a.img`);
  const broken = await failureOf(async () => {
    const source = await place.run().open(spec, ANY, opening());
    throw (await attempt(source.open(never))).failure;
  });
  expect(broken.code).toBe("source.changed");
  await using moved = await hostile((asked) => file(asked, BYTES, '"v2"'));
  const where = `${moved.url}/a.img`;
  const expected = { where, validators: { etag: '"v1"' } };
  const failure = await failureOf(async () => {
    const late = await place.run().open(urlSource(where), ANY, opening({ expected }));
    throw (await attempt(late.open(never))).failure;
  });
  expect(failure.code).toBe("source.changed");
});

test("who stops reading ends the connection", async () => {
  await using place = await direct();
  await using server = await hostile(good);
  const sources = place.run();
  const source = await sources.open(urlSource(`${server.url}/a.img`), ANY, opening());
  const stop = new AbortController();
  const reason = new Error("enough");
  const reading = (async () => {
    for await (const _ of source.open(stop.signal)) stop.abort(reason);
  })();
  expect(await reading.catch((thrown: unknown) => thrown)).toBe(reason);
  await sources[Symbol.asyncDispose]();
});
