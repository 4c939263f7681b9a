import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { contend, reason } from "./contest.ts";
import { commit, load, machine, neutral } from "./machine.ts";
import { profile } from "./profile.ts";
import { type Kept, merged, page, type Report, table } from "./report.ts";
import { ROWS } from "./rows.ts";
import { Runner } from "./run.ts";
import { RealServers } from "./servers.ts";
import { Tools } from "./tools.ts";
import type { Contender, Cost, Program, Race, Row } from "./types.ts";

export interface Options {
  readonly rows: readonly Row[];
  readonly rounds: number;
  /** Seconds after which no new round of a row begins. */
  readonly budget: number;
  readonly mib: number;
  readonly isSmoke: boolean;
  readonly binary: string;
  readonly baseline: string | undefined;
  /** Without the ending. */
  readonly out: string;
  readonly directory: string;
  readonly memory: string;
  readonly mayInstall: boolean;
  readonly isProfile: boolean;
}

/** Runs the rows; answers the exit code: 1 where one of them was not measured. */
export async function race(options: Options): Promise<number> {
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Error("interrupted"));
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt).on("SIGHUP", interrupt);
  for (const place of [options.directory, options.memory]) await mkdir(place, { recursive: true });
  const base = await mkdtemp(join(options.directory, "images-race-"));
  const fast = await mkdtemp(join(options.memory, "images-race-"));
  const tools = new Tools(options.mayInstall);
  await tools.want(["time", "hyperfine"]);
  const servers = new RealServers(fast, tools, stop.signal);
  try {
    let isWhole = true;
    for (const [i, row] of options.rows.entries()) {
      if (stop.signal.aborted) break;
      console.error(`race: ${row.name} (${i + 1} of ${options.rows.length})`);
      const one = new OneRow(row, options, { base, fast, tools, servers, signal: stop.signal });
      const kept = await one.measured();
      // What an earlier run measured stays.
      if (stop.signal.aborted) break;
      isWhole &&= kept.failed === undefined;
      if (!options.isProfile) await keep(options.out, kept, await machine(base, fast, await tools.versions()));
      else if (kept.failed !== undefined) console.error(`race: ${row.name}: ${kept.failed}`);
      const isLast = !options.rows.slice(i + 1).some(({ group }) => group === row.group);
      if (isLast) await servers.stop(row.group);
    }
    if (!options.isProfile) process.stdout.write(await readFile(`${options.out}.md`, "utf8").catch(() => ""));
    return stop.signal.aborted ? 130 : isWhole ? 0 : 1;
  } finally {
    await servers.stop();
    for (const path of [base, fast]) await rm(path, { recursive: true, force: true });
  }
}

interface Surroundings {
  readonly base: string;
  readonly fast: string;
  readonly tools: Tools;
  readonly servers: RealServers;
  readonly signal: AbortSignal;
}

/** A row from the making of its files to their removal. */
class OneRow {
  readonly #row: Row;
  readonly #options: Options;
  readonly #around: Surroundings;
  readonly #ends: (() => void | Promise<void>)[] = [];

  constructor(row: Row, options: Options, around: Surroundings) {
    this.#row = row;
    this.#options = options;
    this.#around = around;
  }

  /** Whatever goes wrong is in what is kept. */
  async measured(): Promise<Kept> {
    const { mib, rounds } = this.#options;
    const { name, about } = this.#row;
    const common = { name, at: new Date().toISOString(), commit: await commit(), mib, rounds, load: load() };
    const { base, fast } = this.#around;
    const directories = [join(base, name), join(fast, name)];
    try {
      for (const directory of directories) await mkdir(join(directory, "run"), { recursive: true });
      return { ...common, ...(await this.#race(directories)) };
    } catch (thrown) {
      return { ...common, title: about, failed: neutral(reason(thrown), [base, fast]) };
    } finally {
      for (const end of this.#ends.reverse()) await end();
      for (const directory of directories) await rm(directory, { recursive: true, force: true });
    }
  }

  async #race([disk = "", memory = ""]: readonly string[]): Promise<Pick<Kept, "title" | "measured" | "bytes">> {
    const { tools, servers, signal } = this.#around;
    const { mib, isSmoke, rounds, budget } = this.#options;
    const needs = this.#row.needs ?? [];
    await tools.want(needs);
    const lacks = tools.lacks(needs);
    if (lacks !== undefined) throw new Error(lacks);
    const runner = new Runner(join(memory, "run"), signal);
    const race: Race = {
      disk,
      memory,
      mib,
      binary: this.#options.binary,
      count: (full) => (isSmoke ? Math.max(20, Math.round(full / 100)) : full),
      tool: (name) => tools.path(name),
      run: (command) => runner.run(command),
      servers,
      defer: (end) => this.#ends.push(end),
    };
    const contest = await this.#row.open(race);
    await tools.want(contest.peers.flatMap((peer) => peer.needs ?? []));
    const programs = await this.#programs(disk, memory);
    if (this.#options.isProfile) {
      await profile(this.#row.name, contest, programs, runner, dirname(this.#options.out));
      return { title: contest.title };
    }
    const measure = async ({ run }: Contender): Promise<Cost> => {
      // What an earlier run left to be written is not this one's.
      await runner.run({ argv: ["sync", "-f", run.cwd], cwd: run.cwd });
      return this.#row.isShort === true ? await runner.short(run) : await runner.cost(run);
    };
    const measured = await contend(contest, programs, { rounds, budget }, measure, (names) => tools.lacks(names));
    const { base, fast } = this.#around;
    const lines = measured.lines.map((line) =>
      line.failed === undefined ? line : { ...line, failed: neutral(line.failed, [base, fast]) },
    );
    const { title, bytes } = contest;
    return { title, measured: { ...measured, lines }, ...(bytes === undefined ? {} : { bytes }) };
  }

  async #programs(disk: string, memory: string): Promise<readonly Program[]> {
    const { binary, baseline } = this.#options;
    const all: Program[] = [];
    for (const [name, path] of [
      ["ours", binary],
      ["before", baseline],
    ] as const) {
      if (path === undefined) continue;
      const places = { disk: join(disk, name), memory: join(memory, name) };
      for (const place of Object.values(places)) await mkdir(place, { recursive: true });
      all.push({ name, argv: [path], ...places });
    }
    return all;
  }
}

/** After each row, so that a run that is interrupted has kept what it measured. */
async function keep(out: string, row: Kept, found: Report["machine"]): Promise<void> {
  const old: Report | undefined = await readFile(`${out}.json`, "utf8").then(JSON.parse, () => undefined);
  const report = merged(
    old,
    found,
    row,
    ROWS.map(({ name }) => name),
  );
  await mkdir(dirname(out), { recursive: true });
  await writeFile(`${out}.json`, `${JSON.stringify(report, null, 1)}\n`);
  await writeFile(`${out}.md`, page(report));
  console.error(table([row]));
}
