import { expect, setDefaultTimeout, test } from "bun:test";
import { zstdCompressSync } from "node:zlib";
import type { Packing } from "../../../src/core/format/compression.ts";
import { passThrough } from "../../../src/core/model/image.ts";
import type { UrlSource } from "../../../src/core/model/source.ts";
import type { OpenResult } from "../../../src/core/source/open/opened.ts";
import { disk, has, random, run } from "../format/tools.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  all,
  attempt,
  bench,
  compared,
  declared,
  fileSource,
  hash,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

setDefaultTimeout(300_000);

// A compressed image that stays compressed: damaged, none of it is published whole, from a file, over HTTP through the cache, and without it.

interface Packer {
  readonly command: readonly [string, ...(readonly string[])];
  /** What bytes behind the end are to the tool that reads it: an error, or left out with a word. */
  readonly trailing: "refused" | "noted";
  /** A changed byte shows: there is a sum over the bytes. */
  readonly sums: boolean;
}

const PACKERS: Readonly<Record<Packing, Packer>> = {
  gz: { command: ["gzip", "-1c"], trailing: "noted", sums: true },
  bz2: { command: ["bzip2", "-1c"], trailing: "refused", sums: true },
  xz: { command: ["xz", "-0c"], trailing: "refused", sums: true },
  zst: { command: ["zstd", "-1qc"], trailing: "refused", sums: true },
  lz4: { command: ["lz4", "-1qc"], trailing: "refused", sums: true },
  lzma: { command: ["xz", "--format=lzma", "-0c"], trailing: "refused", sums: false },
};

/** Larger than the pieces of all steps, which are of 1 MiB. */
const small = Uint8Array.from(disk(5 << 18, 11));
/** Larger than all buffers, which gz shows for all: packed bytes pass the same way, whatever packed them. */
const raw = new Uint8Array(Buffer.concat(Array<Uint8Array>(16).fill(small)));
/** More than is packed, unpacked and on its way at once. */
const some = raw.subarray(0, 5 << 20);
const next = random(3);
const flip = (bytes: Uint8Array, at = middleOf(bytes)) =>
  Uint8Array.from(bytes).fill((bytes[at] ?? 0) ^ 0x10, at, at + 1);
const middleOf = (bytes: Uint8Array) => (bytes.length >> 1) + (next() % (bytes.length >> 3));
const CODES = /^source\.(?:corrupt|truncated)$/;

/** All ways to the same bytes; `only`: one of them. */
async function* ways(
  bytes: Uint8Array,
  name: string,
  only?: number,
): AsyncGenerator<readonly [string, OpenResult, string[]]> {
  await using cached = await bench();
  await using direct = await bench({ env: { IMAGES_CACHE_MAX: "0" } });
  await using server = await hostile((asked) => file(asked, bytes));
  const path = await cached.file(name, bytes);
  const url = urlSource(`${server.url}/${name}`);
  const all = [
    ["file", cached, fileSource(path)],
    ["cache", cached, url],
    ["stream", direct, url],
  ] as const;
  for (const [index, [way, place, source]] of all.entries())
    if (only === undefined || only === index) yield [way, await place.run().open(source, ANY, opening()), place.notes];
}

for (const [packing, { command, trailing, sums }] of Object.entries(PACKERS)) {
  const [tool] = command;
  const name = `disk.raw.${packing}`;
  const isThere = has(tool);
  const why = isThere ? "" : ` (skipped: ${tool} is not installed)`;

  test.skipIf(!isThere)(
    `${packing}: whole, it passes as it is; cut or damaged, its end is never given${why}`,
    async () => {
      const packed = run(command, small);
      const whole = packing === "gz" ? run(command, raw) : packed;
      for await (const [way, source] of ways(whole, name)) {
        expect(`${way} ${source.compression} ${source.format}`).toBe(`${way} ${packing} raw`);
        expect(await compared(source.open(never), whole)).toEqual({ is: true });
        // Again, as for a retry.
        if (way === "file") expect(await compared(passThrough(source, never), whole)).toEqual({ is: true });
        source.release();
      }
      const flipped = flip(packed);
      const cuts = [packed.length - 1, middleOf(packed), 70_000];
      for (const broken of [...cuts.map((length) => packed.slice(0, length)), ...(sums ? [flipped] : [])]) {
        // A flipped bit by every way; each cut by one of them.
        const only = broken === flipped ? undefined : cuts.indexOf(broken.length);
        for await (const [way, source] of ways(broken, name, only)) {
          const { got, failure } = await attempt(source.open(never));
          expect([way, broken.length, failure?.code]).toEqual([way, broken.length, expect.stringMatching(CODES)]);
          expect(got.length).toBeLessThan(broken.length);
          source.release();
        }
      }
    },
  );

  test.skipIf(!isThere)(`${packing}: bytes behind its end are ${trailing}${why}`, async () => {
    // The end of it is behind the head that is looked at: zst packs more of it into that.
    const packed = run(command, small.subarray(0, packing === "zst" ? 1 << 20 : 400_000));
    const longer = Buffer.concat([packed, noise(3000)]);
    for await (const [way, source, notes] of ways(longer, name)) {
      const { got, failure } = await attempt(source.open(never));
      if (trailing === "noted") expect([way, got.equals(longer), notes.length > 0]).toEqual([way, true, true]);
      else expect([way, failure?.code]).toEqual([way, "source.corrupt"]);
      source.release();
    }
  });
}

const gz = Bun.gzipSync(some, { level: 1 });

