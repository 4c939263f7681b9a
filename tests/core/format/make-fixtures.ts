import { join } from "node:path";
import { directory, FIXTURES, fixtureDisk, qemu, run } from "./tools.ts";

// Makes the files of tests/fixtures/formats again; they are committed, so that the tests prove something without these programs.
await using at = await directory();
const raw = fixtureDisk();
const disk = join(at.path, "disk.raw");
await Bun.write(disk, raw);
await Bun.write(join(at.path, "head"), raw.subarray(0, 8192));
await Bun.write(join(at.path, "readme.txt"), "hello\n");
const target = (name: string): string => join(FIXTURES, name);

const convert = (name: string, format: string, options: string, ...more: string[]): Uint8Array =>
  qemu("convert", "-f", "raw", "-O", format, ...(options === "" ? [] : ["-o", options]), ...more, disk, target(name));
convert("v2.qcow2", "qcow2", "compat=0.10,cluster_size=512", "-S", "512");
convert("v3.qcow2", "qcow2", "compat=1.1,cluster_size=1k");
convert("deflate.qcow2", "qcow2", "cluster_size=4k", "-c");
convert("zstd.qcow2", "qcow2", "cluster_size=4k,compression_type=zstd", "-c");
convert("subclusters.qcow2", "qcow2", "cluster_size=16k,extended_l2=on");
convert("snapshot.qcow2", "qcow2", "cluster_size=1k");
run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x55 0 8k", target("snapshot.qcow2")]);
qemu("snapshot", "-c", "before", target("snapshot.qcow2"));
run(["qemu-io", "-f", "qcow2", "-c", `write -s ${join(at.path, "head")} 0 8k`, target("snapshot.qcow2")]);
qemu("compare", "-f", "raw", "-F", "qcow2", disk, target("snapshot.qcow2"));

await Bun.write(target("disk.raw.gz"), run(["gzip", "-9nc"], raw));
await Bun.write(target("disk.raw.bz2"), run(["bzip2", "-1c"], raw));
await Bun.write(target("disk.raw.xz"), run(["xz", "-1c"], raw));
await Bun.write(target("disk.raw.zst"), run(["zstd", "-19qc"], raw));
await Bun.write(target("disk.raw.lz4"), run(["lz4", "-9qc"], raw));
await Bun.write(target("disk.raw.lzma"), run(["xz", "-1c", "--format=lzma"], raw));
run([
  "tar",
  "-C",
  at.path,
  "--owner=0",
  "--group=0",
  "--mtime=@0",
  "-cf",
  target("disk.tar"),
  "readme.txt",
  "disk.raw",
]);
run(["zip", "-qXj", target("disk.zip"), join(at.path, "readme.txt"), disk]);

for (const [name, format] of [
  ["disk.vmdk", "vmdk"],
  ["disk.vdi", "vdi"],
  ["disk.vhd", "vpc"],
  ["disk.vhdx", "vhdx"],
] as const) {
  const whole = join(at.path, name);
  qemu("convert", "-f", "raw", "-O", format, disk, whole);
  await Bun.write(target(`${name}.head`), (await Bun.file(whole).bytes()).subarray(0, 2048));
}
