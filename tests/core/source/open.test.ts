import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Part } from "../../../src/core/abilities.ts";
import { asFailure, interrupted } from "../../../src/core/failure.ts";
import { digest } from "../../../src/core/model/digest.ts";
import { type ByteRequirements, type Phase, passThrough } from "../../../src/core/model/image.ts";
import type { PlainSource } from "../../../src/core/model/source.ts";
import { compareContent } from "../../../src/core/source/content.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  AT,
  all,
  attempt,
  bench,
  declared,
  failureOf,
  fileSource,
  hash,
  LAB,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

setDefaultTimeout(300_000);

const RAW = Buffer.concat([noise(1_500_000), Buffer.alloc(3_000_000), noise(500_000)]);
const GZ = gzipSync(RAW);
const WANTS_RAW: ByteRequirements = { formats: ["raw"], compressions: ["none"] };
const WANTS_GZ: ByteRequirements = { formats: ["raw"], compressions: ["gz"] };

test("what is packed is unpacked for a backend that wants it plain, and left alone for one that does not mind", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, GZ));
  const spec = urlSource(`${server.url}/a.raw.gz`, { checksum: declared(hash(GZ)) });
  const sources = place.run();
  const plain = await sources.open(spec, { ...WANTS_RAW, digests: ["md5"] }, opening());
  const packed = await sources.open(spec, { formats: "any", compressions: "any" }, opening());
  expect([plain.format, plain.compression, plain.size, plain.digest]).toEqual(["raw", "none", undefined, undefined]);
  expect([packed.format, packed.compression, packed.size, packed.digest]).toEqual(["raw", "gz", GZ.length, hash(GZ)]);
  const [one, two] = await Promise.all([all(plain.open(never)), all(packed.open(never))]);
  expect([one.equals(RAW), two.equals(GZ)]).toEqual([true, true]);
  expect(await plain.digests()).toEqual({ sha256: hash(RAW), md5: hash(RAW, "md5") });
  expect(await plain.content()).toEqual(await packed.content());
  expect(server.gets().length).toBe(1);
});

test("a backend that has to know the size gets it", async () => {
  await using place = await bench();
  const path = await place.file("a.raw", RAW);
  const sources = place.run();
  const source = await sources.open(fileSource(path), { ...WANTS_GZ, sized: true }, opening());
  const got = await all(source.open(never));
  expect([source.size, gunzipSync(got).equals(RAW)]).toEqual([got.length, true]);
  expect((await source.digests()).sha256).toBe(hash(got));
  // Opened again, as a retry does, it gives the same.
  expect((await all(source.open(never))).equals(got)).toBe(true);
  await sources[Symbol.asyncDispose]();
  expect(await readdir(join(place.cache, "scratch"))).toEqual([]);
});

test("what several want is made once", async () => {
  await using place = await bench();
  const path = await place.file("a.raw", RAW);
  const sources = place.run();
  const spec = fileSource(path);
  for (let i = 0; i < 3; i++) sources.announce(spec, WANTS_GZ);
  let converted = 0;
  const progress = (phase: Phase, done: number) => {
    if (phase === "convert") converted = Math.max(converted, done);
  };
  const opened = await Promise.all([0, 1, 2].map(() => sources.open(spec, WANTS_GZ, opening({ progress }))));
  const got = await Promise.all(opened.map((source) => all(source.open(never))));
  expect(got.every((bytes) => bytes.equals(got[0] ?? Buffer.alloc(0)) && gunzipSync(bytes).equals(RAW))).toBe(true);
  expect((await readdir(join(place.cache, "scratch"))).length).toBe(1);
  expect(converted).toBe(got[0]?.length ?? -1);
});

