import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DECISION_MUTANTS } from "./mutations/decisions.ts";
import { DISK_MUTANTS } from "./mutations/disk.ts";
import { ENGINE_MUTANTS } from "./mutations/engine.ts";
import { PROOF_MUTANTS } from "./mutations/proofs.ts";

// Do the tests of the engine bite? Breaks the core in one place after the other, in a copy, and says which test notices:
// bun tests/core-mutants.ts [WORD …] runs those whose name has one of the words. Ends with 1 when one is not noticed.

const MUTANTS = [...ENGINE_MUTANTS, ...DECISION_MUTANTS, ...PROOF_MUTANTS, ...DISK_MUTANTS];

const words = process.argv.slice(2);
const chosen = MUTANTS.filter(({ what }) => words.length === 0 || words.some((word) => what.includes(word)));
const waiting = chosen.values();
let missed = 0;
const ends = await Promise.allSettled(Array.from({ length: availableParallelism() }, breakInCopy));
// One that does not fit ends this: after the others have put their copies away.
for (const end of ends) if (end.status === "rejected") throw end.reason;
console.log(`${chosen.length - missed} of ${chosen.length} mutants caught`);
console.log(` ${chosen.length - missed} pass\n ${missed} fail`);
process.exitCode = missed === 0 ? 0 : 1;

/** Takes one mutant after the other, and tries it in a copy of its own. */
async function breakInCopy(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "images-mutants-"));
  try {
    for (const name of ["src", "tests", "docs", "licenses", "kit", "package.json", "tsconfig.json", "bunfig.toml"])
      await cp(name, join(directory, name), { recursive: true });
    await symlink(resolve("node_modules"), join(directory, "node_modules"));
    for (const { what, file, from, to, tests } of waiting) {
      const path = join(directory, file);
      const original = await readFile(path, "utf8");
      if (!original.includes(from)) throw new Error(`the mutant "${what}" does not fit ${file} any more`);
      await writeFile(path, original.replace(from, to));
      const began = performance.now();
      const noticed = await failing(tests, directory);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      await writeFile(path, original);
      if (noticed === undefined) missed++;
      console.log(
        `${noticed === undefined ? "MISSED" : "caught"}  ${what}: ${noticed ?? "no test noticed"} (${seconds} s)`,
      );
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The first test that fails. */
async function failing(tests: string, directory: string): Promise<string | undefined> {
  const child = Bun.spawn([process.execPath, "test", "--bail", "--timeout", "60000", ...tests.split(" ")], {
    cwd: directory,
    env: { ...process.env, IMAGES_TEST_WORLDS: "1000" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const [, text] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  return /^\(fail\) (.+?)(?: \[|$)/m.exec(text)?.[1];
}
