import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command, Cost } from "./types.ts";

/** Milliseconds after which a command counts as stuck, and those that it has for its end. */
const LIMIT = 600_000;
const GRACE = 5000;
/** Runs of a command of milliseconds for one sample. */
const SHORT = 10;

/** Runs commands in a clean environment, and measures them. */
export class Runner {
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #time = Bun.which("time");
  readonly #hyperfine = Bun.which("hyperfine");
  #count = 0;

  /** @param directory for HOME, TMPDIR and the files of the measuring tools */
  constructor(directory: string, signal: AbortSignal) {
    this.#directory = directory;
    this.#signal = signal;
  }

  /** @throws when the command fails, with the end of what it printed to stderr */
  async cost(command: Command): Promise<Cost> {
    this.#count += 1;
    const report = join(this.#directory, `time-${this.#count}`);
    // GNU time forks from a process of 2 MB: a child of this process would begin with this process's own peak.
    const timed = this.#time === null ? [] : [this.#time, "-f", "%M", "-o", report];
    const { ms, cpu } = await this.#spawn({ ...command, argv: [...timed, ...command.argv] });
    if (this.#time === null) return { ms, cpu, peak: undefined };
    const peak = Number((await Bun.file(report).text()).trim().split("\n").at(-1)) * 1024;
    await rm(report);
    return { ms, cpu, peak };
  }

  /** The median of several runs, by hyperfine if it is installed: it has less of an overhead than this process. */
  async short(command: Command): Promise<Cost> {
    const { peak } = await this.cost(command);
    if (this.#hyperfine === null) {
      const all: Cost[] = [];
      for (let i = 0; i < SHORT; i += 1) all.push(await this.cost(command));
      return { ms: median(all.map(({ ms }) => ms)), cpu: median(all.map((one) => one.cpu)), peak };
    }
    const report = join(this.#directory, "hyperfine.json");
    const words = command.argv.map((word) => `'${word}'`).join(" ");
    const argv = [this.#hyperfine, "-N", "-w", "1", "-r", `${SHORT}`, "--style=none", "--export-json", report, words];
    await this.#spawn({ ...command, argv });
    const { results }: { results: { median: number; user: number; system: number }[] } = await Bun.file(report).json();
    const [found] = results;
    if (found === undefined) throw new Error("hyperfine measured nothing");
    return { ms: found.median * 1000, cpu: (found.user + found.system) * 1000, peak };
  }

  /** Untimed. @throws when the command fails */
  async run(command: Command): Promise<void> {
    await this.#spawn(command);
  }

  async #spawn({ argv, cwd, env = {} }: Command): Promise<{ ms: number; cpu: number }> {
    this.#signal.throwIfAborted();
    const began = performance.now();
    // Of a process group of its own, so that what the command started ends with it. `timeout` would not do: what ends it between its
    // fork and its note of the child leaves the child running.
    const child = Bun.spawn([...argv], {
      detached: true,
      cwd,
      env: { ...this.#environment(), ...env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    let isLate = false;
    const send = (signal: "SIGTERM" | "SIGKILL") => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has ended.
      }
    };
    const ends: ReturnType<typeof setTimeout>[] = [];
    const stop = () => {
      send("SIGTERM");
      ends.push(setTimeout(send, GRACE, "SIGKILL"));
    };
    const late = () => {
      isLate = true;
      stop();
    };
    ends.push(setTimeout(late, LIMIT));
    this.#signal.addEventListener("abort", stop);
    try {
      const [code, said] = await Promise.all([child.exited, new Response(child.stderr).text()]);
      const ms = performance.now() - began;
      this.#signal.throwIfAborted();
      if (isLate) throw new Error(`${name(argv)} took more than ${LIMIT / 1000} s`);
      if (code !== 0) throw new Error(`${name(argv)} exited with ${code}: ${said.trim().slice(-600)}`);
      return { ms, cpu: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000 };
    } finally {
      this.#signal.removeEventListener("abort", stop);
      for (const end of ends) clearTimeout(end);
    }
  }

  /** Nothing of the person's own settings decides what is measured. */
  #environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: this.#directory,
      TMPDIR: this.#directory,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
    };
  }
}

const name = (argv: readonly string[]): string => {
  const from = argv[0]?.endsWith("/time") ? 5 : 0;
  return argv
    .slice(from, from + 3)
    .map((word) => word.split("/").at(-1))
    .join(" ");
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error("nothing was measured");
  return (low + high) / 2;
}