test("`decompress` decides where the backend does not", async () => {
  await using place = await bench();
  const path = await place.file("a.raw.gz", GZ);
  const sources = place.run();
  const undone = await sources.open(fileSource(path, { decompress: true }), ANY, opening());
  expect((await all(undone.open(never))).equals(RAW)).toBe(true);
  const untouched = fileSource(path, { decompress: false });
  const left = await sources.open(untouched, { ...WANTS_RAW, formats: ["raw", "other"] }, opening());
  expect([left.format, left.compression]).toEqual(["raw", "gz"]);
  expect((await all(left.open(never))).equals(GZ)).toBe(true);
});

test("bytes that are to stay as they are have to be what is declared, or what the backend takes", async () => {
  await using place = await bench();
  const gz = await place.file("a.raw.gz", GZ);
  const raw = await place.file("a.raw", RAW);
  const table: readonly (readonly [string, ByteRequirements, string])[] = [
    [gz, WANTS_RAW, "the bytes are gz data of a raw image; expected raw, uncompressed"],
    [gz, { formats: "any", compressions: ["none"] }, "the bytes are gz data of a raw image; expected any format"],
    [gz, { formats: ["qcow2"], compressions: "any" }, "the bytes are gz data of a raw image; expected qcow2"],
    [raw, { formats: ["qcow2"], compressions: ["none"] }, "the bytes are raw; expected qcow2, uncompressed"],
    [raw, WANTS_GZ, "the bytes are raw; expected raw, gz compressed"],
    [gz, WANTS_GZ, "taken"],
    [gz, ANY, "taken"],
    [raw, WANTS_RAW, "taken"],
  ];
  for (const [path, wanted, words] of table) {
    const sources = place.run();
    const said = await sources.open(fileSource(path, { decompress: false }), wanted, opening()).then(
      () => "taken",
      (thrown: unknown) => asFailure(thrown).message,
    );
    expect([path, wanted, said]).toEqual([path, wanted, expect.stringContaining(words)]);
  }
});

test("a file is taken out of an archive, even from behind others", async () => {
  await using place = await bench();
  await place.file("tree/a-first.img", noise(2_500_000));
  await place.file("tree/disk.raw", RAW);
  const path = join(place.directory, "a.tar");
  Bun.spawnSync(["tar", "-cf", path, "-C", join(place.directory, "tree"), "a-first.img", "disk.raw"]);
  const source = await place.run().open(fileSource(path, { member: "disk.raw" }), WANTS_RAW, opening());
  expect([source.format, source.filename]).toEqual(["raw", "disk.raw"]);
  expect((await all(source.open(never))).equals(RAW)).toBe(true);
  const failure = await failureOf(async () => {
    const wrong = await place.run().open(fileSource(path, { member: "b.raw" }), WANTS_RAW, opening());
    await all(wrong.open(never));
  });
  expect(failure.code).toBe("source.member");
});

test("what cannot be converted is refused with what to do", async () => {
  await using place = await bench();
  const path = await place.file("a.squashfs", Buffer.concat([Buffer.from("hsqs"), noise(1000)]));
  const failure = await failureOf(() => place.run().open(fileSource(path), WANTS_RAW, opening()));
  expect([failure.code, failure.hint]).toEqual(["source.format", expect.stringContaining("choose another image")]);
});

test("the two files of a split image both come", async () => {
  await using place = await bench();
  const path = await place.file("rootfs.squashfs", Buffer.concat([Buffer.from("hsqs"), noise(100_000)]));
  const metadata = await place.file("metadata.tar.gz", gzipSync(noise(10_000)));
  const sources = place.run();
  const spec = fileSource(path, { metadata });
  const expected = await sources.look(spec, undefined, never);
  const source = await sources.open(spec, ANY, opening({ expected }));
  expect([source.format, source.metadata?.filename, source.metadata?.compression]).toEqual([
    "squashfs",
    "metadata.tar.gz",
    "gz",
  ]);
  await all(source.open(never));
  const second = source.metadata;
  expect(
    (await all(second?.open(never) ?? source.open(never))).equals(Buffer.from(await Bun.file(metadata).arrayBuffer())),
  ).toBe(true);
  expect(compareContent(await source.content(), await place.run().look(spec, await source.content(), never))).toEqual({
    kind: "same",
  });
  await appendFile(metadata, "x");
  const failure = await failureOf(() => place.run().open(spec, ANY, opening({ expected })));
  expect(failure.code).toBe("source.changed");
});

