import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { Failure } from "../../../src/core/failure.ts";
import { bytesOf } from "../../../src/core/format/bytes.ts";
import { compress, decompress } from "../../../src/core/format/compression.ts";
import { identifyHead } from "../../../src/core/format/identify.ts";
import { planTransform } from "../../../src/core/format/plan.ts";
import { transform } from "../../../src/core/format/transform.ts";
import { all, FIXTURES, fixtureDisk } from "./tools.ts";

const fixture = (name: string): Promise<Uint8Array> => Bun.file(join(FIXTURES, name)).bytes();
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/** The code and the words of what is thrown; "taken" when nothing is. */
async function verdict(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "taken";
  } catch (thrown) {
    if (thrown instanceof Failure) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
}

describe("what is declared must hold", () => {
  const page = text("<!DOCTYPE html>\n<html><body>Not found</body></html>\n");
  const OPEN = { formats: "any", compressions: "any" } as const;

  test("`member` of what is no archive says what it is", async () => {
    const member = "disk.raw";
    const table: readonly (readonly [Uint8Array, string])[] = [
      [page, "got an HTML page"],
      [text("just words\n"), "got text"],
      [await fixture("v3.qcow2"), "got a qcow2 image"],
      [await fixture("disk.raw.xz"), "got xz data of a raw disk"],
      [new Uint8Array(1 << 20), "got a raw disk"],
      [Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0, 4), "got a 7z archive"],
    ];
    for (const [bytes, words] of table) {
      for (const name of [member, true] as const) {
        const found = await verdict(identifyHead(bytes, { member: name }));
        expect(found).toStartWith("source.member");
        expect(found).toContain(words);
      }
    }
  });

  test("an archive that is damaged inside of its compression is called damaged", async () => {
    const packed = new Uint8Array(await all(compress("gz", bytesOf(new Uint8Array(1 << 20).fill(9)), { level: 1 })));
    packed[packed.length - 8] = (packed[packed.length - 8] ?? 0) ^ 1;
    expect(await verdict(identifyHead(packed, { member: "disk.raw" }))).toStartWith("source.corrupt");
    expect(await verdict(identifyHead(packed.subarray(0, 10), { member: "disk.raw" }))).toStartWith("source.truncated");
  });

  test("bytes that are neither a disk nor unpacked are named; they pass only where anything is taken, a page nowhere", async () => {
    const table: readonly (readonly [Uint8Array, string])[] = [
      [text("PK\x07\x08PK\x03\x04"), "zip archive"],
      [Uint8Array.of(0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a), "lzop"],
      [text("Rar!\x1a\x07\x01\0"), "a RAR archive"],
      [Uint8Array.of(0x1f, 0x9d, 0x90, 1, 2, 3), "compress data (.Z)"],
      [new Uint8Array(deflateSync(new Uint8Array(9000).fill(3))), "zlib data"],
    ];
    for (const [bytes, words] of table) {
      const detected = await identifyHead(bytes);
      expect(planTransform(detected, OPEN)).toMatchObject({ steps: [], format: "other", compression: "none" });
      const refuse = (target: Parameters<typeof planTransform>[1]) =>
        verdict((async () => planTransform(detected, target))());
      expect(await refuse({ formats: "any", compressions: ["none"] })).toContain(words);
      expect(await refuse({ formats: ["raw", "other"], compressions: ["none"] })).toStartWith("source.format");
    }
    for (const answer of [
      page,
      text("\uFEFF\n <!-- of the proxy -->\n<HTML>"),
      text(`<!-- ${"long ".repeat(200)}-->\n<head>`),
      text('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN">'),
      text("<script>location = '/login'</script>"),
    ]) {
      const found = await identifyHead(answer);
      expect(await verdict((async () => planTransform(found, OPEN))())).toContain("an HTML page");
    }
  });

  test("what an API answers in JSON is no disk; what only begins like that is one", async () => {
    const json = await identifyHead(text('{"message":"Not Found","status":"404"}\n'));
    expect(await verdict((async () => planTransform(json, { formats: ["raw"], compressions: ["none"] }))())).toContain(
      "a JSON document",
    );
    for (const disk of [text('{"message":'), Buffer.concat([text("[1]"), Buffer.alloc(509)])])
      expect(await identifyHead(disk)).toMatchObject({ format: "raw" });
  });

  test("a disk that begins as zlib data, and is none, is a disk", async () => {
    const bytes = new Uint8Array(1 << 16).fill(0x9c);
    bytes[0] = 0x78;
    expect(await identifyHead(bytes)).toMatchObject({ format: "raw" });
  });

  test("lz4 and zstd are told apart behind frames without data", async () => {
    const skipped = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    for (const [name, packing] of [
      ["disk.raw.lz4", "lz4"],
      ["disk.raw.zst", "zst"],
    ] as const) {
      const bytes = Buffer.concat([skipped, skipped, await fixture(name)]);
      expect(await identifyHead(bytes)).toMatchObject({ layers: [packing], format: "raw" });
      expect(Buffer.from(await all(decompress(packing, bytesOf(bytes)))).equals(fixtureDisk())).toBe(true);
    }
  });

  test("no bytes are no image, and neither is what unpacks to none", async () => {
    for (const size of [0, undefined])
      expect(await verdict(identifyHead(new Uint8Array(0), { size }))).toBe(
        "source.format: the source is empty: 0 bytes",
      );
    const OPENED = { formats: "any", compressions: ["none"] } as const;
    for (const packing of ["gz", "xz", "zst"] as const) {
      const bytes = await all(compress(packing, bytesOf(new Uint8Array(0))));
      const plan = planTransform(await identifyHead(bytes), OPENED);
      const made = all(transform({ kind: "stream", bytes: bytesOf(bytes) }, plan, { target: OPENED }));
      expect(await verdict(made)).toBe(`source.format: what is inside of the ${packing} data is empty: 0 bytes`);
    }
    const tar = new Uint8Array(2048);
    tar.set((await fixture("disk.tar")).subarray(0, 512));
    tar.fill(0x30, 124, 135);
    tar.fill(0x20, 148, 156);
    const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0);
    tar.set(text(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    const plan = planTransform(await identifyHead(tar, { member: true }), OPEN);
    const made = all(transform({ kind: "stream", bytes: bytesOf(tar) }, plan, { target: OPEN }));
    expect(await verdict(made)).toBe("source.format: the file in the archive is empty: 0 bytes");
  });

  test("qed, parallels and tar are no raw disks", async () => {
    const RAW = { formats: ["raw", "other"], compressions: ["none"] } as const;
    const qed = new Uint8Array(65536);
    qed.set(text("QED\0"));
    const parallels = new Uint8Array(65536);
    parallels.set(text("WithouFreSpacExt"));
    for (const bytes of [parallels, await fixture("disk.tar")]) {
      expect(await verdict((async () => planTransform(await identifyHead(bytes), RAW, { qemu: false }))())).toStartWith(
        "source.format",
      );
    }
    expect(await identifyHead(qed)).toMatchObject({ format: "qed" });
    const packed = await all(compress("gz", bytesOf(await fixture("disk.tar"))));
    const plan = (async () => planTransform(await identifyHead(packed), RAW))();
    await expect(plan).rejects.toMatchObject({ hint: expect.stringContaining("member") });
  });
});
