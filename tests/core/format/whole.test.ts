import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { identify } from "../../../src/core/format/identify.ts";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { planTransform, type TransformTarget } from "../../../src/core/format/plan.ts";
import { transform } from "../../../src/core/format/transform.ts";
import { watched } from "../../../src/core/format/whole.ts";
import type { Format } from "../../../src/core/model/image.ts";
import { compared, failureOf } from "../source/kit.ts";
import { codeOf, directory, disk, has, pieces, qemu, random } from "./tools.ts";

setDefaultTimeout(300_000);

// Images that are passed on as they are: whole ones come through untouched, and one that is cut off fails before its last piece.

const KINDS: readonly (readonly [string, Format, readonly string[]])[] = [
  ["monolithic sparse vmdk", "vmdk", ["-O", "vmdk"]],
  ["stream-optimized vmdk", "vmdk", ["-O", "vmdk", "-o", "subformat=streamOptimized"]],
  ["dynamic vhd", "vhd", ["-O", "vpc"]],
  ["dynamic vhdx", "vhdx", ["-O", "vhdx"]],
  ["fixed vhdx", "vhdx", ["-O", "vhdx", "-o", "subformat=fixed"]],
  ["dynamic vdi", "vdi", ["-O", "vdi"]],
  ["fixed vdi", "vdi", ["-O", "vdi", "-o", "static=on"]],
  ["qed", "qed", ["-O", "qed"]],
  ["qcow2", "qcow2", ["-O", "qcow2"]],
];
/** Above the blocks and grains of each format but those of a vhdx, of 8 MiB, of which it fills more than one. */
const FLAT = 9 << 20;
/** Bytes that no packing makes small. */
const next = random(9);
const NOISE = Uint8Array.from({ length: 65_536 }, () => (next() & 0xff) | 1);
const noQemu = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";

/** The end is data, so that the last grain of each format is there. */
const flat = Buffer.concat([disk(FLAT - 65_536, 5), NOISE]);
/** By the words of its command: several tests look at the same image, each at a copy of its own. */
const images = new Map<string, Uint8Array<ArrayBuffer>>();

async function made(words: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const known = images.get(words.join(" "));
  if (known !== undefined) return known.slice();
  await using place = await directory();
  await Bun.write(`${place.path}/raw`, flat);
  qemu("convert", "-f", "raw", ...words, `${place.path}/raw`, `${place.path}/out`);
  const image = await Bun.file(`${place.path}/out`).bytes();
  images.set(words.join(" "), image);
  return image.slice();
}

/** Reads to the end, and keeps nothing. */
async function drained(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

async function come(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of bytes) all.push(piece);
  return Buffer.concat(all);
}