test("after an apply, a plan sees the same: for every kind of source", async () => {
  await using place = await bench();
  const path = await place.file("a.img", RAW);
  await using server = await hostile((asked) => file(asked, RAW));
  const specs: readonly PlainSource[] = [
    fileSource(path),
    fileSource(path, { checksum: declared(hash(RAW, "sha512")) }),
    urlSource(`${server.url}/a.img`),
    urlSource(`${server.url}/a.img`, { checksum: declared(hash(RAW)) }),
    urlSource(`${server.url}/a.img`, { follow: false, decompress: true }),
  ];
  for (const spec of specs) {
    await using sources = place.run();
    const expected = await sources.look(spec, undefined, never);
    const source = await sources.open(spec, ANY, opening({ expected }));
    await all(source.open(never));
    const applied = await source.content();
    expect(compareContent(expected, applied)).toEqual({ kind: "same" });
    expect(compareContent(applied, await place.run().look(spec, applied, never))).toEqual({ kind: "same" });
  }
});

test("wrong bytes never come whole, whatever is done to them", async () => {
  await using place = await bench();
  const path = await place.file("a.raw.gz", GZ);
  await using server = await hostile((asked) => file(asked, GZ));
  const wrong = { checksum: declared(hash("another file")) };
  for (const spec of [fileSource(path, wrong), urlSource(`${server.url}/a`, wrong)])
    for (const [wanted, whole] of [
      [ANY, GZ],
      [WANTS_RAW, RAW],
    ] as const) {
      await using sources = place.run();
      const source = await sources.open(spec, wanted, opening()).catch(() => undefined);
      if (source === undefined) continue;
      const { got, failure } = await attempt(source.open(never));
      expect(failure?.code).toBe("source.checksum");
      expect(got.length).toBeLessThan(whole.length);
    }
  const sized = place.run().open(fileSource(path, wrong), { ...WANTS_RAW, sized: true }, opening());
  expect((await failureOf(() => sized)).code).toBe("source.checksum");
  expect(await readdir(join(place.cache, "blobs"))).toEqual([]);
});

test("other bytes than those of the plan are refused", async () => {
  await using place = await bench();
  const path = await place.file("a.img", RAW);
  const spec = fileSource(path);
  const expected = await place.run().look(spec, undefined, never);
  await place.file("a.img", noise(RAW.length));
  const source = await place.run().open(spec, ANY, opening({ expected }));
  const { got, failure } = await attempt(source.open(never));
  expect([failure?.code, got.length < RAW.length]).toEqual(["source.changed", true]);

  let version = '"v1"';
  await using server = await hostile((asked) => file(asked, RAW, version));
  const web = urlSource(`${server.url}/a.img`);
  const seen = await place.run().look(web, undefined, never);
  version = '"v2"';
  const moved = await failureOf(() => place.run().open(web, ANY, opening({ expected: seen })));
  expect([moved.code, moved.message]).toEqual([
    "source.changed",
    `${server.url}/a.img has changed since the plan was made: etag "v1" then, etag "v2" now`,
  ]);
});

test("another digest in the sums file than that of the plan is refused before anything is fetched", async () => {
  await using place = await bench();
  let sums = hash(RAW);
  await using server = await hostile((asked) =>
    asked.path === "/SUMS" ? { body: new TextEncoder().encode(sums.slice(7)) } : file(asked, RAW),
  );
  const spec = urlSource(`${server.url}/a.img`, {
    checksum: { kind: "sums", algorithm: "sha256", where: `${server.url}/SUMS` },
  });
  const expected = await place.run().look(spec, undefined, never);
  sums = hash("another");
  expect((await failureOf(() => place.run().open(spec, ANY, opening({ expected })))).code).toBe("source.changed");
  expect(server.log.map(({ path }) => path)).toEqual(["/SUMS", "/SUMS"]);
});

