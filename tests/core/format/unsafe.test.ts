import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { bytesOf } from "../../../src/core/format/bytes.ts";
import { compress } from "../../../src/core/format/compression.ts";
import { identify, identifyHead } from "../../../src/core/format/identify.ts";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { all, codeOf, directory, FIXTURES, has, qemu } from "./tools.ts";

setDefaultTimeout(300_000);

const fixture = (name: string): Promise<Uint8Array> => Bun.file(join(FIXTURES, name)).bytes();
const text = (words: string): Uint8Array => new TextEncoder().encode(words);
type Patch = (view: DataView, bytes: Uint8Array) => void;

/** A changed copy, of at least so many bytes. */
async function patched(name: string, patch: Patch, least = 0): Promise<Uint8Array> {
  const original = await fixture(name);
  const bytes = new Uint8Array(Math.max(least, original.length));
  bytes.set(original);
  patch(new DataView(bytes.buffer), bytes);
  return bytes;
}

/** The head of a sparse vmdk with this descriptor. */
function vmdk(type: string, extents: string, parent = "ffffffff", more = ""): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  bytes.set(text("KDMV"));
  view.setBigUint64(12, 2048n, true);
  view.setBigUint64(28, 1n, true);
  view.setBigUint64(36, 4n, true);
  const words = `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=${parent}\ncreateType="${type}"\n${more}${extents}\n`;
  bytes.set(text(words), 512);
  return bytes;
}

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

const BACKING: Patch = (view, bytes) => {
  view.setBigUint64(8, 512n);
  view.setUint32(16, 11);
  bytes.set(text("/etc/passwd"), 512);
};
const ONE = 'RW 2048 SPARSE "disk.vmdk"';

const CASES: Readonly<Record<string, readonly [() => Promise<Uint8Array> | Uint8Array, string]>> = {
  "qcow2 v3": [() => fixture("v3.qcow2"), "taken"],
  "qcow2 with snapshots": [() => fixture("snapshot.qcow2"), "taken"],
  "qcow2, encrypted: not read here, but whole": [() => patched("v3.qcow2", (view) => view.setUint32(32, 2)), "taken"],
  "qcow2 v3 with a backing file": [
    () => patched("v3.qcow2", BACKING),
    'source.format: a qcow2 image on top of a backing file ("/etc/passwd")',
  ],
  "qcow2 v2 with a backing file": [() => patched("v2.qcow2", BACKING), "source.format: a qcow2 image on top of a"],
  "qcow2 with a data file": [
    () => patched("v3.qcow2", (view) => view.setUint32(76, 4)),
    "source.format: a qcow2 image with its data in another file",
  ],
  "qcow2 with unknown features": [() => patched("v3.qcow2", (view) => view.setUint32(76, 64)), "source.format"],
  "qcow2 of version 1": [() => patched("v3.qcow2", (view) => view.setUint32(4, 1)), "source.format"],
  "qcow2 with impossible clusters": [() => patched("v3.qcow2", (view) => view.setUint32(20, 63)), "source.corrupt"],
  "qcow2 with a table that is too small": [
    () => patched("v3.qcow2", (view) => view.setBigUint64(24, 2n ** 40n)),
    "source.corrupt",
  ],
  "qcow2 without its tables": [async () => (await fixture("v3.qcow2")).subarray(0, 600), "source.truncated"],
  "vmdk, monolithic": [() => vmdk("monolithicSparse", ONE), "taken"],
  "vmdk, stream-optimized": [() => vmdk("streamOptimized", ONE), "taken"],
  "vmdk descriptor": [
    () => text('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'),
    "source.format: a vmdk descriptor",
  ],
  "vmdk descriptor behind another comment": [
    () => text('#!\n\n  \nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'),
    "source.format: a vmdk descriptor",
  ],
  "vmdk of flat extents": [() => vmdk("monolithicFlat", 'RW 1 FLAT "/etc/passwd" 0'), "source.format"],
  "vmdk that says sparse and has a flat extent": [
    () => vmdk("monolithicSparse", 'RW 1 FLAT "/etc/passwd" 0'),
    "source.format: a vmdk image with extents in other files",
  ],
  "vmdk with a second extent": [() => vmdk("monolithicSparse", `${ONE}\n${ONE}`), "source.format"],
  "vmdk with a path": [() => vmdk("monolithicSparse", 'RW 1 SPARSE "../x"'), "source.format"],
  "vmdk on a parent": [() => vmdk("monolithicSparse", ONE, "12345678"), "source.format: a vmdk image on top of a"],
  "vmdk with a parent's name": [
    () => vmdk("monolithicSparse", ONE, "ffffffff", 'parentFileNameHint="/etc/passwd"\n'),
    "source.format: a vmdk image on top of a",
  ],
  "vmdk with a parent's name in a comment": [
    () => vmdk("monolithicSparse", ONE, "ffffffff", '# parentFileNameHint="/etc/passwd"\n'),
    "source.format: a vmdk image on top of a",
  ],
  "vmdk with a second descriptor, where qemu reads it": [
    () => {
      const bytes = vmdk("monolithicSparse", ONE);
      bytes.copyWithin(2560, 512, 1536);
      bytes.set(text('\nparentFileNameHint="/etc/passwd"\n\0'), 512);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(28, 5n, true);
      view.setBigUint64(36, 2n, true);
      return bytes;
    },
    "source.format: a vmdk image on top of a",
  ],
  "vmdk with a parent's name behind the descriptor that the header tells": [
    () => {
      const bytes = vmdk("monolithicSparse", `${ONE}\n${"#".repeat(400)}`);
      bytes.fill(35, 900, 1024);
      bytes.set(text('\nparentFileNameHint="/etc/passwd"\n\0'), 1024);
      new DataView(bytes.buffer).setBigUint64(36, 1n, true);
      return bytes;
    },
    "source.format: a vmdk image on top of a",
  ],
  "vmdk whose header has no disk: qemu opens what the descriptor names": [
    () => {
      const bytes = vmdk("monolithicSparse", ONE);
      new DataView(bytes.buffer).setBigUint64(12, 0n, true);
      return bytes;
    },
    "source.format: a vmdk image without a disk of its own",
  ],
  "vmdk, one of many parts": [
    () => {
      const bytes = vmdk("monolithicSparse", ONE);
      new DataView(bytes.buffer).setBigUint64(28, 0n, true);
      return bytes;
    },
    "source.format: a part of a vmdk image",
  ],
  "vhd, dynamic": [() => fixture("disk.vhd.head"), "taken"],
  "vhd, a difference": [
    () => patched("disk.vhd.head", (view) => view.setUint32(60, 4)),
    "source.format: a vhd image on top of a parent",
  ],
  "vhd, impossible": [() => patched("disk.vhd.head", (view) => view.setUint32(60, 9)), "source.corrupt"],
  vdi: [() => patched("disk.vdi.head", () => {}, 3 << 20), "taken"],
  "vdi without its last block": [() => fixture("disk.vdi.head"), "source.truncated"],
  "vdi, a difference": [() => patched("disk.vdi.head", (view) => view.setUint32(76, 4, true)), "source.format"],
  "vdi with the id of another": [() => patched("disk.vdi.head", (view) => view.setUint8(430, 1)), "source.format"],
  "qed with a backing file": [
    () => {
      const bytes = new Uint8Array(65536);
      bytes.set(text("QED\0"));
      bytes[16] = 1;
      return bytes;
    },
    "source.format: a qed image on top of a backing file",
  ],
};

