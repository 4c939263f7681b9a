import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Part } from "../../../src/core/abilities.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { ByteRequirements } from "../../../src/core/model/image.ts";
import type { PlainSource } from "../../../src/core/model/source.ts";
import type { Sources } from "../../../src/core/source/open/open.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  AT,
  all,
  type Bench,
  bench,
  declared,
  failureOf,
  hash,
  LAB,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

setDefaultTimeout(300_000);

const BYTES = noise(5_000_000);
const WRONG = declared(hash("other bytes", "sha512"));

/** Flips a byte of a file and keeps its time, as a dying disk does. */
async function rot(path: string, at = 2_500_000): Promise<void> {
  const times = `${path}.times`;
  Bun.spawnSync(["touch", "-r", path, times]);
  await using handle = await open(path, "r+");
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  buffer[0] = (buffer[0] ?? 0) ^ 0xff;
  await handle.write(buffer, 0, 1, at);
  Bun.spawnSync(["touch", "-r", times, path]);
  await rm(times);
}
const blobOf = async ({ cache }: Bench): Promise<string> => {
  const names = await readdir(join(cache, "blobs"));
  return join(cache, "blobs", names.find((name) => !name.includes(".")) ?? "");
};

describe("a cached blob that rots", () => {
  const wants: readonly (readonly [string, ByteRequirements, Uint8Array])[] = [
    ["as it is", ANY, BYTES],
    ["unpacked", { formats: ["raw"], compressions: ["none"] }, gzipSync(BYTES)],
    ["made to qcow2", { formats: ["qcow2"], compressions: ["none"] }, new Uint8Array(BYTES)],
  ];
  for (const [how, wanted, served] of wants)
    for (const kind of ["with a checksum", "without one"] as const)
      test(`${how}, ${kind}: nobody gets the whole, and the next run downloads it again`, async () => {
        await using place = await bench();
        await using server = await hostile((asked) => file(asked, served));
        const checksum = kind === "without one" ? {} : { checksum: declared(hash(served)) };
        const spec = urlSource(`${server.url}/a.raw`, checksum);
        const before = place.run();
        const good = await all((await before.open(spec, wanted, opening())).open(never));
        await before[Symbol.asyncDispose]();
        await rot(await blobOf(place), Math.floor(served.length / 2));
        const run = place.run();
        const failure = await failureOf(async () => await all((await run.open(spec, wanted, opening())).open(never)));
        expect(failure.code).toBe("source.damaged");
        const gets = server.gets().length;
        const again = await place.run().open(spec, wanted, opening());
        expect((await all(again.open(never))).equals(good)).toBe(true);
        expect(server.gets().length).toBe(gets + 1);
      });
});

/** The one part of an image, as its backend gives it. */
const partOf = (bytes: Uint8Array, more: Partial<Part> = {}): Part => ({
  name: "disk.raw",
  format: "raw",
  async *open() {
    for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
  },
  ...more,
});
const IMAGE: PlainSource = { kind: "image", at: AT, address: LAB, follow: true };
/** The code that reading to the end fails with, wherever it does. */
async function codeOf(run: Sources, spec: PlainSource): Promise<string | undefined> {
  try {
    await all((await run.open(spec, ANY, opening())).open(never));
    return undefined;
  } catch (thrown) {
    return thrown instanceof Failure ? thrown.code : String(thrown);
  }
}

test("a temporary file that rots between what wrote it and a reader is seen", async () => {
  await using place = await bench();
  const run = place.run({ download: async () => [partOf(noise(20 << 20))] });
  expect(await codeOf(run, IMAGE)).toBeUndefined();
  const [name = ""] = await readdir(join(place.cache, "scratch"));
  await rot(join(place.cache, "scratch", name));
  expect(await codeOf(run, IMAGE)).toBe("source.damaged");
});