describe.skipIf(noQemu !== "")(`images that are passed on${noQemu}`, () => {
  for (const [name, format, words] of KINDS)
    test(`${name}: whole it comes as it is; cut off anywhere it is truncated before its last piece`, async () => {
      const image = await made(words);
      for (const most of [3000, 70_000, 5_000_000])
        expect(await compared(watched(format, pieces(image, most), image.length), image)).toEqual({ is: true });
      // Behind the last packed grain there may be zeros, which nothing needs.
      const isPacked = words.includes("subformat=streamOptimized");
      const end = isPacked ? image.findLastIndex((byte) => byte !== 0) + 1 : image.length;
      for (const part of [0.1, 0.5, 0.9, ...(isPacked ? [] : [0.99]), (end - 512) / image.length]) {
        const cut = image.subarray(0, Math.floor((image.length * part) / 512) * 512);
        let got = 0;
        const failure = await failureOf(async () => {
          for await (const piece of watched(format, pieces(cut, 70_000), cut.length)) got += piece.length;
        });
        expect([part, failure.code]).toEqual([part, "source.truncated"]);
        expect(got).toBeLessThan(cut.length);
      }
      const inside = gzipSync(image.subarray(0, Math.floor(image.length / 1024) * 512));
      const { detected, whole } = await identify(pieces(inside, 70_000));
      const target: TransformTarget = { formats: [format], compressions: ["none"] };
      const plan = planTransform(detected, target);
      const out = transform({ kind: "stream", bytes: whole }, plan, { target });
      expect((await failureOf(() => drained(out))).code).toBe("source.truncated");
    });

  test("a vhdx on top of another is refused when it is only unpacked, too", async () => {
    const image = await made(["-O", "vhdx"]);
    const at = Buffer.from(image).indexOf(Buffer.from("3767a1ca36fa434db3b633f0aa44e76b", "hex"));
    const metadata = Math.floor(at / (64 << 10)) * (64 << 10);
    const flags = metadata + new DataView(image.buffer).getUint32(at + 16, true) + 4;
    image[flags] = (image[flags] ?? 0) | 2;
    const { detected, whole } = await identify(pieces(gzipSync(image), 70_000));
    const target: TransformTarget = { formats: ["vhdx"], compressions: ["none"] };
    const out = transform({ kind: "stream", bytes: whole }, planTransform(detected, target), { target });
    expect((await failureOf(() => drained(out))).message).toContain("on top of a parent image");
  });

  test("a vhd of fixed size comes as it is, whatever its disk begins with", async () => {
    const image = await made(["-O", "vpc", "-o", "subformat=fixed,force_size=on"]);
    image.fill(0xfe, 0, 4096);
    expect((await come(watched("vhd", pieces(image, 70_000), image.length))).equals(image)).toBe(true);
  });

  test("a table that names a block behind the end, of a file that is otherwise whole, is refused", async () => {
    const vhd = await made(["-O", "vpc"]);
    const view = new DataView(vhd.buffer);
    const header = Number(view.getBigUint64(16));
    const table = Number(view.getBigUint64(header + 16));
    view.setUint32(table + 4, vhd.length / 512 + 100);
    const vdi = await made(["-O", "vdi"]);
    const fields = new DataView(vdi.buffer);
    fields.setUint32(fields.getUint32(340, true) + 4, 5000, true);
    for (const [format, image] of [
      ["vhd", vhd],
      ["vdi", vdi],
    ] as const)
      expect([format, await codeOf(drained(watched(format, pieces(image, 70_000), image.length)))]).toEqual([
        format,
        "source.truncated",
      ]);
  });

  test("a vhdx whose log is not applied is refused, as a stream and as a file", async () => {
    const image = await made(["-O", "vhdx"]);
    const view = new DataView(image.buffer);
    const later = [64 << 10, 128 << 10].toSorted((one, other) =>
      Number(view.getBigUint64(other + 8, true) - view.getBigUint64(one + 8, true)),
    );
    const verdict = async (at: number) => {
      const dirty = image.slice();
      dirty.set(dirty.subarray((1 << 20) + 32, (1 << 20) + 48), at + 48);
      await using place = await directory();
      await Bun.write(`${place.path}/x.vhdx`, dirty);
      const asked = [
        () => drained(watched("vhdx", pieces(dirty, 70_000), dirty.length)),
        async () => await identifyFile(`${place.path}/x.vhdx`),
      ];
      return await Promise.all(asked.map(async (ask) => await codeOf(ask())));
    };
    const [current = 0, before = 0] = later;
    expect(await verdict(current)).toEqual(["source.format", "source.format"]);
    expect(await verdict(before)).toEqual(["none", "none"]);
  });

  test("a dynamic vhd whose end says that it is one on top of another is refused", async () => {
    const image = await made(["-O", "vpc"]);
    image[image.length - 512 + 63] = 4;
    const failure = await failureOf(() => drained(watched("vhd", pieces(image, 70_000))));
    expect(failure.message).toContain("on top of a parent image");
  });

  test("a stream-optimized vmdk with its directory at the end has its footer there", async () => {
    const image = await made(["-O", "vmdk", "-o", "subformat=streamOptimized"]);
    new DataView(image.buffer).setBigUint64(56, 2n ** 64n - 1n, true);
    const footed = Buffer.concat([image, image.subarray(0, 512), Buffer.alloc(512)]);
    expect((await come(watched("vmdk", pieces(footed, 70_000)))).equals(footed)).toBe(true);
    expect((await failureOf(() => drained(watched("vmdk", pieces(image, 70_000))))).code).toBe("source.truncated");
  });
});
