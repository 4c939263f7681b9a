import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bytesOf } from "../../../src/core/format/bytes.ts";
import { compress } from "../../../src/core/format/compression.ts";
import { detect, HEAD } from "../../../src/core/format/detect.ts";
import { identify, identifyHead, WINDOW } from "../../../src/core/format/identify.ts";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import {
  all,
  codeOf,
  digestOf,
  directory,
  disk,
  FIXTURES,
  fixtureDisk,
  has,
  pieces,
  qemu,
  random,
  run,
} from "./tools.ts";

setDefaultTimeout(300_000);

const fixture = (name: string): Promise<Uint8Array> => Bun.file(join(FIXTURES, name)).bytes();
const missing = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";

describe("a format is told by its bytes", () => {
  const SIZE = fixtureDisk().length;
  const cases = [
    ["v2.qcow2", { format: "qcow2", variant: "version 2", virtualSize: SIZE }],
    ["v3.qcow2", { format: "qcow2", variant: "version 3", virtualSize: SIZE }],
    ["disk.vmdk.head", { format: "vmdk", variant: "sparse" }],
    ["disk.vdi.head", { format: "vdi" }],
    ["disk.vhd.head", { format: "vhd", variant: "dynamic" }],
    ["disk.vhdx.head", { format: "vhdx" }],
    ["disk.tar", { format: "tar" }],
  ] as const;
  for (const [name, found] of cases) {
    test(name, async () => {
      expect(detect(await fixture(name))).toMatchObject({ kind: "image", ...found });
    });
  }

  for (const packing of ["gz", "bz2", "xz", "zst", "lz4", "lzma"] as const) {
    test(packing, async () => {
      expect(detect(await fixture(`disk.raw.${packing}`))).toEqual({ kind: "packed", packing });
    });
  }

  test("zip, also an empty one", async () => {
    expect(detect(await fixture("disk.zip"))).toEqual({ kind: "zip" });
    expect(detect(new TextEncoder().encode("PK\x05\x06"))).toEqual({ kind: "zip" });
  });

  test("raw, with its partitions", () => {
    const head = new Uint8Array(HEAD);
    expect(detect(head)).toEqual({ kind: "image", format: "raw" });
    expect(detect(new Uint8Array(0))).toEqual({ kind: "image", format: "raw" });
    head.set([0x55, 0xaa], 510);
    expect(detect(head)).toEqual({ kind: "image", format: "raw", partitions: "mbr" });
    head.set(new TextEncoder().encode("EFI PART"), 512);
    expect(detect(head)).toEqual({ kind: "image", format: "raw", partitions: "gpt" });
  });

  test("iso, also one that boots from a disk, and squashfs", () => {
    const head = new Uint8Array(HEAD);
    head.set([0x55, 0xaa], 510);
    head.set(new TextEncoder().encode("CD001"), 0x8001);
    expect(detect(head)).toEqual({ kind: "image", format: "iso" });
    expect(detect(new TextEncoder().encode("hsqs....")).kind).toBe("image");
    expect(detect(new TextEncoder().encode("hsqs...."))).toMatchObject({ format: "squashfs" });
  });

  test("a vmdk descriptor, an old vmdk, a vhd by its end", () => {
    expect(detect(new TextEncoder().encode("# Disk DescriptorFile\nversion=1"))).toMatchObject({
      variant: "descriptor",
    });
    expect(detect(new TextEncoder().encode("COWD\x01"))).toMatchObject({ format: "vmdk" });
    const footer = new Uint8Array(512);
    footer.set(new TextEncoder().encode("conectix"));
    footer[63] = 2;
    footer[54] = 1;
    const found = { kind: "image", format: "vhd", variant: "fixed", virtualSize: 256 } as const;
    expect(detect(new Uint8Array(512), footer)).toEqual(found);
  });

  test("nothing else than these: beginnings cut short, and magics that only look alike", async () => {
    expect(detect(new TextEncoder().encode("BZh9 is how this text begins"))).toMatchObject({ format: "raw" });
    expect(detect(new TextEncoder().encode("QFI"))).toMatchObject({ format: "raw" });
    const tar = (await fixture("disk.tar")).slice(0, 512);
    tar[0] = 0x40;
    expect(detect(tar)).toMatchObject({ format: "raw" });
    for (const name of ["v3.qcow2", "disk.vdi.head", "disk.vhd.head", "disk.raw.zst", "disk.tar"]) {
      const bytes = await fixture(name);
      for (let end = 0; end < 600; end += 1) detect(bytes.subarray(0, end));
    }
  });

  test.skipIf(missing !== "")(`what qemu-img makes${missing}`, async () => {
    await using at = await directory();
    const raw = join(at.path, "raw");
    await Bun.write(raw, disk(1 << 20));
    for (const [options, format] of [
      [["-O", "vmdk"], "vmdk"],
      [["-O", "vmdk", "-o", "subformat=streamOptimized"], "vmdk"],
      [["-O", "vpc"], "vhd"],
      [["-O", "vpc", "-o", "subformat=fixed"], "vhd"],
      [["-O", "vhdx"], "vhdx"],
      [["-O", "vdi"], "vdi"],
      [["-O", "qcow2"], "qcow2"],
    ] as const) {
      const path = join(at.path, "image");
      qemu("convert", "-f", "raw", ...options, raw, path);
      expect(await identifyFile(path)).toMatchObject({ layers: [], format });
    }
  });

  const makers = has("mksquashfs", "genisoimage") ? "" : " (skipped: mksquashfs or genisoimage is not installed)";
  test.skipIf(makers !== "")(`what mksquashfs and genisoimage make${makers}`, async () => {
    await using at = await directory();
    const [squash, iso] = [join(at.path, "a"), join(at.path, "b")];
    run(["mksquashfs", FIXTURES, squash, "-quiet", "-no-progress"]);
    run(["genisoimage", "-quiet", "-o", iso, FIXTURES]);
    expect(await identifyFile(squash)).toMatchObject({ format: "squashfs" });
    expect(await identifyFile(iso)).toMatchObject({ format: "iso" });
  });
});

