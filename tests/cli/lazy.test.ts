import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { TestDirectory } from "../harness.ts";

const ROOT = join(import.meta.dir, "../..");

/** The modules that a run loads, as paths from the root of the project. */
async function loaded(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  await using directory = await TestDirectory.make({
    "images.toml": `[settings]\nname = "lazy"\n[backend.st]\nplugin = "local"\npath = "./st"\n[image.a]\nbackend = "st"\nsource = "./a"\n`,
    a: "bytes",
  });
  const list = directory.at("loaded");
  const preload = join(import.meta.dir, "children/loaded.ts");
  const child = Bun.spawn([process.execPath, "--preload", preload, join(ROOT, "src/cli/main.ts"), ...words], {
    cwd: directory.path,
    env: { PATH: process.env["PATH"], HOME: directory.path, IMAGES_TEST_LOADED: list, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect([code, said.includes("error")]).toEqual([0, false]);
  return (await readFile(list, "utf8"))
    .trim()
    .split("\n")
    .map((path) => relative(ROOT, path));
}

const HEAVY = /^src\/(core\/(source|store|apply|plan|format)|plugins)\/|^node_modules\//;

for (const words of [["version"], ["--help"], ["plan", "--help"], ["__complete", "--", "pl"]])
  test(`${words.join(" ")} loads neither sources, state, plugins nor libraries`, async () => {
    const found = await loaded(words);
    // The help of a command is what its class says, and the class names what it runs.
    const heavy = words[0] === "plan" ? /^src\/plugins\// : HEAVY;
    expect(found.filter((path) => heavy.test(path))).toEqual([]);
    expect(found.some((path) => path.startsWith("src/core/surface"))).toBe(false);
  });

test("a plan loads the plugin that it needs, and no telemetry, signature or import", async () => {
  const found = await loaded(["plan"]);
  expect([...new Set(found.flatMap((path) => /^src\/plugins\/(\w+)/.exec(path)?.[1] ?? []))]).toEqual(["local"]);
  expect(found.filter((path) => /^node_modules\/|imagemanager|cli\/terraform\/|telemetry\/trace/.test(path))).toEqual(
    [],
  );
});

test("telemetry is loaded when OTEL_* asks for it", async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT: "1" };
  const found = await loaded(["plan"], env);
  expect(found.some((path) => path.includes("@opentelemetry"))).toBe(true);
});