describe("two readers of one source, each with its own demand", () => {
  for (const specs of [
    [IMAGE, { ...IMAGE, checksum: WRONG }],
    [{ ...IMAGE, checksum: WRONG }, IMAGE],
  ] as const)
    test(`of another image, ${specs[0].checksum === undefined ? "the right" : "the wrong"} one first`, async () => {
      await using place = await bench();
      const run = place.run({ download: async () => [partOf(BYTES)] });
      const right = specs.map((one) => (one === IMAGE ? undefined : "source.checksum"));
      expect(await Promise.all(specs.map((one) => codeOf(run, one)))).toEqual(right);
      expect([await codeOf(run, specs[0]), await codeOf(run, specs[1])]).toEqual(right);
    });

  test("of a URL, at once and one after the other, from the network and from the cache", async () => {
    await using place = await bench();
    await using server = await hostile((asked) => file(asked, BYTES));
    const spec = urlSource(`${server.url}/a.raw`);
    const wrong = { ...spec, checksum: WRONG };
    const run = place.run();
    expect(await Promise.all([codeOf(run, spec), codeOf(run, wrong)])).toEqual([undefined, "source.checksum"]);
    expect(await codeOf(place.run(), wrong)).toBe("source.checksum");
    expect(await codeOf(place.run(), { ...spec, checksum: declared(hash(BYTES, "md5")) })).toBeUndefined();
    expect(await codeOf(place.run(), spec)).toBeUndefined();
  });

  // What lima did until lima-vm/lima#5184.
  test("cached without a digest, asked for with one while the server is down: compared all the same", async () => {
    await using place = await bench();
    let isDown = false;
    await using server = await hostile((asked) => (isDown ? { status: 500 } : file(asked, BYTES)));
    const spec = urlSource(`${server.url}/a.raw`);
    expect(await codeOf(place.run(), spec)).toBeUndefined();
    isDown = true;
    expect(await codeOf(place.run(), { ...spec, checksum: declared(hash(BYTES)) })).toBeUndefined();
    for (const algorithm of ["sha256", "sha512"] as const)
      expect(await codeOf(place.run(), { ...spec, checksum: declared(hash("others", algorithm)) })).toBeDefined();
  });

  test("a part whose backend says its digest is compared with it", async () => {
    await using place = await bench();
    const run = place.run({ download: async () => [partOf(BYTES, { digest: hash("x") })] });
    expect(await codeOf(run, IMAGE)).toBe("source.changed");
    const strong = place.run({ download: async () => [partOf(BYTES, { digest: hash("x", "sha512") })] });
    expect(await codeOf(strong, IMAGE)).toBe("source.changed");
  });

  test("a part is as long as its backend says, or it is not taken", async () => {
    await using place = await bench();
    for (const [more, code] of [
      [0, undefined],
      [1, "source.digest"],
      [-1, "source.digest"],
    ] as const) {
      const run = place.run({ download: async () => [partOf(BYTES, { size: BYTES.length + more })] });
      expect([more, await codeOf(run, IMAGE)]).toEqual([more, code]);
    }
  });

  test("what the plan pinned of another image holds for that reader alone", async () => {
    await using place = await bench();
    const run = place.run({ download: async () => [partOf(BYTES)] });
    const pinned = opening({ expected: { where: LAB, digest: hash("others") } });
    const reading = async () => await all((await run.open(IMAGE, ANY, pinned)).open(never));
    const [free, failure] = await Promise.all([codeOf(run, IMAGE), failureOf(reading)]);
    expect([free, failure.code]).toEqual([undefined, "source.changed"]);
  });
});

describe("the whole request is what identifies bytes", () => {
  for (const name of [
    "key",
    "token",
    "jwt",
    "pwd",
    "hmac",
    "session",
    "code",
    "verify",
    "Policy",
    "sig",
    "X-Amz-Signature",
  ])
    test(`two URLs that differ in ${name} alone are two, in one run and over the cache, and its value is nowhere`, async () => {
      await using place = await bench();
      const bytesOf = (query: URLSearchParams) => Buffer.from(`bytes of ${query.get(name)}`.repeat(1000));
      await using server = await hostile((asked) =>
        file(asked, bytesOf(new URL(asked.path, "http://x").searchParams), undefined),
      );
      const url = (value: string) => urlSource(`${server.url}/download?${name}=${value}`);
      const values = ["secret-debian", "secret-ubuntu"];
      for (const run of [place.run(), place.run()]) {
        const got = await Promise.all(
          values.map(async (value) => {
            const opened = await run.open(url(value), ANY, opening());
            const bytes = await all(opened.open(never));
            const { where, identity } = await opened.content();
            return { is: bytes.equals(bytesOf(new URLSearchParams({ [name]: value }))), where, identity };
          }),
        );
        expect(got.map(({ is }) => is)).toEqual([true, true]);
        expect(got[0]?.where).toBe(got[1]?.where ?? "");
        expect(got[0]?.identity).not.toBe(got[1]?.identity);
        expect(JSON.stringify(got)).not.toContain("secret-");
      }
      for (const entry of await readdir(place.directory, { recursive: true, withFileTypes: true })) {
        expect(entry.name).not.toContain("secret-");
        if (!entry.isFile() || join(entry.parentPath, entry.name) === (await blobOf(place))) continue;
        // The lock of a download that has just ended may go meanwhile.
        const text = await readFile(join(entry.parentPath, entry.name), "latin1").catch(
          (error: NodeJS.ErrnoException) => {
            if (error.code === "ENOENT") return "";
            throw error;
          },
        );
        if (!text.startsWith("bytes of ")) expect(text).not.toContain("secret-");
      }
    });
});
