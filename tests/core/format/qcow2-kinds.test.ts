import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FileAccess } from "../../../src/core/format/access.ts";
import { bytesOf } from "../../../src/core/format/bytes.ts";
import { qcow2Header, readQcow2 } from "../../../src/core/format/qcow2/read.ts";
import { plain } from "../../../src/core/format/segment.ts";
import { Spool } from "../../../src/core/format/spool.ts";
import { all, codeOf, digestOf, directory, disk, FIXTURES, fixtureDisk, has, pieces, qemu, run } from "./tools.ts";

setDefaultTimeout(300_000);

const missing = has("qemu-img", "qemu-io") ? "" : " (skipped: qemu-img or qemu-io is not installed)";
const fixture = (name: string): Promise<Uint8Array> => Bun.file(join(FIXTURES, name)).bytes();
const read = (bytes: Uint8Array, directory?: string): Promise<Uint8Array> =>
  all(plain(readQcow2(new Spool(pieces(bytes), { directory }))));
/** A copy with one number changed. */
function changed(bytes: Uint8Array, at: number, value: number, size: 1 | 4 = 4): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  if (size === 4) view.setUint32(at, value);
  else view.setUint8(at, value);
  return copy;
}

describe("qcow2 images that are kept with the tests", () => {
  for (const name of ["v2", "v3", "deflate", "zstd", "subclusters", "snapshot"]) {
    test(name, async () => {
      const path = join(FIXTURES, `${name}.qcow2`);
      await using file = await FileAccess.open(path);
      expect(digestOf(await all(plain(readQcow2(file))))).toBe(digestOf(fixtureDisk()));
      expect(digestOf(await read(await fixture(`${name}.qcow2`)))).toBe(digestOf(fixtureDisk()));
    });
  }

  test("their segments cover the disk, in order, and leave out what is zero", async () => {
    let at = 0;
    let zero = 0;
    await using file = await FileAccess.open(join(FIXTURES, "v2.qcow2"));
    for await (const segment of readQcow2(file)) {
      expect(segment.offset).toBe(at);
      at += segment.kind === "zero" ? segment.length : segment.data.length;
      if (segment.kind === "zero") zero += segment.length;
    }
    expect(at).toBe(fixtureDisk().length);
    expect(zero).toBeGreaterThan(1024);
  });
});

