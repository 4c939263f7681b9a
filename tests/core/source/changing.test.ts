import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, open, readdir, rename, stat, truncate, utimes } from "node:fs/promises";
import { join } from "node:path";
import { SMALL } from "../../../src/core/disk/regular.ts";
import type { Digest } from "../../../src/core/model/digest.ts";
import type { ByteRequirements } from "../../../src/core/model/image.ts";
import type { PlainSource } from "../../../src/core/model/source.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  all,
  attempt,
  type Bench,
  bench,
  declared,
  fileSource,
  hash,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

// A source that grows, shrinks or changes while it is read: an error, and nobody gets the last of its bytes. And two runs at once.

setDefaultTimeout(300_000);

/** More than is read ahead of a reader that has its first piece, of 8 MiB at most. */
const SIZE = 10 << 20;
const BYTES = noise(SIZE);
const OTHER_BYTES = noise(SIZE);
const QCOW2: ByteRequirements = { formats: ["qcow2"], compressions: ["none"] };

/** Some bytes in the middle are others, and the time of the file is what it was. */
async function rewrite(path: string, at: number): Promise<void> {
  const { atime, mtime, size } = await stat(path);
  await using handle = await open(path, "r+");
  await handle.write("other bytes", Math.min(at, size - 11));
  await handle.utimes(atime, mtime);
}

const CHANGES: readonly (readonly [name: string, change: (path: string) => Promise<void>])[] = [
  ["grows", (path) => appendFile(path, "more")],
  ["shrinks", (path) => truncate(path, SIZE / 2)],
  ["is emptied", (path) => truncate(path, 0)],
  ["is rewritten behind the reader, its time set back", (path) => rewrite(path, SIZE - 1000)],
  ["is rewritten before the reader, its time set back", (path) => rewrite(path, 10)],
  [
    "is replaced",
    async (path) => {
      await Bun.write(`${path}.new`, OTHER_BYTES);
      await rename(`${path}.new`, path);
    },
  ],
];

/** Reads, and changes the file once the first piece is there. */
async function reading(place: Bench, spec: PlainSource, wanted: ByteRequirements, change: () => Promise<void>) {
  const source = await place.run().open(spec, wanted, opening());
  async function* pieces() {
    let isFirst = true;
    for await (const piece of source.open(never)) {
      if (isFirst) await change();
      isFirst = false;
      yield piece;
    }
  }
  return await attempt(pieces());
}

for (const [name, change] of CHANGES) {
  test(`a file that ${name} while it is read`, async () => {
    await using place = await bench();
    const path = await place.file("a.img", BYTES);
    const { got, failure } = await reading(place, fileSource(path), ANY, () => change(path));
    expect([failure?.code, got.length < SIZE]).toEqual(["source.changed", true]);
  });

  for (const size of [20, 5000, SMALL])
    test(`a file of ${size} bytes that ${name} after it was opened`, async () => {
      await using place = await bench();
      const path = await place.file("a.img", BYTES.subarray(0, size));
      const source = await place.run().open(fileSource(path), ANY, opening());
      await change(path);
      for (const pieces of [source.open(never), source.lend?.(never)]) {
        const { got, failure } = await attempt(pieces ?? source.open(never));
        expect([failure?.code, got.length]).toEqual(["source.changed", 0]);
      }
    });

  test(`a sparse file that ${name} while it is read`, async () => {
    await using place = await bench();
    const path = await place.file("a.img", noise(1 << 20));
    await truncate(path, SIZE);
    const { got, failure } = await reading(place, fileSource(path), ANY, () => change(path));
    expect([failure?.code, got.length < SIZE]).toEqual(["source.changed", true]);
  });

  test(`a disk that ${name} while its data becomes a qcow2`, async () => {
    await using place = await bench();
    const path = await place.file("a.img", noise(SIZE));
    await truncate(path, 9 * 2 ** 30);
    const whole = await all((await place.run().open(fileSource(path), QCOW2, opening())).open(never));
    const { got, failure } = await reading(place, fileSource(path), QCOW2, () => change(path));
    expect(failure?.code).toMatch(/^source\.(changed|truncated)$/);
    expect(got.length).toBeLessThan(whole.length);
  });

  test(`a cached copy that ${name} while it is read: an error, and fetched again by the next run`, async () => {
    await using place = await bench();
    await using server = await hostile((asked) => file(asked, BYTES));
    const spec = urlSource(`${server.url}/a.img`);
    {
      await using run = place.run();
      await all((await run.open(spec, ANY, opening())).open(never));
    }
    const blobs = join(place.cache, "blobs");
    const [blob = ""] = (await readdir(blobs)).filter((one) => /^[0-9a-f]{64}$/.test(one));
    const { got, failure } = await reading(place, spec, ANY, () => change(join(blobs, blob)));
    // The old file of one that was replaced was read to its end, and is what was fetched.
    if (failure === undefined) expect(hash(got)).toBe(hash(BYTES));
    else expect([failure.code, got.length < SIZE]).toEqual(["source.damaged", true]);
    const again = await all((await place.run().open(spec, ANY, opening())).open(never));
    expect(hash(again)).toBe(hash(BYTES));
  });
}

const OTHERS = [
  ["has grown", Buffer.concat([BYTES, noise(1000)]), '"v1"'],
  ["has shrunk", BYTES.subarray(0, SIZE / 2), '"v1"'],
  ["is another version", OTHER_BYTES, '"v2"'],
  ["is another version without an ETag", OTHER_BYTES.subarray(1), undefined],
] as const;
for (const env of [{}, { IMAGES_CACHE_MAX: "0" }])
  for (const [name, bytes, etag] of OTHERS)
    test(`a file of the web that ${name} since the plan: an error (${JSON.stringify(env)})`, async () => {
      await using place = await bench({ env });
      let isLater = false;
      await using server = await hostile((asked) => (isLater ? file(asked, bytes, etag) : file(asked, BYTES)));
      const spec = urlSource(`${server.url}/a.img`);
      const expected = await place.run().look(spec, undefined, never);
      isLater = true;
      const { got, failure } = await (async () => {
        const source = await place.run().open(spec, ANY, opening({ expected }));
        return await attempt(source.open(never));
      })().catch((failure: unknown) => ({ got: Buffer.alloc(0), failure }));
      expect(failure).toMatchObject({ code: "source.changed" });
      expect(got.length).toBeLessThan(bytes.length);
    });

test("two runs at once read one sparse file, and make the same of it", async () => {
  await using place = await bench();
  const path = await place.file("a.img", noise(1 << 20));
  await truncate(path, 9 * 2 ** 30);
  const made = async () => {
    const source = await place.run().open(fileSource(path), QCOW2, opening());
    const bytes = await all(source.open(never));
    return [hash(bytes), (await source.content()).resolved];
  };
  const [one, two] = await Promise.all([made(), made()]);
  expect(one).toEqual(two ?? []);
  await utimes(path, new Date(), new Date());
  expect(await made()).toEqual(one ?? []);
});

test("two runs at once with other demands of one URL: each has its own verdict", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, BYTES));
  const got = async (digest: Digest) => {
    const spec = urlSource(`${server.url}/a.img`, { checksum: declared(digest) });
    const source = await place.run().open(spec, ANY, opening());
    return await attempt(source.open(never));
  };
  const [good, bad] = await Promise.all([got(hash(BYTES)), got(hash("other"))]);
  expect([good?.failure, good?.got.equals(BYTES)]).toEqual([undefined, true]);
  expect([bad?.failure?.code, (bad?.got.length ?? SIZE) < SIZE]).toEqual(["source.checksum", true]);
});