test("declared evidence covers the bytes: they are not unpacked, and pass as they are declared", async () => {
  await using place = await bench();
  const broken = flip(gz);
  const path = await place.file("disk.raw.gz", broken);
  const proven = fileSource(path, { checksum: declared(hash(broken)) });
  const source = await place.run().open(proven, ANY, opening());
  expect(await compared(source.open(never), broken)).toEqual({ is: true });
  // Read for its digests alone, as a plan and a step `verify` do.
  const verified = await place.run().open(fileSource(path), ANY, opening({ isCompared: true }));
  expect(await compared(verified.open(never), broken)).toEqual({ is: true });
});

test("what is packed in a way that is not handled passes, with a note", async () => {
  await using place = await bench();
  // A frame that needs a dictionary, behind a whole one.
  const frame = Buffer.from("28b52ffd23010203040900", "hex");
  const bytes = Uint8Array.from(Buffer.concat([zstdCompressSync(small), frame, noise(70_000)]));
  const path = await place.file("disk.raw.zst", bytes);
  const source = await place.run().open(fileSource(path), ANY, opening());
  expect(hash(await all(source.open(never)))).toBe(hash(bytes));
  expect(place.notes.join()).toContain("whether the zst data is whole is unknown");
});

test("what is inside is looked at as well: a qcow2 image that was cut before it was packed", async () => {
  const cut = (await Bun.file("tests/fixtures/formats/v3.qcow2").bytes()).slice(0, 20_000);
  for await (const [way, source] of ways(Bun.gzipSync(cut), "disk.qcow2.gz")) {
    const { failure } = await attempt(source.open(never));
    expect([way, failure?.code]).toEqual([way, "source.truncated"]);
    source.release();
  }
});

test("more than the limit inside is refused", async () => {
  await using place = await bench();
  const path = await place.file("disk.raw.gz", gz);
  const source = await place.run({ limit: 4 << 20 }).open(fileSource(path), ANY, opening());
  expect((await attempt(source.open(never))).failure?.code).toBe("source.limit");
});

test("a reader that stops, or a run that ends, ends the unpacking at once", async () => {
  for (const packing of ["gz", "lz4"] as const) {
    if (!has(PACKERS[packing].command[0])) continue;
    const packed = run(PACKERS[packing].command, some);
    await using place = await bench();
    const path = await place.file(`disk.raw.${packing}`, packed);
    const stop = new AbortController();
    const source = await place.run().open(fileSource(path), ANY, opening({ signal: stop.signal }));
    for await (const _ of source.open(stop.signal)) break;
    const reading = source.open(stop.signal)[Symbol.asyncIterator]();
    await reading.next();
    stop.abort(new Error("interrupted"));
    const rest = async () => {
      while ((await reading.next()).done !== true);
    };
    expect(await rest().then(() => "ended", String)).toContain("interrupted");
  }
});

test("eight at once take turns by the memory that unpacking needs", async () => {
  if (!has("xz")) return;
  // What it needs is the dictionary of -6, whatever its size.
  const packed = run(["xz", "-6c"], small.subarray(0, 300_000));
  await using place = await bench();
  const path = await place.file("disk.raw.xz", packed);
  const sources = place.run();
  const done = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const source = await sources.open(fileSource(path), ANY, opening());
      try {
        return hash(await all(source.open(never)));
      } finally {
        source.release();
      }
    }),
  );
  expect(new Set(done)).toEqual(new Set([hash(packed)]));
});

test("a download that turns out damaged is not kept: the next run downloads it; one that a checksum covers is", async () => {
  for (const [more, isSlow, inside = some] of [
    [{}, false],
    [{ decompress: true }, false],
    [{ decompress: true }, true],
    // All of it is there before the damage is found, and not yet in the cache.
    [{ decompress: true }, false, noise(60_000)],
  ] as const) {
    const packed = inside === some ? gz : Bun.gzipSync(Uint8Array.from(inside));
    const broken = flip(packed, 30_000);
    await using place = await bench();
    let isGood = false;
    // The damage is found long before the rest has come, which is not taken up later.
    const slowly = { drip: { bytes: 1 << 17, ms: 50 } };
    await using server = await hostile((asked) =>
      isGood ? file(asked, packed) : { ...file(asked, broken), ...(isSlow ? slowly : {}) },
    );
    const spec = urlSource(`${server.url}/disk.raw.gz`, more);
    const got = async (source: UrlSource) => {
      await using sources = place.run();
      return await attempt((await sources.open(source, ANY, opening())).open(never));
    };
    expect((await got(spec)).failure?.code).toBe("source.corrupt");
    isGood = true;
    const wanted = "decompress" in more ? inside : packed;
    expect((await got(spec)).got.equals(wanted)).toBe(true);
    const before = server.gets().length;
    expect((await got(spec)).got.equals(wanted)).toBe(true);
    expect(server.gets().length).toBe(before);
    // What the publisher says is the file, damaged as it is, would come again as it is.
    isGood = false;
    const proven = { ...spec, checksum: declared(hash(broken)), decompress: true };
    for (let run = 0; run < 2; run++) expect((await got(proven)).failure?.code).toBe("source.corrupt");
    expect(server.gets().length).toBe(before + 1);
  }
});

test("small images that stay compressed do not wait for each other's readers", async () => {
  await using place = await bench();
  const run = place.run();
  const paths = await Promise.all(
    Array.from({ length: 20 }, (_, i) => place.file(`${i}.gz`, Bun.gzipSync(`disk ${i}`))),
  );
  // None of them is read while the next is opened.
  const opened = await Promise.all(paths.map((path) => run.open(fileSource(path), ANY, opening())));
  expect(opened.map(({ compression }) => compression)).toEqual(paths.map(() => "gz"));
  for (const source of opened) source.release();
});
