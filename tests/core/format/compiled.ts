import { type ByteStream, bytesOf } from "../../../src/core/format/bytes.ts";
import { compress, decompress } from "../../../src/core/format/compression.ts";
import { hashed } from "../../../src/core/format/hash.ts";
import { identifyHead } from "../../../src/core/format/identify.ts";
import { planTransform } from "../../../src/core/format/plan.ts";
import { transform } from "../../../src/core/format/transform.ts";

// The program of compiled.test.ts: does everything that depends on the runtime, and prints a line for each.

async function all(input: ByteStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of input) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

async function main(directory: string, bzip2: string): Promise<void> {
  const found = await all(decompress("bz2", bytesOf(await Bun.file(bzip2).bytes())));
  console.log("bz2", new Bun.CryptoHasher("sha256").update(found).digest("hex"));
  const raw = new Uint8Array(2_500_000);
  for (let at = 0; at < 1_500_000; at += 1) raw[at] = Math.imul(at >> 3, 2654435761) >>> 24;
  const same = (bytes: Uint8Array): boolean => Buffer.compare(bytes, raw) === 0;
  for (const packer of ["gz", "xz", "zst"] as const) {
    const packed = await all(compress(packer, bytesOf(raw), { level: 1 }));
    console.log(packer, packed.length < raw.length, same(await all(decompress(packer, bytesOf(packed)))));
  }
  const flow = hashed(bytesOf(raw), ["md5", "sha256", "sha512"], { threads: true });
  await all(flow.bytes);
  console.log(
    "threads",
    flow.digests().sha256 === `sha256:${new Bun.CryptoHasher("sha256").update(raw).digest("hex")}`,
  );
  const target = { formats: ["qcow2"], compressions: ["zst"] } as const;
  const plan = planTransform({ layers: [], format: "raw" }, target);
  const image = await all(transform({ kind: "stream", bytes: bytesOf(raw) }, plan, { target, directory }));
  const back = { formats: ["raw"], compressions: ["none"] } as const;
  const steps = planTransform(await identifyHead(image), back);
  const disk = await all(transform({ kind: "stream", bytes: bytesOf(image) }, steps, { target: back, directory }));
  console.log(steps.steps.join(" "), same(disk.subarray(0, raw.length)));
}

void main(process.cwd(), process.argv[2] ?? "");
