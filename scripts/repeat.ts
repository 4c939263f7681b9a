import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

// Finds tests that fail only sometimes: runs each test file by itself, several times, while the machine does much else.
// bun scripts/repeat.ts [--times 5] [--load N] [PATH …]; N busy processes, by default one for each core. Ends with 1 when a run failed.

const { values, positionals } = parseArgs({
  options: { times: { type: "string", default: "5" }, load: { type: "string" } },
  allowPositionals: true,
});
const times = Number(values.times);
const load = Number(values.load ?? availableParallelism());
const all = (await Array.fromAsync(new Bun.Glob("tests/**/*.test.ts").scan("."))).sort();
const files = all.filter((file) => positionals.length === 0 || positionals.some((path) => file.startsWith(path)));

const busy = Array.from({ length: load }, () => Bun.spawn([process.execPath, "-e", "for (;;) Math.random()"]));
let failures = 0;
try {
  for (const file of files) {
    const seconds: number[] = [];
    const failed: string[] = [];
    for (let i = 0; i < times; i++) {
      const began = performance.now();
      failed.push(...(await failing(file)));
      seconds.push((performance.now() - began) / 1000);
    }
    failures += failed.length;
    const longest = Math.max(...seconds).toFixed(1);
    console.log(`${failed.length === 0 ? "ok    " : "FAILED"} ${longest.padStart(7)} s  ${file}`);
    for (const text of new Set(failed)) console.log(`       ${text}`);
  }
} finally {
  for (const one of busy) one.kill();
}
console.log(`${files.length} files, ${times} times each, under ${load} busy processes: ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;

/** The tests that failed in one run of a file, with what was said of each; or how it ended otherwise. */
async function failing(file: string): Promise<readonly string[]> {
  const child = Bun.spawn([process.execPath, "test", "--timeout", "300000", `./${file}`], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const [code, text] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (code === 0) return [];
  // What a test throws stands before its name.
  const named = [...text.matchAll(/(?:^(error: [\s\S]*?))?^\(fail\) (.+?)(?: \[|$)/gm)].map(
    ([, said = "", name = ""]) => `${name}\n${said}`,
  );
  return named.length > 0 ? named : [`ended with ${code}`];
}
