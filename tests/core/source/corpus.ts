import { disk } from "../format/tools.ts";

// The forms of the corpus, each made by the tool that people use.

/** Sizes that the geometry of a vhd can say: above the 16 MiB of a file that its reader may keep. */
const CYLINDER = 16 * 63 * 512;
const SIZE = CYLINDER * 34;
const raw = disk(SIZE, 11);
/** Above the 8 MiB that a frame of zstd looks back without --long. */
const long = raw.subarray(0, CYLINDER * 17);
/** Above what the others keep or look back, of 4 MiB at most: what every byte goes through, and the largest block. */
const lesser = raw.subarray(0, CYLINDER * 10);
/** Above the dictionary and the blocks of a decoder that takes long, and above its pieces: what comes behind it is the same for all. */
const least = raw.subarray(0, CYLINDER * 4);

export interface Form {
  readonly name: string;
  readonly tool: string;
  /** Makes `out` of disk.raw, in a directory. */
  readonly make: string;
  readonly called: string;
  readonly member?: string;
  /** Without a sum of its own: damage may go unseen, and end in another disk. */
  readonly unchecked?: true;
}

/** IMAGES_TEST_CORPUS=whole: every form (minutes); else one of each reader. */
const IS_WHOLE = process.env["IMAGES_TEST_CORPUS"] === "whole";
export const ROUNDS = IS_WHOLE ? 3 : 2;

/** The disk that is in a form: the whole, where it is asked for, and where the file of it is above what a reader keeps. */
export function rawOf({ name }: Form): Uint8Array {
  if (IS_WHOLE || LARGE.test(name)) return raw;
  if (LONG.test(name)) return long;
  return SLOW.test(name) ? least : lesser;
}
const LARGE = /^(?:vhd, fixed|vhdx)$/;
const LONG = /^zst with a long window$/;
const SLOW = /^(?:bz2|xz|lzma|tar\.xz)/;

const disk2 = (name: string, options: string): Form => ({
  name,
  tool: "qemu-img",
  make: `qemu-img convert -f raw -O ${options} disk.raw out`,
  called: "disk.img",
  unchecked: true,
});
const packed = (name: string, command: string): Form => ({
  name,
  tool: command.split(" ")[0] ?? "",
  make: `${command} < disk.raw > out`,
  called: `disk.raw.${name.split(" ")[0]}`,
});

/** The disk in two halves, which a tool may have packed one by one. */
const HALVES = `head -c ${SIZE / 2} disk.raw > a; tail -c ${SIZE / 2} disk.raw > b`;

const ALL: readonly Form[] = [
  packed("gz", "gzip -1"),
  { ...packed("gz", "gzip -1"), name: "gz with bytes behind", make: "gzip -1 < disk.raw > out; echo signature >> out" },
  { ...packed("gz", "gzip -1"), name: "gz of two members", make: `${HALVES}; (gzip -1 < a; gzip -9 < b) > out` },
  packed("bz2", "bzip2 -9"),
  { ...packed("bz2", "bzip2 -9"), name: "bz2 of two streams", make: `${HALVES}; (bzip2 -1 < a; bzip2 -9 < b) > out` },
  packed("xz", `xz --lzma2=preset=1,dict=${IS_WHOLE ? 8 : 1}MiB -T1`),
  packed("xz in blocks", "xz -0 -T2 --block-size=4MiB"),
  { ...packed("xz", "xz -6"), name: "xz of two streams", make: `${HALVES}; (xz -0 < a; xz -1 < b) > out` },
  packed("zst", "zstd -q -9"),
  { ...packed("zst", "zstd -q"), name: "zst of two frames", make: `${HALVES}; (zstd -q -1 < a; zstd -q -3 < b) > out` },
  { ...packed("zst", "zstd -q"), name: "zst with a long window", make: "zstd -q -3 --long=27 < disk.raw > out" },
  packed("lz4", "lz4 -q -B7 -BD"),
  packed("lz4 in small blocks", "lz4 -q -B4 -BX"),
  { ...packed("lzma", "lzma -1"), unchecked: true },
  { name: "tar", tool: "tar", make: "tar -cf out disk.raw", called: "a.tar", member: "disk.raw", unchecked: true },
  { name: "tar, sparse", tool: "tar", make: "tar -S -cf out disk.raw", called: "a.tar", member: "*", unchecked: true },
  { name: "tar.xz", tool: "xz", make: "tar -c disk.raw | xz -0 > out", called: "a.tar.xz", member: "disk.raw" },
  { name: "tgz", tool: "tar", make: "tar -c disk.raw | gzip -1 > out", called: "a.tgz", member: "disk.raw" },
  { name: "tar.zst", tool: "zstd", make: "tar -c disk.raw | zstd -q > out", called: "a.tar.zst", member: "*" },
  { name: "zip", tool: "zip", make: "zip -q -1 a disk.raw && mv a.zip out", called: "a.zip", member: "disk.raw" },
  { name: "zip, stored", tool: "zip", make: "zip -q -0 a disk.raw && mv a.zip out", called: "a.zip", member: "*" },
  disk2("qcow2", "qcow2"),
  disk2("qcow2, deflate", "qcow2 -c"),
  disk2("qcow2, zstd", "qcow2 -c -o compression_type=zstd"),
  disk2("qcow2, version 2", "qcow2 -o compat=0.10"),
  { ...disk2("qcow2.gz", ""), make: "qemu-img convert -O qcow2 disk.raw q; gzip -1 < q > out" },
  { ...disk2("qcow2.xz", ""), make: "qemu-img convert -O qcow2 disk.raw q; xz -0 < q > out" },
  disk2("vmdk, sparse", "vmdk"),
  disk2("vmdk, stream-optimised", "vmdk -o subformat=streamOptimized"),
  disk2("vhd, dynamic", "vpc -o force_size=on"),
  { ...disk2("vhd, fixed", "vpc -o subformat=fixed,force_size=on"), called: "disk.vhd" },
  disk2("vhdx", "vhdx"),
  disk2("vdi", "vdi"),
  disk2("qed", "qed"),
  disk2("parallels", "parallels"),
];
/** Other spellings of what is in the corpus: in the whole corpus only. */
const VARIANTS = new Set([
  "gz of two members",
  "bz2 of two streams",
  "xz of two streams",
  "zst of two frames",
  "lz4 in small blocks",
  "tgz",
  "tar.zst",
  "zip, stored",
  "qcow2, deflate",
  "qcow2, version 2",
  "qcow2.gz",
  "qcow2.xz",
  "vmdk, sparse",
  "parallels",
  "xz in blocks",
  "tar",
]);
export const FORMS = ALL.filter(({ name }) => IS_WHOLE || !VARIANTS.has(name));
