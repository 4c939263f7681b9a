import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a command took. */
export interface Took {
  /** Milliseconds of wall time. */
  readonly ms: number;
  /** Bytes of memory at the most, of the process itself. */
  readonly rss: number;
}

/** Runs a command to its end. @throws when it fails */
export async function took(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Took> {
  const report = join(tmpdir(), `images-time-${crypto.randomUUID()}`);
  const timed = TIME === null ? [] : [TIME, "-f", "%M", "-o", report];
  const began = performance.now();
  const argv = [...timed, ...command];
  const child = Bun.spawn(argv, { cwd, env: { ...process.env, ...env }, stdout: "ignore", stderr: "pipe" });
  const [code, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  const ms = performance.now() - began;
  try {
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
    if (TIME !== null) return { ms, rss: Number(await readFile(report, "utf8")) * 1024 };
    return { ms, rss: (child.resourceUsage()?.maxRSS ?? 0) * (process.platform === "darwin" ? 1 : RSS_UNIT) };
  } finally {
    await rm(report, { force: true });
  }
}

/** GNU time, a process of 2 MB: what is started from here begins with the peak of this process as its own. */
const TIME = process.platform === "linux" ? Bun.which("time") : null;

/** Bun passes on what getrusage says, which counts kilobytes on Linux, as bytes or as kilobytes by its version: one look tells which. */
const RSS_UNIT = await (async () => {
  const child = Bun.spawn(["true"], { stdout: "ignore" });
  await child.exited;
  return (child.resourceUsage()?.maxRSS ?? 0) < 100_000 ? 1024 : 1;
})();

/** The median of several runs, side by side with another command: first one, then the other, again and again. */
export async function sideBySide(
  times: number,
  ours: () => Promise<Took>,
  theirs: () => Promise<Took>,
): Promise<{ ours: Took; theirs: Took }> {
  const all: { ours: Took; theirs: Took }[] = [];
  for (let i = 0; i < times; i++) all.push({ ours: await ours(), theirs: await theirs() });
  const median = (pick: (one: (typeof all)[number]) => Took): Took => {
    const sorted = all.map(pick).sort((a, b) => a.ms - b.ms);
    const middle = sorted[sorted.length >> 1];
    if (middle === undefined) throw new Error("nothing was measured");
    return { ms: middle.ms, rss: Math.max(...sorted.map(({ rss }) => rss)) };
  };
  return { ours: median((one) => one.ours), theirs: median((one) => one.theirs) };
}

export const show = ({ ms, rss }: Took): string =>
  `${ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`}, ${(rss / 2 ** 20).toFixed(0)} MiB`;

export function line(what: string, { ours, theirs }: { ours: Took; theirs: Took }, against: string): void {
  console.log(`${what}: ${show(ours)}; ${against}: ${show(theirs)}; ratio ${(ours.ms / theirs.ms).toFixed(2)}`);
}

/** A directory for one measurement, gone afterwards. */
export async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "images-bench-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
