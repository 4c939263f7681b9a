// What a state costs the commands: the binary applies so many small images to a local store and plans them again, on each kind of state with a
// real server on this machine. Requests, bytes on the wire and seconds, and the peak of memory. The figures of docs/scale.md.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Flaky, flaky } from "../tests/core/store/flaky.ts";
import { KINDS, type Kind } from "../tests/core/store/kinds.ts";
import { AWS } from "../tests/core/store/servers.ts";

const COUNTS = (process.env["BENCH_ADDRESSES"] ?? "1,100,10000").split(",").map(Number);
/** Parts of the names of the kinds that are measured: BENCH_KINDS=S3,PostgreSQL. Default: all. */
const NAMED = process.env["BENCH_KINDS"]?.split(",");
const BINARY = join(import.meta.dir, "../dist/images");

const amount = (bytes: number): string =>
  bytes < 100_000 ? `${(bytes / 1000).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** A directory with so many images of 1 KiB, each of its own bytes, and the file that declares them. */
async function declared(directory: string, count: number, state: string): Promise<void> {
  await mkdir(join(directory, "bytes"), { recursive: true });
  const login = state.startsWith("http://")
    ? `state_username = "user"\nstate_password = "env:BENCH_STATE_PASSWORD"\n`
    : "";
  const blocks = [
    `[settings]\nname = "scale"\nstate = "${state}"\n${login}\n[backend.st]\nplugin = "local"\npath = "./st"\n`,
  ];
  for (let i = 0; i < count; i++) {
    await Bun.write(join(directory, "bytes", `${i}`), `${i}`.padStart(1024, "."));
    blocks.push(`[image.i${i}]\nbackend = "st"\nsource = "./bytes/${i}"\n`);
  }
  await Bun.write(join(directory, "images.toml"), blocks.join("\n"));
}

/** Runs a command of the binary; answers what it cost. */
async function cost(directory: string, way: Flaky | undefined, words: readonly string[]): Promise<readonly string[]> {
  const [requests, [sent, got]] = [way?.requests() ?? 0, way?.bytes() ?? [0, 0]];
  const start = performance.now();
  const child = Bun.spawn([BINARY, ...words], {
    cwd: directory,
    env: { ...process.env, ...AWS, HOME: directory, BENCH_STATE_PASSWORD: "secret", AWS_EC2_METADATA_DISABLED: "true" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`images ${words.join(" ")}: ${code}\n${said.slice(-2000)}`);
  const now = way?.bytes() ?? [0, 0];
  const calls = (way?.requests() ?? 0) - requests;
  return [
    calls === 0 ? "-" : `${calls}`,
    way === undefined ? "-" : `${amount(now[0] - sent)} / ${amount(now[1] - got)}`,
    seconds.toFixed(2),
    `${Math.round((child.resourceUsage()?.maxRSS ?? 0) / 1e6)}`,
  ];
}

async function one(kind: Kind, count: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "images-scale-"));
  try {
    const place = await kind.place();
    const port = kind.port(place);
    await using way = port === undefined ? undefined : await flaky(port);
    const state = way === undefined ? "images.state.json" : kind.by(place, way.port);
    // Without a journal each change sends the document: 10,000 new addresses are applied with a state in a file, which then moves.
    const moves = !kind.journals && count > 1000;
    await declared(directory, count, moves ? "images.state.json" : state);
    const applied = await cost(directory, way, ["apply", "--yes", "--max-deletes", "0"]);
    const all = moves ? applied.map(() => "-") : applied;
    if (moves) {
      await cost(directory, undefined, [
        "state",
        "migrate",
        state,
        "--username",
        "user",
        "--password",
        "env:BENCH_STATE_PASSWORD",
      ]);
      await declared(directory, count, state);
    }
    const plan = await cost(directory, way, ["plan", "--detailed-exitcode"]);
    await Bun.write(join(directory, "bytes", "0"), "changed".padStart(1024, "."));
    const changed = await cost(directory, way, ["apply", "--yes"]);
    console.log(`| ${kind.name} | ${count} | ${[...all, ...changed, ...plan].join(" | ")} |`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const USUAL = ["file", "terraform", "versitygw", "PostgreSQL"];
const cells = ["requests", "sent / got", "s", "MB"];
console.log(
  `| state | addresses | ${["all new", "one changed", "plan"].flatMap((of) => cells.map((cell, i) => (i === 0 ? `${of}: ${cell}` : cell))).join(" | ")} |`,
);
console.log(`| --- |${" ---: |".repeat(13)}`);
for (const kind of KINDS.filter(({ is, name }) => is && (NAMED ?? USUAL).some((one) => name.includes(one)))) {
  await kind.start();
  for (const count of COUNTS) await one(kind, count);
  await kind.stop();
}
