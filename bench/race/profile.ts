import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { areas, drawn, folded, heaviest, type Profile } from "./flame.ts";
import type { Runner } from "./run.ts";
import type { Contest, Program } from "./types.ts";

const SOURCES = resolve(import.meta.dir, "../../src/cli/main.ts");

/**
 * Runs ours once from its sources with Bun's profiler, and keeps profiles/ROW.svg, a flame graph, and ROW.md, where the time goes, beside the results. The profiler
 * sees the main thread's JavaScript; what is native in it counts for the function that calls it.
 */
export async function profile(
  name: string,
  contest: Contest,
  programs: readonly Program[],
  runner: Runner,
  out: string,
): Promise<void> {
  const [program] = programs;
  if (contest.ours === undefined || program === undefined) return;
  const into = join(program.memory, "../profile");
  const argv = [process.execPath, "--cpu-prof", `--cpu-prof-dir=${into}`, SOURCES];
  const contender = await contest.ours({ ...program, argv });
  await rm(into, { recursive: true, force: true });
  await contender.before?.();
  await runner.run(contender.run);
  await contender.after?.();
  const [file] = (await readdir(into)).filter((one) => one.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("Bun wrote no profile");
  const recorded: Profile = JSON.parse(await readFile(join(into, file), "utf8"));
  const root = folded(recorded);
  const title = `${name}: ${contest.title}`;
  await mkdir(join(out, "profiles"), { recursive: true });
  await writeFile(join(out, "profiles", `${name}.svg`), drawn(root, title));
  const page = `# ${title}

${root.total.toFixed(0)} ms on the main thread, from the sources.

![flame graph](${name}.svg)

${shares("where, with what is called from there", areas(root).slice(0, 8), root.total)}

${shares("by itself", heaviest(root, 12), root.total)}
`;
  await writeFile(join(out, "profiles", `${name}.md`), page);
  console.log(page);
}

const shares = (head: string, rows: readonly (readonly [name: string, ms: number])[], all: number): string =>
  [
    `| ${head} | ms | share |\n| --- | ---: | ---: |`,
    ...rows.map(([name, ms]) => `| ${name} | ${ms.toFixed(0)} | ${((ms / all) * 100).toFixed(1)} % |`),
  ].join("\n");
