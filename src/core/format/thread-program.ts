import { join } from "node:path";

/**
 * The program of a thread as text, with all that it imports. A macro: it runs when the module that uses it is bundled (or loaded), so
 * that a compiled binary holds the text, and the build needs no second file. What only the main thread does is left out, and with it the
 * modules of Bun that each thread would load first.
 */
export function threadProgram(): string {
  const source = join(import.meta.dir, "thread-main.ts");
  const options = ["--target=bun", "--format=esm", "--minify", "--define", "Bun.isMainThread=false"];
  const build = Bun.spawnSync([process.execPath, "build", source, ...options], {
    env: { ...process.env, BUN_BE_BUN: "1" },
  });
  if (build.exitCode !== 0) throw new Error(build.stderr.toString());
  return build.stdout.toString();
}
