import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { memoryDirectory } from "./memory-directory.ts";

// bun run test: builds dist/images, then runs every test, and beside both the type check and the linter.
// bun scripts/test.ts [OPTIONS AND PATHS OF bun test]. Ends with 1 when anything failed. Temporary files are in memory, where there is room.

/** Tests wait for disks, processes, servers and timers: three workers for each core keep those busy. */
const workers = 3 * availableParallelism();

const memory = memoryDirectory();
if (memory !== undefined) {
  process.on("exit", () => rmSync(memory, { recursive: true, force: true }));
  process.on("SIGINT", () => process.exit(130));
  process.on("SIGTERM", () => process.exit(143));
}

/**
 * The runtime compiles what runs often a second and a third time; in a file of tests that mostly ends too late to be of use. What runs over
 * millions of bytes is compiled all the same. The allocator keeps what was freed: a worker of tests asks for it again with its next file.
 * `tests/setup.ts` takes these out of `process.env`.
 */
const RUNTIME = {
  BUN_JSC_thresholdForOptimizeAfterWarmUp: "30000",
  BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "1000000",
  MIMALLOC_PURGE_DELAY: "-1",
};

const start = (words: readonly string[], out: "inherit" | "pipe", env: Readonly<Record<string, string>> = {}) =>
  Bun.spawn([process.execPath, ...words], {
    stdio: ["ignore", out, out],
    env: { ...process.env, ...env, ...(memory === undefined ? {} : { TMPDIR: memory }) },
  });

const check = start(["run", "check"], "pipe");
const said = Promise.all([new Response(check.stdout).text(), new Response(check.stderr).text()]);
const build = await start(["run", "build"], "inherit").exited;
if (build !== 0) {
  check.kill();
  process.exit(build);
}
const test = ["test", `--parallel=${workers}`, "--timeout", "300000", ...process.argv.slice(2)];
const codes = await Promise.all([start(test, "inherit", RUNTIME).exited, check.exited]);
if (codes[1] !== 0) console.error(`\nbun run check failed:\n${(await said).join("")}`);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