test("a file that somebody writes to while it is read is refused", async () => {
  await using place = await bench();
  const path = await place.file("a.img", noise(8_000_000));
  const source = await place.run().open(fileSource(path), ANY, opening());
  let isTouched = false;
  const failure = await failureOf(async () => {
    for await (const _ of source.open(never)) {
      if (!isTouched) await appendFile(path, "x");
      isTouched = true;
    }
  });
  expect([failure.code, failure.message]).toEqual([
    "source.changed",
    `${path} has changed while it was read: it was modified`,
  ]);
});

test("an aborted reader ends with the reason, and the others go on", async () => {
  await using place = await bench();
  const bytes = noise(5_000_000);
  await using server = await hostile((asked) => file(asked, bytes));
  const sources = place.run();
  const spec = urlSource(`${server.url}/a.img`);
  const [one, two] = await Promise.all([sources.open(spec, ANY, opening()), sources.open(spec, ANY, opening())]);
  const stop = new AbortController();
  const ended = (async () => {
    for await (const _ of one.open(stop.signal)) stop.abort(new Error("enough"));
  })();
  const [first, second] = await Promise.allSettled([ended, all(two.open(never))]);
  expect(first).toMatchObject({ status: "rejected", reason: { message: "enough" } });
  expect(second.status).toBe("fulfilled");
});

test("the end of a run ends its downloads; the next run goes on with them", async () => {
  await using place = await bench();
  const bytes = noise(5_000_000);
  let isSlow = true;
  await using server = await hostile((asked) => ({ ...file(asked, bytes), ...(isSlow ? { stall: 3_500_000 } : {}) }));
  const spec = urlSource(`${server.url}/a.img`, { checksum: declared(hash(bytes)) });
  const run = new AbortController();
  const sources = place.run({ signal: run.signal });
  const source = await sources.open(spec, ANY, opening());
  const reading = attempt(source.open(never));
  run.abort(interrupted());
  expect(await reading).toMatchObject({ failure: { code: "run.interrupted" } });
  await sources[Symbol.asyncDispose]();
  isSlow = false;
  const sent = server.sent();
  expect((await all((await place.run().open(spec, ANY, opening())).open(never))).equals(bytes)).toBe(true);
  expect(server.sent() - sent).toBeLessThan(bytes.length);
});

test("the bytes of another address come once, for all that want them", async () => {
  await using place = await bench();
  let asked = 0;
  const disk = noise(3_000_000);
  const parts: readonly Part[] = [
    {
      name: "metadata.tar",
      format: "tar",
      open: async function* () {
        yield new Uint8Array([1, 2, 3]);
      },
    },
    {
      name: "disk.img",
      format: "raw",
      size: disk.length,
      open: async function* () {
        asked++;
        yield disk.subarray(0, 2_000_000);
        yield disk.subarray(2_000_000);
      },
    },
  ];
  const sources = place.run({ download: async () => parts });
  const spec = { kind: "image", at: AT, address: LAB, follow: true } as const;
  const [one, two] = await Promise.all([sources.open(spec, ANY, opening()), sources.open(spec, WANTS_GZ, opening())]);
  const [plain, packed] = await Promise.all([all(one.open(never)), all(two.open(never))]);
  expect([plain.equals(disk), gunzipSync(packed).equals(disk), asked]).toEqual([true, true, 1]);
  expect([one.filename, one.size, one.metadata?.filename]).toEqual(["disk.img", disk.length, "metadata.tar"]);
  expect(await one.content()).toEqual({ where: "lab/debian", digest: hash(disk), size: disk.length });
});

