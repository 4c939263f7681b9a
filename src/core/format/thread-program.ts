import { join } from "node:path";

/**
 * The program of a thread as text, with all that it imports. A macro: it runs when the module that uses it is bundled (or loaded), so
 * that a compiled binary holds the text, and the build needs no second file.
 */
export function threadProgram(): string {
  const source = join(import.meta.dir, "thread-main.ts");
  const build = Bun.spawnSync([process.execPath, "build", source, "--target=bun", "--format=esm", "--minify"], {
    env: { ...process.env, BUN_BE_BUN: "1" },
  });
  if (build.exitCode !== 0) throw new Error(build.stderr.toString());
  return build.stdout.toString();
}
