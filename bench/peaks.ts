import { mkdir, open, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { inFolder, took } from "./measure.ts";

// bun bench/peaks.ts [MiB of the disk, default 256] [only forms that match this] [images at once, default 1,8]
// The most memory that the compiled program takes for each form of an image that becomes raw or qcow2 in a local store: from files and
// over HTTP, one and several at once. Needs dist/images (bun run build) and the tools that make the forms; what is missing is left out.

const IMAGES = resolve("dist/images");
const MiB = 1 << 20;

interface Form {
  readonly name: string;
  readonly tool: string;
  /** What makes the form `to` of the raw disk. */
  readonly make: (raw: string, to: string) => readonly string[];
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

const FORMS: readonly Form[] = [
  { name: "raw", tool: "cp", make: (raw, to) => ["cp", raw, to], to: ["raw", "qcow2"] },
  qemu("qcow2", "qcow2"),
  qemu("qcow2, deflate", "qcow2", "-c"),
  qemu("qcow2, zstd", "qcow2", "-c", "-o", "compression_type=zstd"),
  packed("gz", "gzip", "-1"),
  packed("bz2", "bzip2", "-1"),
  packed("xz", "xz", "-0", "-T1"),
  packed("xz -6", "xz", "-6", "-T2"),
  packed("zst", "zstd", "-3", "-q"),
  packed("lz4", "lz4", "-q"),
  packed("lz4, dependent blocks of 4 MiB", "lz4", "-q", "-B7", "-BD"),
  packed("lzma", "lzma", "-0"),
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
    make: (raw, to) => ["sh", "-c", `zip -1 -q -j - '${raw}' > '${to}'`],
    source: ', member = "*"',
    to: ["raw", "qcow2"],
  },
  qemu("vmdk", "vmdk"),
  qemu("vmdk, stream-optimised", "vmdk", "-o", "subformat=streamOptimized"),
  qemu("vhd", "vpc"),
  qemu("vhd, fixed", "vpc", "-o", "subformat=fixed,force_size=on"),
  qemu("vhdx", "vhdx"),
  qemu("vdi", "vdi"),
];

/** A third holes, the rest half noise and half text. */
async function makeDisk(path: string, size: number): Promise<void> {
  const noise = crypto.getRandomValues(new Uint8Array(65536));
  const file = await open(path, "wx");
  const piece = new Uint8Array(MiB);
  for (let at = 0; at < size; at += MiB) {
    const kind = (at / MiB) % 3;
    if (kind === 0) continue;
    piece.set(new TextEncoder().encode(`line ${at}\n`.repeat(MiB / 10)).subarray(0, MiB));
    if (kind === 1) for (let part = 0; part < 16; part += 1) piece.set(noise, part * 65536);
    new DataView(piece.buffer).setFloat64(0, at);
    await file.write(piece, 0, MiB, at);
  }
  await file.truncate(size);
  await file.close();
}

async function peak(form: Form, target: "raw" | "qcow2", count: number, at: string, url: string | undefined) {
  const folder = join(at, "run");
  await mkdir(folder);
  const blocks = Array.from({ length: count }, (_, index) => {
    const place = url === undefined ? `file = "./from${index}"` : `url = "${url}/${index}"`;
    return `[image.i${index}]\nsource = { ${place}${form.source ?? ""} }\nformat = "${target}"\n`;
  });
  for (let index = 0; index < count; index += 1) await symlink(join(at, "form"), join(folder, `from${index}`));
  const top = '[settings]\nname = "bench"\n[backend.store]\nplugin = "local"\npath = "./store"\nparallelism = 8\n';
  await writeFile(join(folder, "images.toml"), top + blocks.join(""));
  const env = { TMPDIR: at, IMAGES_CACHE: join(at, "cache"), XDG_CACHE_HOME: join(at, "cache") };
  try {
    const { rss, ms } = await took([IMAGES, "apply", "--yes"], folder, env);
    return `${(rss / MiB).toFixed(0)} MiB (${(ms / 1000).toFixed(1)} s)`;
  } finally {
    await rm(folder, { recursive: true });
    await rm(join(at, "cache"), { recursive: true, force: true });
  }
}

async function main(size: number, only: RegExp, counts: readonly number[]): Promise<void> {
  await inFolder(async (at) => {
    const raw = join(at, "disk.raw");
    await makeDisk(raw, size);
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(join(at, "form"))) });
    for (const form of FORMS.filter(({ name }) => only.test(name))) {
      if (Bun.which(form.tool) === null) {
        console.log(`${form.name}: ${form.tool} is not installed`);
        continue;
      }
      await took(form.make(raw, join(at, "form")), at);
      for (const target of form.to) {
        const told: string[] = [];
        for (const count of counts) {
          told.push(`${count} from files ${await peak(form, target, count, at, undefined)}`);
          told.push(`${count} over HTTP ${await peak(form, target, count, at, server.url.origin)}`);
        }
        console.log(`${`${form.name} -> ${target}`.padEnd(42)} ${told.join(", ")}`);
      }
      await rm(join(at, "form"));
    }
  });
}

const [size = "256", only = "", counts = "1,8"] = process.argv.slice(2);
await main(Number(size) * MiB, new RegExp(only), counts.split(",").map(Number));