test("a signed sums file proves the bytes, and a signature of the bytes as well", async () => {
  await using place = await bench();
  const fixtures = join(import.meta.dir, "fixtures");
  await cp(join(fixtures, "SUMS"), join(place.directory, "SUMS"));
  const path = await place.file("a.img", "not what is signed");
  const sums = { kind: "sums", algorithm: "sha256", where: join(place.directory, "SUMS") } as const;
  const key = join(fixtures, "mini.pub");
  const good = fileSource(path, { checksum: sums, signature: { where: join(fixtures, "mini.minisig"), key } });
  expect(String((await place.run().look(good, undefined, never)).digest)).toBe(digest("sha256", "a".repeat(64)));
  const bad = fileSource(path, { checksum: sums, signature: { where: join(fixtures, "mini2.minisig"), key } });
  expect((await failureOf(() => place.run().look(bad, undefined, never))).code).toBe("source.signature");

  const signed = join(place.directory, "SUMS");
  for (const [where, with_] of [
    ["mini.minisig", "mini.pub"],
    ["rsa.sig.asc", "rsa.asc"],
  ] as const) {
    const signature = { where: join(fixtures, where), key: join(fixtures, with_) };
    const source = await place.run().open(fileSource(signed, { signature }), ANY, opening());
    expect((await all(source.open(never))).length).toBe(72);
    const other = await place.run().open(fileSource(path, { signature }), ANY, opening());
    const { got, failure } = await attempt(other.open(never));
    expect([failure?.code, got.length]).toEqual(["source.signature", 0]);
  }
  const bytes = await Bun.file(signed).bytes();
  await using server = await hostile((asked) => file(asked, bytes));
  const text = (await Bun.file(key).text()).split("\n")[1] ?? "";
  const web = urlSource(`${server.url}/SUMS`, { signature: { where: join(fixtures, "mini.minisig"), key: text } });
  for (let i = 0; i < 2; i++) {
    await using sources = place.run();
    expect((await all((await sources.open(web, ANY, opening())).open(never))).equals(bytes)).toBe(true);
  }
  expect(server.gets().length).toBe(1);
});

test("a file that nobody has read yet is refused when it is not the one that was looked at", async () => {
  await using place = await bench();
  const path = await place.file("a.raw", noise(2_000_000));
  const { digest: _, ...expected } = await place.run().look(fileSource(path), undefined, never);
  await (await place.run().open(fileSource(path), ANY, opening({ expected }))).content();
  await appendFile(path, "more");
  const failure = await failureOf(() => place.run().open(fileSource(path), ANY, opening({ expected })));
  expect([failure.code, failure.message]).toEqual(["source.changed", expect.stringContaining(path)]);
});

test("lent pieces go round in few buffers, each good until the fourth after it is asked for", async () => {
  await using place = await bench();
  const bytes = noise(20_000_000);
  const source = await place.run().open(fileSource(await place.file("a.raw", bytes)), ANY, opening());
  const buffers = new Set<unknown>();
  const held: Uint8Array[] = [];
  const got: Uint8Array[] = [];
  for await (const piece of passThrough(source, never)) {
    buffers.add(piece.buffer);
    held.push(piece);
    if (held.length === 4) got.push(Buffer.from(held.shift() ?? []));
  }
  expect(Buffer.concat([...got, ...held]).equals(bytes)).toBe(true);
  expect([buffers.size <= 8, (await source.digests()).sha256]).toEqual([true, hash(bytes)]);
  // Who opens it gets pieces to keep.
  expect((await all(source.open(never))).equals(bytes)).toBe(true);
});

test("a qcow2 that is cut off, and passed on as it is, fails before its last piece: from a file and from a URL", async () => {
  const whole = await readFile("tests/fixtures/formats/v3.qcow2");
  const cut = whole.subarray(0, Math.floor(whole.length * 0.7));
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, cut));
  const path = await place.file("a.qcow2", cut);
  const anything: ByteRequirements = { formats: ["qcow2"], compressions: ["none"] };
  for (const spec of [fileSource(path), urlSource(`${server.url}/a.qcow2`)]) {
    const failed = await failureOf(async () => all((await place.run().open(spec, anything, opening())).open(never)));
    expect(failed.code).toMatch(/^source\.(truncated|corrupt|format)$/);
  }
});
