import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { drawn, folded, type Profile } from "./flame.ts";
import type { Runner } from "./run.ts";
import type { Contest, Program } from "./types.ts";

const SOURCES = resolve(import.meta.dir, "../../src/cli/main.ts");

/**
 * Runs ours once from its sources with Bun's profiler, and keeps a flame graph of it: profiles/ROW.svg beside the results. The profiler
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
  await mkdir(join(out, "profiles"), { recursive: true });
  await writeFile(join(out, "profiles", `${name}.svg`), drawn(folded(recorded), `${name}: ${contest.title}`));
}
