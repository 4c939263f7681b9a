import { mkdtemp, open, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ByteStream } from "../src/core/format/bytes.ts";
import { compress } from "../src/core/format/compression.ts";
import { hashed } from "../src/core/format/hash.ts";
import { identifyFile } from "../src/core/format/identify-file.ts";
import { planTransform } from "../src/core/format/plan.ts";
import { sparse, writeSparse } from "../src/core/format/segment.ts";
import { type Input, transform } from "../src/core/format/transform.ts";

// bun bench/formats.ts [GiB of the disk, default 4] [rounds, default 3]
// Converting and packing against qemu-img, gzip and pigz: medians of the rounds, wall and processor seconds.

const MiB = 1 << 20;
const RAW = { formats: ["raw"], compressions: ["none"] } as const;

interface Cost {
  readonly wall: number;
  readonly cpu: number;
  readonly memory: number;
}

/** A disk as systems leave it: half of it holes, the rest programs, text and what is packed already. */
async function makeDisk(path: string, size: number): Promise<void> {
  const program = (await Bun.file(process.execPath).bytes()).subarray(0, 64 * MiB);
  const noise = crypto.getRandomValues(new Uint8Array(65536));
  const file = await open(path, "w");
  for (let at = 0, turn = 0; at < size; at += 4 * MiB, turn += 1) {
    if (turn % 2 === 1) continue;
    const part = program.slice((turn * 3 * MiB) % (60 * MiB)).subarray(0, 4 * MiB);
    for (let place = 0; place < part.length; place += 8 * noise.length) part.set(noise, place);
    part.set(new TextEncoder().encode(`part ${turn}`));
    await file.write(part, 0, part.length, at);
  }
  await file.truncate(size);
  await file.close();
}

async function cost(command: readonly string[]): Promise<Cost> {
  const begin = performance.now();
  const child = Bun.spawn([...command], { stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  const wall = (performance.now() - begin) / 1000;
  const usage = child.resourceUsage();
  return { wall, cpu: Number(usage?.cpuTime.total ?? 0) / 1e6, memory: (usage?.maxRSS ?? 0) / MiB };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Runs ours and the others in turn, so that what else the machine does meets all of them. */
async function compare(
  title: string,
  rounds: number,
  commands: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const costs = new Map<string, Cost[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, command] of Object.entries(commands)) costs.get(name)?.push(await cost(command));
  }
  console.log(title);
  const walls = new Map([...costs].map(([name, runs]) => [name, median(runs.map(({ wall }) => wall))]));
  for (const [name, runs] of costs) {
    const wall = walls.get(name) ?? 0;
    const ratio = name === "ours" ? "" : `  ours/this ${((walls.get("ours") ?? 0) / wall).toFixed(2)}`;
    const cpu = median(runs.map((run) => run.cpu)).toFixed(1);
    const memory = median(runs.map((run) => run.memory)).toFixed(0);
    console.log(`  ${name.padEnd(18)} wall ${wall.toFixed(1)} s  cpu ${cpu} s  memory ${memory} MiB${ratio}`);
  }
}

/** The work of one child of this script. */
async function work(kind: string, from: string, to: string): Promise<void> {
  if (kind === "disk") return await makeDisk(to, Number(from));
  const input: Input = { kind: "file", path: from };
  if (kind === "raw") {
    const plan = planTransform(await identifyFile(from), RAW);
    const file = await open(to, "w");
    await writeSparse(file, sparse(transform(input, plan, { target: RAW })));
    await file.close();
    return;
  }
  if (kind === "stream") {
    const plan = planTransform(await identifyFile(from), RAW);
    const bytes = transform({ kind: "stream", bytes: Bun.file(from).stream() }, plan, {
      target: RAW,
      directory: dirname(to),
    });
    return await write(bytes, to);
  }
  if (kind === "qcow2") {
    const target = { formats: ["qcow2"], compressions: ["none"] } as const;
    return await write(transform(input, planTransform(await identifyFile(from), target), { target }), to);
  }
  if (kind === "gz") return await write(compress("gz", Bun.file(from).stream()), to);
  const flow = hashed(Bun.file(from).stream(), ["md5", "sha256", "sha512"], { threads: kind === "threads" });
  await write(flow.bytes, "/dev/null");
}

async function write(bytes: ByteStream, to: string): Promise<void> {
  const file = await open(to, "w");
  for await (const piece of bytes) await file.write(piece);
  await file.close();
}

async function main(size: number, rounds: number): Promise<void> {
  const at = await mkdtemp(join(tmpdir(), "images-bench-"));
  try {
    const name = (one: string): string => join(at, one);
    const ours = (kind: string, from: string, to: string): string[] => [
      process.execPath,
      import.meta.path,
      kind,
      name(from),
      name(to),
    ];
    console.log(`${cpus().length} cores, a disk of ${size / 1024 / MiB} GiB, medians of ${rounds}`);
    await cost([process.execPath, import.meta.path, "disk", String(size), name("disk")]);
    for (const [image, options] of [
      ["plain", []],
      ["deflate", ["-c"]],
      ["zstd", ["-c", "-o", "compression_type=zstd"]],
    ] as const) {
      await cost(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", ...options, name("disk"), name(image)]);
      await compare(`qcow2 (${image}) -> raw`, rounds, {
        ours: ours("raw", image, "out"),
        "ours, as a stream": ours("stream", image, "out2"),
        "qemu-img convert": ["qemu-img", "convert", "-f", "qcow2", "-O", "raw", name(image), name("out3")],
      });
      await cost(["cmp", name("disk"), name("out")]);
      await cost(["cmp", name("disk"), name("out2")]);
      for (const one of ["out", "out2", "out3", image]) await rm(name(one));
    }
    await compare("raw -> qcow2", rounds, {
      ours: ours("qcow2", "disk", "out"),
      "qemu-img convert": ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", name("disk"), name("out2")],
    });
    await cost(["qemu-img", "check", "-f", "qcow2", name("out")]);
    await cost(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", name("disk"), name("out")]);
    const part = Math.min(size, 512 * MiB);
    await cost(["sh", "-c", `head -c ${part} '${name("disk")}' > '${name("part")}'`]);
    await compare(`raw -> gz, ${part / MiB} MiB`, rounds, {
      ours: ours("gz", "part", "out"),
      "gzip -6": ["sh", "-c", `gzip -6 -c '${name("part")}' > '${name("out2")}'`],
      ...(Bun.which("pigz") === null
        ? {}
        : { "pigz -6": ["sh", "-c", `pigz -6 -c '${name("part")}' > '${name("out3")}'`] }),
    });
    await cost(["sh", "-c", `gzip -dc '${name("out")}' | cmp - '${name("part")}'`]);
    await compare("md5, sha256 and sha512 in one pass", rounds, {
      ours: ours("threads", "part", "out"),
      "on one thread": ours("hash", "part", "out"),
    });
  } finally {
    await rm(at, { recursive: true, force: true });
  }
}

// A child of this script does one piece of work; everything else (also being named to bench/main.ts) measures.
const [first = "4", second = "3", third] = import.meta.main ? process.argv.slice(2) : [];
if (third === undefined) await main(Number(first) * 1024 * MiB, Number(second));
else await work(first, second, third);
