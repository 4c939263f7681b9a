import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { fileIn } from "../../../src/core/format/file-in-tar.ts";
import type { Source } from "../../../src/core/surface.ts";
import { filesFrom } from "../../../src/plugins/incus/bytes.ts";
import { hasProperties } from "../../../src/plugins/incus/metadata.ts";
import type { MultipartFiles } from "../../../src/plugins/incus/multipart.ts";

// incusd (6.0.4) crashes where an upload names properties of an image whose metadata has none: they are not named then.

const { signal } = new AbortController();
const tar = async (metadata: string, more: Readonly<Record<string, Uint8Array>> = {}): Promise<Uint8Array> =>
  new Uint8Array(await new Bun.Archive({ ...more, "metadata.yaml": metadata, "rootfs/etc/hostname": "x" }).bytes());
/** The first file in pieces, the second one never to be read. */
const files = (first: Uint8Array): MultipartFiles => ({
  parts: [
    { name: "metadata", filename: "m" },
    { name: "rootfs", filename: "r" },
  ],
  async *open() {
    for (let at = 0; at < first.length; at += 1000) yield { part: 0, bytes: first.subarray(at, at + 1000) };
    yield { part: 1, bytes: new Uint8Array([1]) };
    throw new Error("read on");
  },
});
const HEAD = "architecture: x86_64\n";

test("whether the metadata of an image has properties, packed or not", async () => {
  for (const [text, has] of [
    ["", false],
    ["properties:\n", false],
    ["properties: null\n", false],
    ["# properties: {a: b}\n", false],
    ["properties: {}\n", true],
    ["properties:\n  os: x\n", true],
    ["properties: [\n", false],
  ] as const) {
    const plain = await tar(HEAD + text);
    expect([text, await hasProperties(files(plain), { fileIn }, signal)]).toEqual([text, has]);
    expect([text, await hasProperties(files(new Uint8Array(gzipSync(plain))), { fileIn }, signal)]).toEqual([
      text,
      has,
    ]);
  }
  expect(
    await hasProperties(files(await tar('{"architecture": "x", "properties": {"a": "b"}}')), { fileIn }, signal),
  ).toBe(true);
});

test("what does not show in the first bytes, and what is no archive, counts as none", async () => {
  const far = await tar(`${HEAD}properties: {}\n`, { "a/large": new Uint8Array(4 << 20) });
  expect(await hasProperties(files(far), { fileIn }, signal)).toBe(false);
  expect(await hasProperties(files(new TextEncoder().encode("no archive")), { fileIn }, signal)).toBe(false);
  expect(await hasProperties(files(new Uint8Array()), { fileIn }, signal)).toBe(false);
});

test("a disk is not read, and so not converted, to see whether our own metadata has properties", async () => {
  const disk: Source = {
    format: "qcow2",
    compression: "none",
    filename: "disk.qcow2",
    open: () => {
      throw new Error("the disk was read");
    },
    digests: async () => ({}),
  };
  const made = await filesFrom(disk, { vm: true, properties: { os: "x" } }, async () => "x86_64");
  expect(await hasProperties(made, { fileIn }, signal)).toBe(true);
  await expect(Array.fromAsync(made.open(signal))).rejects.toThrow("the disk was read");
});
