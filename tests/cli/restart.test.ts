import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { tunedFor } from "../../src/cli/restart.ts";

const IMAGES = resolve("dist/images");
const SETTING = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";
const why =
  process.platform === "linux" && existsSync(IMAGES) ? "" : " (skipped: dist/images is not built, or not Linux)";

const HEAD = '[settings]\nname = "many"\n[vars]\nx = ""\n[backend.store]\nplugin = "local"\npath = "./store"\n';
const blocks = (count: number): string =>
  Array.from({ length: count }, (_, i) => `[image.i${i}]\nsource = "a.img"\nenabled = false\n`).join("");

async function directory(count: number): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), "images-restart-"));
  await writeFile(join(cwd, "images.toml"), HEAD + blocks(count));
  await mkdir(join(cwd, "empty"));
  return cwd;
}

const bash = (line: string, cwd: string) =>
  Bun.spawn(["bash", "-c", line, IMAGES], { cwd, stdout: "pipe", stderr: "pipe", env: { PATH: process.env["PATH"] } });

const isTuned = (cwd: string, words: readonly string[], env = {}): boolean =>
  tunedFor({ words, cwd, env }) !== undefined;

test("a large file is worth another start; a small one, one that is not there, and one that was started so are not", async () => {
  const [large, small] = [await directory(1000), await directory(10)];
  expect(isTuned(large, ["plan"])).toBe(true);
  expect(isTuned(small, ["plan"])).toBe(false);
  expect(isTuned(join(large, "empty"), ["plan"])).toBe(false);
  expect(isTuned(large, ["plan"], { [SETTING]: "64000" })).toBe(false);
  expect(isTuned(large, ["--version"])).toBe(false);
  expect(isTuned(large, [])).toBe(false);
});

test("the file is the one that is named", async () => {
  const [large, small] = [await directory(1000), await directory(10)];
  for (const words of [
    ["plan", "-f", join(large, "images.toml")],
    ["plan", `--file=${join(large, "images.toml")}`],
    [`-chdir=${large}`, "plan"],
    ["plan", `--chdir=${large}`],
  ])
    expect([words, isTuned(small, words)]).toEqual([words, true]);
  expect(isTuned(large, ["plan", "--file", join(small, "images.toml")])).toBe(false);
});

test.skipIf(why !== "")(`a large plan runs with the setting, and says nothing of it${why}`, async () => {
  const cwd = await directory(1000);
  const { exited, stdout, stderr, pid } = bash('mkfifo vars.toml && exec "$0" plan --var-file vars.toml', cwd);
  // It waits for its variables.
  let environment = "";
  while (!environment.includes(SETTING)) {
    environment = await readFile(`/proc/${pid}/environ`, "utf8");
    await new Promise((wake) => setImmediate(wake));
  }
  await writeFile(join(cwd, "vars.toml"), 'x = "y"\n');
  expect(await new Response(stderr).text()).not.toContain("xperimental");
  expect(await new Response(stdout).text()).toContain("No changes");
  expect(await exited).toBe(0);
});

test.skipIf(why !== "")(`files that the caller opened are still there${why}`, async () => {
  const cwd = await directory(1000);
  const { exited, stdout, stderr } = bash('"$0" plan --var-file <(echo "x = \'y\'")', cwd);
  expect(await new Response(stderr).text()).toBe("");
  expect(await new Response(stdout).text()).toContain("No changes");
  expect(await exited).toBe(0);
});
