import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type ByteStream, bytesOf } from "../../../src/core/format/bytes.ts";
import { compress, decompress, type Packer, type Packing } from "../../../src/core/format/compression.ts";
import { all, codeOf, digestOf, disk, FIXTURES, fixtureDisk, has, pieces, run } from "./tools.ts";

setDefaultTimeout(300_000);

const PACKINGS = ["gz", "bz2", "xz", "zst", "lz4", "lzma"] as const satisfies readonly Packing[];
const PACKERS = ["gz", "xz", "zst"] as const satisfies readonly Packer[];
const PROGRAM = { gz: "gzip", bz2: "bzip2", xz: "xz", zst: "zstd", lz4: "lz4", lzma: "lzma" } as const;
const fixture = (packing: Packing): Promise<Uint8Array> => Bun.file(join(FIXTURES, `disk.raw.${packing}`)).bytes();
const unpacked = (packing: Packing, ...parts: Uint8Array[]): Promise<Uint8Array> =>
  all(decompress(packing, bytesOf(...parts), { thread: false }));

describe("unpacking", () => {
  for (const packing of PACKINGS) {
    test(`${packing}: a file, in any pieces`, async () => {
      const packed = await fixture(packing);
      const raw = digestOf(fixtureDisk());
      // A decoder sees the same pieces in place as on a thread: a message for each byte shows no more than one for each hundred.
      for (const most of [1, 7, 100, 100_000]) {
        expect(digestOf(await all(decompress(packing, pieces(packed, most), { thread: most > 7 })))).toBe(raw);
      }
    });

    test(`${packing}: members after each other`, async () => {
      const packed = await fixture(packing);
      const raw = fixtureDisk();
      if (packing === "lzma") expect(await codeOf(unpacked(packing, packed, packed))).toBe("source.corrupt");
      else expect(await unpacked(packing, packed, packed)).toEqual(new Uint8Array(Buffer.concat([raw, raw])));
    });

    test(`${packing}: cut off anywhere it is truncated`, async () => {
      const packed = await fixture(packing);
      const step = Math.max(1, Math.floor(packed.length / 20));
      for (let end = 0; end < packed.length; end += end < 24 ? 1 : step) {
        expect([end, await codeOf(unpacked(packing, packed.subarray(0, end)))]).toEqual([end, "source.truncated"]);
      }
      for (let end = packed.length - 14; end < packed.length; end += 1) {
        expect([end, await codeOf(unpacked(packing, packed.subarray(0, end)))]).toEqual([end, "source.truncated"]);
      }
    });

    test(`${packing}: a second member that is cut off`, async () => {
      const packed = await fixture(packing);
      const code = packing === "lzma" ? "source.corrupt" : "source.truncated";
      expect(await codeOf(unpacked(packing, packed, packed.subarray(0, -4)))).toBe(code);
    });

    test(`${packing}: other bytes behind the end`, async () => {
      const code = await codeOf(unpacked(packing, await fixture(packing), new Uint8Array(100).fill(7)));
      expect(code).toBe(packing === "gz" ? "none" : "source.corrupt");
    });

    test(`${packing}: other bytes at all`, async () => {
      expect(await codeOf(unpacked(packing, new Uint8Array(100).fill(7)))).toBe("source.corrupt");
    });

    test(`${packing}: a changed byte is seen`, async () => {
      const packed = await fixture(packing);
      const middle = packed.slice();
      middle[Math.floor(packed.length / 2)] = (middle[Math.floor(packed.length / 2)] ?? 0) ^ 0x10;
      expect(["source.corrupt", "source.truncated"]).toContain(await codeOf(unpacked(packing, middle)));
    });

    test(`${packing}: an error of the input goes through as it is, and its end is read`, async () => {
      const packed = await fixture(packing);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield packed;
        throw new Error("the checksum is another one");
      }
      await expect(all(decompress(packing, broken()))).rejects.toThrow("the checksum is another one");
    });

    test(`${packing}: left early, the input is closed`, async () => {
      let closed = false;
      const packed = await fixture(packing);
      async function* input(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield packed;
        } finally {
          closed = true;
        }
      }
      for await (const _ of decompress(packing, input())) break;
      expect(closed).toBe(true);
    });

    test(`${packing}: more than the limit`, async () => {
      const packed = await fixture(packing);
      const size = fixtureDisk().length;
      expect(await codeOf(all(decompress(packing, bytesOf(packed), { limit: size })))).toBe("none");
      expect(await codeOf(all(decompress(packing, bytesOf(packed), { limit: size - 1 })))).toBe("source.limit");
    });

    const name = PROGRAM[packing];
    const missing = has(name) ? "" : ` (skipped: ${name} is not installed)`;
    test.skipIf(missing !== "")(`${packing}: what ${name} packs${missing}`, async () => {
      const raw = disk(400_000);
      for (const level of ["-1", "-6"]) {
        const packed = run([name, level, "-c"], raw);
        expect(digestOf(await all(decompress(packing, pieces(packed, 50_000))))).toBe(digestOf(raw));
      }
      expect(await unpacked(packing, run([name, "-c"], new Uint8Array(0)))).toHaveLength(0);
    });
  }

  for (const packing of ["bz2", "xz", "lz4"] as const) {
    test(`${packing}: the same on a thread and in place`, async () => {
      const packed = await fixture(packing);
      for (const thread of [true, false]) {
        const of = (...parts: Uint8Array[]): Promise<Uint8Array> =>
          all(decompress(packing, bytesOf(...parts), { thread }));
        expect(digestOf(await of(packed))).toBe(digestOf(fixtureDisk()));
        expect(await of(packed, packed)).toHaveLength(fixtureDisk().length * 2);
        expect(await codeOf(of(packed.subarray(0, -3)))).toBe("source.truncated");
        expect(await codeOf(of(packed, new Uint8Array(50).fill(7)))).toBe("source.corrupt");
        const hint = "download the file again; the download was probably incomplete";
        await expect(of(packed.subarray(0, -3))).rejects.toMatchObject({ name: "Failure", hint });
      }
    });
  }

  test("gz: what follows the end is ignored, as gunzip does, and a header may have all its fields", async () => {
    const raw = fixtureDisk();
    const packed = await fixture("gz");
    expect(digestOf(await unpacked("gz", packed, new Uint8Array(1000)))).toBe(digestOf(raw));
    for (const behind of [Uint8Array.of(1), Uint8Array.of(0x1f), new TextEncoder().encode("FWx0{}"), disk(3 << 20)]) {
      expect(digestOf(await unpacked("gz", packed, behind))).toBe(digestOf(raw));
      expect(digestOf(await unpacked("gz", packed, new Uint8Array(1000), behind))).toBe(digestOf(raw));
    }
    const header = [0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 0, 0, 0, 0, 0, 3, 3, 0, 1, 2, 3, 65, 0, 66, 67, 0, 9, 9];
    expect(digestOf(await unpacked("gz", Uint8Array.from(header), packed.subarray(10)))).toBe(digestOf(raw));
  });

  test("lz4: sums, blocks that look back, and frames without data", async () => {
    const packed = await fixture("lz4");
    const skip = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    expect(digestOf(await unpacked("lz4", packed, skip))).toBe(digestOf(fixtureDisk()));
    const sum = new Uint8Array(packed);
    sum[sum.length - 1] = (sum[sum.length - 1] ?? 0) ^ 1;
    expect(await codeOf(unpacked("lz4", sum))).toBe("source.corrupt");
    const head = new Uint8Array(packed);
    head[6] = (head[6] ?? 0) ^ 1;
    expect(await codeOf(unpacked("lz4", head))).toBe("source.corrupt");
  });

  test("zst: frames without data, and a window beyond what is taken", async () => {
    const skip = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const packed = await fixture("zst");
    expect(digestOf(await unpacked("zst", skip, packed, skip))).toBe(digestOf(fixtureDisk()));
    const wide = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0);
    expect(await codeOf(unpacked("zst", wide))).toBe("source.format");
  });

  const zeros = function* (count: number): Generator<Uint8Array> {
    const zero = new Uint8Array(1 << 20);
    for (let at = 0; at < count; at += 1) yield zero;
  };
  const stream = async function* (input: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    yield* input;
  };

  for (const packer of PACKERS) {
    test(`${packer}: a bomb is stopped, and held in little memory before`, async () => {
      const bomb = await all(compress(packer, stream(zeros(6)), { level: 1 }));
      expect(bomb.length).toBeLessThan(100_000);
      let largest = 0;
      let sum = 0;
      const open = async (): Promise<void> => {
        for await (const piece of decompress(packer, bytesOf(bomb), { limit: 2 << 20 })) {
          largest = Math.max(largest, piece.length);
          sum += piece.length;
        }
      };
      expect(await codeOf(open())).toBe("source.limit");
      expect(largest).toBeLessThanOrEqual(1 << 20);
      expect(sum).toBeLessThanOrEqual(2 << 20);
    });
  }
});

