import { availableParallelism } from "node:os";

// bun run test: builds dist/images, then runs every test, and the type check and the linter beside them.
// bun scripts/test.ts [OPTIONS AND PATHS OF bun test]. Ends with 1 when anything failed.

/** Tests wait for disks, processes, servers and timers: twice as many workers as there are cores keep those busy. */
const workers = 2 * availableParallelism();

const start = (words: readonly string[], out: "inherit" | "pipe") =>
  Bun.spawn([process.execPath, ...words], { stdio: ["ignore", out, out] });

const build = await start(["run", "build"], "inherit").exited;
if (build !== 0) process.exit(build);

const check = start(["run", "check"], "pipe");
const said = Promise.all([new Response(check.stdout).text(), new Response(check.stderr).text()]);
const test = ["test", `--parallel=${workers}`, "--timeout", "300000", ...process.argv.slice(2)];
const codes = await Promise.all([start(test, "inherit").exited, check.exited]);
if (codes[1] !== 0) console.error(`\nbun run check failed:\n${(await said).join("")}`);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