describe("a qcow2 image that went through much", () => {
  const made = async (options: string, after: (image: string) => void): Promise<void> => {
    await using at = await directory();
    const [raw, image, back] = [join(at.path, "raw"), join(at.path, "image"), join(at.path, "back")];
    await Bun.write(raw, disk(300_544, 4, 60));
    qemu("convert", "-t", "unsafe", "-f", "raw", "-O", "qcow2", "-o", options, raw, image);
    after(image);
    qemu("convert", "-t", "unsafe", "-f", "qcow2", "-O", "raw", image, back);
    const want = digestOf(await Bun.file(back).bytes());
    await using file = await FileAccess.open(image);
    expect(digestOf(await all(plain(readQcow2(file))))).toBe(want);
    await using spool = new Spool(pieces(await Bun.file(image).bytes()), { directory: at.path });
    expect(digestOf(await all(plain(readQcow2(spool))))).toBe(want);
  };
  const io = (image: string, ...commands: string[]): Uint8Array =>
    run(["qemu-io", "-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), image]);

  test.skipIf(missing !== "")(`snapshots inside${missing}`, () =>
    made("cluster_size=4k", (image) => {
      qemu("snapshot", "-c", "one", image);
      io(image, "write -P 7 0 200k", "discard 200k 64k", "write -z 280k 10k");
      qemu("snapshot", "-c", "two", image);
      io(image, "write -P 9 100k 150k");
      qemu("snapshot", "-d", "one", image);
    }),
  );

  test.skipIf(missing !== "")(`snapshots inside, with subclusters${missing}`, () =>
    made("extended_l2=on,cluster_size=32k", (image) => {
      io(image, "write -P 7 1k 3k", "write -z 40k 5k", "discard 100k 64k");
      qemu("snapshot", "-c", "one", image);
      io(image, "write -P 9 2k 50k");
    }),
  );

  test.skipIf(missing !== "")(`grown, so that its tables moved to the end${missing}`, () =>
    made("cluster_size=1k", (image) => {
      qemu("resize", "-f", "qcow2", image, "40M");
      io(image, "write -P 3 30M 50k", "write -P 4 20M 50k");
    }),
  );

  test.skipIf(missing !== "")(`written backwards${missing}`, () =>
    made("cluster_size=4k", (image) => {
      qemu("resize", "-f", "qcow2", image, "4M");
      for (let at = 3900; at > 2800; at -= 300) io(image, `write -P ${at & 0xff} ${at}k 100k`);
    }),
  );

  test.skipIf(missing !== "")(`written over where it was compressed${missing}`, () =>
    made("cluster_size=4k", (image) => {
      io(image, "write -c -P 5 64k 4k", "write -c -P 6 0 4k", "write -P 7 66k 1k");
    }),
  );
});

describe("a stream in another order than the disk", () => {
  /** 20 MiB of data, the last first. */
  const backwards = async (path: string): Promise<Uint8Array> => {
    const image = join(path, "image");
    qemu("create", "-f", "qcow2", "-o", "cluster_size=1M", image, "20M");
    const commands = Array.from({ length: 20 }, (_, index) => `write -P ${index + 1} ${19 - index}M 1M`);
    run(["qemu-io", "-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), image]);
    return await Bun.file(image).bytes();
  };

  test.skipIf(missing !== "")(`goes through a temporary file that leaves nothing${missing}`, async () => {
    await using at = await directory();
    const bytes = await backwards(at.path);
    const before = await readdir(at.path);
    {
      await using spool = new Spool(pieces(bytes, 1 << 20), { directory: at.path });
      const disk = await all(plain(readQcow2(spool)));
      expect(spool.spilled).toBe(true);
      expect(Array.from({ length: 20 }, (_, index) => disk[index << 20])).toEqual(
        Array.from({ length: 20 }, (_, index) => 20 - index),
      );
    }
    expect(await readdir(at.path)).toEqual(before);
    const none = await codeOf(all(plain(readQcow2(new Spool(pieces(bytes, 1 << 20))))));
    expect(none).toBe("source.order");
    const nowhere = new Spool(pieces(bytes, 1 << 20), { directory: join(at.path, "missing") });
    expect(await codeOf(all(plain(readQcow2(nowhere))))).toBe("source.scratch");
  });

  test.skipIf(missing !== "")(`needs none when the order is that of the disk${missing}`, async () => {
    await using at = await directory();
    const [raw, image] = [join(at.path, "raw"), join(at.path, "image")];
    await Bun.write(raw, disk(5 << 20, 2, 2000));
    for (const options of [[], ["-c"], ["-o", "cluster_size=4k"], ["-o", "extended_l2=on"]]) {
      qemu("convert", "-t", "unsafe", "-f", "raw", "-O", "qcow2", ...options, raw, image);
      await using spool = new Spool(pieces(await Bun.file(image).bytes(), 1 << 18));
      expect(digestOf(await all(plain(readQcow2(spool))))).toBe(digestOf(await Bun.file(raw).bytes()));
      expect(spool.spilled).toBe(false);
    }
  });

  test("is read to its end, so that a check behind it counts", async () => {
    const bytes = await fixture("v3.qcow2");
    async function* input(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new Error("the checksum is another one");
    }
    await expect(all(plain(readQcow2(new Spool(input()))))).rejects.toThrow("the checksum is another one");
  });
});

describe("what cannot be read is refused with a reason", () => {
  test.skipIf(missing !== "")(`a backing file, an external data file, encryption${missing}`, async () => {
    await using at = await directory();
    const name = (one: string): string => join(at.path, one);
    qemu("create", "-f", "qcow2", name("base"), "1M");
    qemu("create", "-f", "qcow2", "-b", "base", "-F", "qcow2", name("top"));
    qemu("create", "-f", "qcow2", "-o", `data_file=${name("data")}`, name("external"), "1M");
    const secret = ["--object", "secret,id=s,data=abc"];
    const luks = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";
    // It measures the machine for the number of its rounds, and gives up where another process disturbs that.
    for (let tries = 1; ; tries += 1) {
      try {
        qemu("create", ...secret, "-f", "qcow2", "-o", luks, name("luks"), "1M");
        break;
      } catch (thrown) {
        if (tries === 20 || !String(thrown).includes("accurate CPU usage")) throw thrown;
      }
    }
    for (const [image, word] of [
      ["top", "backing file"],
      ["external", "data in another file"],
      ["luks", "encrypted"],
    ] as const) {
      await using file = await FileAccess.open(name(image));
      const work = all(plain(readQcow2(file)));
      await expect(work).rejects.toThrow(word);
      expect(await codeOf(work)).toBe("source.format");
    }
  });

  test("a header with impossible or unknown fields", async () => {
    const good = await fixture("v3.qcow2");
    const cases: readonly (readonly [string, number, number, string])[] = [
      ["magic", 0, 1, "source.corrupt"],
      ["version 1", 4, 1, "source.format"],
      ["version 4", 4, 4, "source.format"],
      ["backing file", 12, 100, "source.format"],
      ["clusters of 256 bytes", 20, 8, "source.corrupt"],
      ["clusters of 4 MiB", 20, 22, "source.corrupt"],
      ["a disk of 2^62 bytes", 24, 0x40000000, "source.corrupt"],
      ["a disk larger than its tables", 28, 0x7fffffff, "source.corrupt"],
      ["encryption", 32, 1, "source.format"],
      ["a table of 2^32 entries", 36, 0xffffffff, "source.corrupt"],
      ["no table", 36, 0, "source.corrupt"],
      ["a table within a cluster", 44, 1030, "source.corrupt"],
      ["a table at no place", 44, 0, "source.corrupt"],
      ["a table behind the end", 40, 1, "source.truncated"],
      ["unknown features", 76, 32, "source.format"],
      ["high unknown features", 72, 1, "source.format"],
      ["damage", 76, 2, "source.corrupt"],
      ["external data", 76, 4, "source.format"],
      ["small subclusters", 76, 16, "source.corrupt"],
      ["wide refcounts", 96, 7, "source.corrupt"],
      ["a short header", 100, 72, "source.corrupt"],
      ["a long header", 100, 1 << 20, "source.corrupt"],
    ];
    for (const [what, at, value, code] of cases) {
      expect([what, await codeOf(read(changed(good, at, value)))]).toEqual([what, code]);
    }
    expect(await codeOf(read(changed(await fixture("zstd.qcow2"), 104, 2, 1)))).toBe("source.format");
  });

  test("a disk beyond the limit, before anything is read", async () => {
    const file = await FileAccess.open(join(FIXTURES, "v3.qcow2"));
    expect(await codeOf(all(plain(readQcow2(file, { limit: fixtureDisk().length - 1 }))))).toBe("source.limit");
    await file[Symbol.asyncDispose]();
  });

  test("tables that point at each other, at themselves, twice, or out of the file", async () => {
    const good = await fixture("v3.qcow2");
    await using spool = new Spool(bytesOf(good));
    const header = await qcow2Header(spool);
    const view = new DataView(good.buffer);
    const l2 = view.getUint32(header.l1Offset + 4);
    const first = view.getUint32(l2 + 4) === 0 ? l2 + 8 : l2;
    const broken: readonly (readonly [string, Uint8Array])[] = [
      ["L1 -> L1", changed(good, header.l1Offset + 4, header.l1Offset)],
      ["L1 -> header", changed(changed(good, header.l1Offset + 4, 0), header.l1Offset, 0x80000000)],
      ["L1 unaligned", changed(good, header.l1Offset + 4, l2 + 512)],
      ["L1 -> out", changed(good, header.l1Offset, 0x80000001)],
      ["L2 -> L1", changed(good, first + 4, header.l1Offset)],
      ["L2 -> L2", changed(good, first + 4, l2)],
      ["L2 -> refcounts", changed(good, first + 4, header.refcountTable.offset)],
      ["L2 unaligned", changed(good, first + 4, l2 + 512)],
      ["L2 -> out", changed(good, first, 0x80000001)],
      ["L2 twice", changed(good, first + 12, view.getUint32(first + 4))],
    ];
    await using at = await directory();
    for (const [what, bytes] of broken) {
      const path = join(at.path, "image");
      await Bun.write(path, bytes);
      await using file = await FileAccess.open(path);
      const codes = [await codeOf(all(plain(readQcow2(file)))), await codeOf(read(bytes, at.path))];
      const none = what === "L1 -> header";
      for (const code of codes)
        expect([what, ["source.corrupt", "source.truncated"].includes(code)]).toEqual([what, !none]);
    }
  });

  test("an image cut off anywhere", async () => {
    for (const name of ["v2", "v3", "deflate", "zstd", "subclusters"]) {
      const bytes = await fixture(`${name}.qcow2`);
      for (let end = 0; end < bytes.length; end += 4099) {
        const code = await codeOf(read(bytes.subarray(0, end)));
        expect([name, end, code]).toEqual([name, end, end < 4 ? "source.corrupt" : "source.truncated"]);
      }
    }
  });
});