describe("packing", () => {
  for (const packer of PACKERS) {
    const name = PROGRAM[packer];
    const missing = has(name) ? "" : ` (skipped: ${name} is not installed)`;

    test(`${packer}: comes back`, async () => {
      const large = disk(packer === "gz" ? 1_100_000 : 250_000);
      const samples = [
        [large, 1],
        [large.subarray(0, 70_000), 0],
        [large.subarray(0, 70_000), 99],
        [large.subarray(0, 1), 6],
      ] as const;
      for (const [raw, level] of [...samples, [new Uint8Array(0), 3]] as const) {
        const packed = await all(compress(packer, pieces(raw, 300_000), { level }));
        expect(digestOf(await all(decompress(packer, bytesOf(packed))))).toBe(digestOf(raw));
      }
    });

    test.skipIf(missing !== "")(`${packer}: ${name} takes it${missing}`, () => {
      return all(compress(packer, pieces(disk(300_000)), { level: 1 })).then((packed) => {
        run([name, "-t"], packed);
        expect(digestOf(run([name, "-dc"], packed))).toBe(digestOf(disk(300_000)));
      });
    });

    test(`${packer}: an error of the input goes through, and an early end closes it`, async () => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield disk(200_000);
        throw new Error("the line is cut");
      }
      await expect(all(compress(packer, broken(), { level: 1 }))).rejects.toThrow("the line is cut");
      let closed = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (let seed = 0; ; seed += 1) yield disk(200_000, seed);
        } finally {
          closed = true;
        }
      }
      let count = 0;
      for await (const _ of compress(packer, endless(), { level: 1 })) {
        count += 1;
        if (count === 2) break;
      }
      expect(closed).toBe(true);
    });
  }

  test("gz: the same bytes, whatever the number of threads and the pieces", async () => {
    const raw = disk(2_500_000);
    const one = await all(compress("gz", pieces(raw, 999), { threads: 1 }));
    expect(digestOf(await all(compress("gz", bytesOf(raw), { threads: 5 })))).toBe(digestOf(one));
    const whole: ByteStream = decompress("gz", bytesOf(one));
    expect(digestOf(await all(whole))).toBe(digestOf(raw));
  });
});