describe("an image that is not whole by itself is refused where it is looked at, converted or not", () => {
  for (const [name, [make, expected]] of Object.entries(CASES)) {
    test(name, async () => {
      const bytes = await make();
      const head = bytes.subarray(0, 3 << 19);
      expect(await verdict(identifyHead(head, { size: bytes.length }))).toStartWith(expected);
      expect(await verdict(identify(bytesOf(bytes), { size: bytes.length }))).toStartWith(expected);
      if (expected !== "source.truncated") {
        const packed = await all(compress("gz", bytesOf(bytes)));
        expect(await verdict(identify(bytesOf(packed)))).toStartWith(expected);
      }
      await using at = await directory();
      await Bun.write(join(at.path, "image"), bytes);
      expect(await verdict(identifyFile(join(at.path, "image")))).toStartWith(expected);
    });
  }

  test("qcow2 that lacks its last clusters", async () => {
    await using at = await directory();
    const path = join(at.path, "image");
    const bytes = await fixture("v3.qcow2");
    for (let end = bytes.length - 512; end > bytes.length / 2; end -= 8192) {
      await Bun.write(path, bytes.subarray(0, end));
      expect([end, await codeOf(identifyFile(path))]).toEqual([end, "source.truncated"]);
    }
  });

  const missing = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";
  test.skipIf(missing !== "")(`what qemu-img makes, whole and on top of another${missing}`, async () => {
    await using at = await directory();
    const named = (name: string): string => join(at.path, name);
    await Bun.write(named("disk.raw"), new Uint8Array(3 << 20).fill(7));
    const kinds = {
      qcow2: "qcow2",
      qed: "qed",
      vdi: "vdi",
      vhdx: "vhdx",
      vpc: "vhd",
      vmdk: "vmdk",
      parallels: "parallels",
    };
    for (const [kind, format] of Object.entries(kinds)) {
      qemu("convert", "-f", "raw", "-O", kind, named("disk.raw"), named(`disk.${kind}`));
      expect(await identifyFile(named(`disk.${kind}`))).toMatchObject({ format });
    }
    for (const kind of ["qcow2", "qed", "vmdk"]) {
      qemu("create", "-q", "-f", kind, "-b", named(`disk.${kind}`), "-F", kind, named(`on.${kind}`));
      expect([kind, await codeOf(identifyFile(named(`on.${kind}`)))]).toEqual([kind, "source.format"]);
    }
    for (const subformat of ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"]) {
      const to = named(`${subformat}.vmdk`);
      qemu("convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, named("disk.raw"), to);
      expect([subformat, await codeOf(identifyFile(to))]).toEqual([subformat, "source.format"]);
    }
    expect(await verdict(identifyFile(named("twoGbMaxExtentSparse-s001.vmdk")))).toBe(
      "source.format: a part of a vmdk image, whose descriptor is in another file",
    );
    const vhdx = await Bun.file(named("disk.vhdx")).bytes();
    const id = Buffer.from("3767a1ca36fa434db3b633f0aa44e76b", "hex");
    const at32 = Buffer.from(vhdx.buffer).indexOf(id);
    const region = at32 - (at32 % 65536);
    const flags = region + new DataView(vhdx.buffer).getUint32(at32 + 16, true) + 4;
    vhdx[flags] = (vhdx[flags] ?? 0) | 2;
    await Bun.write(named("parent.vhdx"), vhdx);
    expect(await codeOf(identifyFile(named("parent.vhdx")))).toBe("source.format");
  });
});
