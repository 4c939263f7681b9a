import { join } from "node:path";

/** A form that a raw disk is published in. */
export interface Form {
  readonly name: string;
  readonly tool: string;
  /** What makes the form `to` of the raw disk. */
  readonly make: (raw: string, to: string) => readonly string[];
  /** More keys of `source`. */
  readonly source?: string;
  readonly to: readonly ("raw" | "qcow2")[];
}

const qemu = (name: string, ...words: readonly string[]): Form => ({
  name,
  tool: "qemu-img",
  make: (raw, to) => ["qemu-img", "convert", "-f", "raw", "-O", ...words, raw, to],
  to: ["raw", "qcow2"],
});
const packed = (name: string, ...words: readonly string[]): Form => ({
  name,
  tool: words[0] ?? "",
  make: (raw, to) => ["sh", "-c", `${words.join(" ")} < '${raw}' > '${to}'`],
  source: ", decompress = true",
  to: ["raw", "qcow2"],
});
/** The same, which the local store and a bucket keep as it is. */
const kept = (name: string, ...words: readonly string[]): Form => {
  const { source: _, ...form } = packed(`${name}, kept`, ...words);
  return { ...form, to: ["raw"] };
};

export const FORMS: readonly Form[] = [
  { name: "raw", tool: "cp", make: (raw, to) => ["cp", raw, to], to: ["raw", "qcow2"] },
  qemu("qcow2", "qcow2"),
  qemu("qcow2, deflate", "qcow2", "-c"),
  qemu("qcow2, zstd", "qcow2", "-c", "-o", "compression_type=zstd"),
  packed("gz", "gzip", "-1"),
  packed("bz2", "bzip2", "-1"),
  packed("xz", "xz", "-0", "-T1"),
  packed("xz -6", "xz", "-6", "-T2"),
  packed("xz -9", "xz", "--lzma2=preset=0,mode=fast,mf=hc3,nice=2,depth=1,dict=64MiB", "-T1"),
  packed("zst", "zstd", "-3", "-q"),
  packed("lz4", "lz4", "-q"),
  packed("lz4, dependent blocks of 4 MiB", "lz4", "-q", "-B7", "-BD"),
  packed("lzma", "lzma", "-0"),
  kept("gz", "gzip", "-1"),
  kept("bz2", "bzip2", "-1"),
  kept("xz -6", "xz", "-6", "-T2"),
  kept("zst", "zstd", "-3", "-q"),
  kept("lz4", "lz4", "-q"),
  {
    name: "tar",
    tool: "tar",
    make: (raw, to) => ["tar", "-cf", to, "-C", join(raw, ".."), "disk.raw"],
    source: ', member = "disk.raw"',
    to: ["raw", "qcow2"],
  },
  {
    name: "zip",
    tool: "zip",
    make: (raw, to) => ["sh", "-c", `rm -f '${to}'; zip -1 -q -j - '${raw}' > '${to}'`],
    source: ', member = "*"',
    to: ["raw", "qcow2"],
  },
  qemu("vmdk", "vmdk"),
  qemu("vmdk, stream-optimised", "vmdk", "-o", "subformat=streamOptimized"),
  qemu("vhd", "vpc"),
  qemu("vhd, fixed", "vpc", "-o", "subformat=fixed,force_size=on"),
  qemu("vhdx", "vhdx"),
  qemu("vdi", "vdi"),
  qemu("qed", "qed"),
  qemu("parallels", "parallels"),
];
