import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { tunedFor } from "../../src/cli/restart.ts";

const IMAGES = resolve("dist/images");
const SECOND = "BUN_JSC_thresholdForOptimizeAfterWarmUp";
const SETTING = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";
const why =
  process.platform === "linux" && existsSync(IMAGES) ? "" : " (skipped: dist/images is not built, or not Linux)";

const HEAD = '[settings]\nname = "many"\n[vars]\nx = ""\n[backend.store]\nplugin = "local"\npath = "./store"\n';
const blocks = (count: number): string =>
  Array.from({ length: count }, (_, i) => `[image.i${i}]\nsource = "a.img"\nenabled = false\n`).join("");

const made: string[] = [];
afterAll(async () => {
  for (const one of made) await rm(one, { recursive: true });
});

async function directory(count: number): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), "images-restart-"));
  made.push(cwd);
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

test("an apply of some thousand images is left its second compiler, one of a thousand is not", async () => {
  const [some, many] = [await directory(1000), await directory(3000)];
  const second = (cwd: string, command: string) => tunedFor({ words: [command], cwd, env: {} })?.[SECOND];
  expect(second(some, "apply")).toBe("16000");
  expect(second(some, "plan")).toBeUndefined();
  expect(second(many, "apply")).toBeUndefined();
});

test("what somebody set stays as it is", async () => {
  const env = { BUN_JSC_smallHeapGrowthFactor: "2", HOME: "/root" };
  expect(tunedFor({ words: ["plan"], cwd: await directory(1000), env })).toMatchObject(env);
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

for (const [command, settings] of [
  ["plan", [SETTING, "BUN_JSC_smallHeapGrowthFactor=1.5"]],
  ["apply", [SETTING, SECOND]],
] as const)
  test.skipIf(why !== "")(`a large ${command} runs with its settings, and says nothing of them${why}`, async () => {
    const cwd = await directory(1000);
    const { exited, stdout, stderr, pid } = bash(`mkfifo vars.toml && exec "$0" ${command} --var-file vars.toml`, cwd);
    // It waits for its variables.
    let environment = "";
    while (!settings.every((one) => environment.includes(one))) {
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

test.skipIf(why !== "")(`what the program starts does not get the setting${why}`, async () => {
  const cwd = await directory(0);
  const head = `[settings]\nname = "many"\n[backend.l]\nplugin = "linode"\nurl = "http://127.0.0.1:1/v4"\n`;
  const images = blocks(1000).replaceAll("enabled = false", 'region = "us-ord"');
  await writeFile(join(cwd, "images.toml"), `${head}token = "cmd:${join(cwd, "token")}"\n${images}`);
  await writeFile(join(cwd, "a.img"), "bytes");
  const script = "#!/bin/sh\nenv > all\nmv all child\necho secret\n";
  await writeFile(join(cwd, "token"), script, { mode: 0o755 });
  // There is no such server: the plan is not waited for.
  const running = bash('exec "$0" plan', cwd);
  while (!existsSync(join(cwd, "child"))) await new Promise((wake) => setImmediate(wake));
  const own = await readFile(`/proc/${running.pid}/environ`, "utf8");
  running.kill("SIGKILL");
  await running.exited;
  expect(own).toContain(SETTING);
  expect(own).toContain("BUN_JSC_smallHeapGrowthFactor=1.5");
  expect(await readFile(join(cwd, "child"), "utf8")).not.toMatch(/BUN_JSC/);
});