describe("identifying looks through what is wrapped around", () => {
  test("compressions, without losing a byte", async () => {
    for (const packing of ["gz", "bz2", "xz", "zst", "lz4", "lzma"] as const) {
      const bytes = await fixture(`disk.raw.${packing}`);
      const { detected, whole } = await identify(pieces(bytes, 50), { size: bytes.length });
      expect(detected).toMatchObject({ layers: [packing], format: "raw", size: bytes.length });
      expect(digestOf(await all(whole))).toBe(digestOf(bytes));
    }
  });

  test("a compression whose end is not in the window", async () => {
    const next = random(9);
    const noise = Uint8Array.from({ length: 1_800_000 }, () => next());
    const packed = await all(compress("gz", bytesOf(noise), { level: 1 }));
    expect(packed.length).toBeGreaterThan(WINDOW);
    const { detected, whole } = await identify(pieces(packed, 100_000));
    expect(detected).toMatchObject({ layers: ["gz"], format: "raw" });
    expect(digestOf(await all(whole))).toBe(digestOf(packed));
  });

  test("archives, when a member is asked for", async () => {
    const tar = await fixture("disk.tar");
    const zip = await fixture("disk.zip");
    expect(await identifyHead(tar)).toMatchObject({ layers: [], format: "tar" });
    expect(await identifyHead(tar, { member: "disk.raw" })).toMatchObject({ layers: ["tar"], format: "raw" });
    expect(await identifyHead(zip, { member: "disk.raw" })).toMatchObject({ layers: ["zip"], format: "raw" });
    expect(await codeOf(identifyHead(zip))).toBe("source.format");
    const packed = await all(compress("xz", bytesOf(tar), { level: 0 }));
    expect(await identifyHead(packed)).toMatchObject({ layers: ["xz"], format: "tar" });
    expect(await identifyHead(packed, { member: true })).toMatchObject({ layers: ["xz", "tar"], format: "raw" });
  });

  test("a member that lies further on is left open", async () => {
    const tar = await fixture("disk.tar");
    expect(await identifyHead(tar.subarray(0, 1024), { member: "disk.raw" })).toEqual({
      layers: ["tar"],
      format: undefined,
    });
  });

  test("not without end", async () => {
    let bytes: Uint8Array = fixtureDisk();
    for (let depth = 0; depth < 5; depth += 1) bytes = Bun.gzipSync(bytes.slice());
    expect(await codeOf(identifyHead(bytes))).toBe("source.format");
  });
});
