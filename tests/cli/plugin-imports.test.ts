import { expect, test } from "bun:test";
import { mkdir, rm, symlink } from "node:fs/promises";
import { resolve } from "node:path";
import { run, TestDirectory } from "../harness.ts";

// What is pinned is what runs, by whatever way a plugin comes to a file.

const TOML = '[settings]\nname = "n"\n[backend.x]\nplugin = "./p.ts"\n';
const PLUGIN =
  'export default { api: 1, name: "x", doc: "d", config: {}, image: {}, bytes: () => ({}), open: async () => ({ list: async function* () {}, [Symbol.asyncDispose]: async () => {} }) };';
/** A file that leaves another behind as soon as it runs. */
const spy = (at: string) =>
  `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(at)}, "ran");\nexport const doc = "d";\n`;

/** Ways to import a file that are not in the list of imports of the text. */
const computed: readonly string[] = [
  'await import([import.meta.dir, "lib.ts"].join("/"))',
  'await import(new URL("./lib.ts", import.meta.url).href)',
  'require([import.meta.dir, "lib.ts"].join("/"))',
  'import.meta.require([import.meta.dir, "lib.ts"].join("/"))',
  'createRequire(import.meta.url)("./lib.ts")',
  'await import([import.meta.dir, "data.json"].join("/"))',
];
for (const expression of computed) {
  test(`an import that the pin does not cover is refused, and nothing of it runs: ${expression}`, async () => {
    await using directory = await TestDirectory.make({ "images.toml": TOML, "data.json": "{}" });
    await directory.write("lib.ts", spy(directory.at("ran")));
    const head = 'import { createRequire } from "node:module";\nexport const used = createRequire;\n';
    await directory.write("p.ts", `${head}export const lib = ${expression};\n${PLUGIN}`);
    const said = await run(directory, ["plan"]);
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("is not pinned: its path is computed")]);
    expect(said.stderr).toContain('hint: write the path as text: import("./x.ts")');
    // A plugin that catches the failure has nothing of the file either.
    await directory.write("p.ts", `${head}export let lib;\ntry {\nlib = ${expression};\n} catch {}\n${PLUGIN}`);
    expect((await run(directory, ["plugins", "trust", "./p.ts"])).code).toBe(0);
    expect((await run(directory, ["plan"])).code).toBe(0);
    expect(await Bun.file(directory.at("ran")).exists()).toBe(false);
  });
}

test("a relative path that is computed leads nowhere, and the message says what to write", async () => {
  for (const expression of ['await import(["./lib.ts"][0])', 'require(["./lib.ts"][0])']) {
    await using directory = await TestDirectory.make({ "images.toml": TOML });
    await directory.write("lib.ts", spy(directory.at("ran")));
    await directory.write("p.ts", `export const lib = ${expression};\n${PLUGIN}`);
    const { code, stderr } = await run(directory, ["plan"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Cannot find module './lib.ts' [plugin.load]")]);
    expect(stderr).toContain('hint: write the path as text: import("./x.ts")');
  }
});

/** In a process of its own: within one, Bun remembers where a path led. */
async function plan(directory: TestDirectory): Promise<{ readonly code: number; readonly stderr: string }> {
  const child = Bun.spawn([process.execPath, resolve("src/cli/main.ts"), "plan"], {
    cwd: directory.path,
    env: { ...process.env, HOME: directory.path, NO_COLOR: "1" },
    stdout: "ignore",
    stderr: "pipe",
  });
  return { code: await child.exited, stderr: await child.stderr.text() };
}

const ways: readonly [what: string, imported: string, link: string, to: (one: string) => string][] = [
  ["a link", "./lib.ts", "lib.ts", (one) => `${one}/index.ts`],
  ["a link to a directory", "./lib/index.ts", "lib", (one) => one],
  ["a directory", "./lib", "lib", (one) => one],
];
for (const [what, imported, link, to] of ways) {
  test(`an import through ${what} is pinned by the file that it leads to`, async () => {
    await using directory = await TestDirectory.make({
      "images.toml": TOML,
      "p.ts": `import { doc } from ${JSON.stringify(imported)};\nexport const used = doc;\n${PLUGIN}`,
    });
    for (const one of ["one", "two"]) {
      await mkdir(directory.at(one));
      await directory.write(`${one}/index.ts`, spy(directory.at(`ran-${one}`)));
    }
    await symlink(to("one"), directory.at(link));
    expect(await plan(directory)).toEqual({ code: 0, stderr: expect.stringContaining("2 files, including imports") });
    await rm(directory.at(link));
    await symlink(to("two"), directory.at(link));
    const { code, stderr } = await plan(directory);
    expect([code, stderr]).toEqual([1, expect.stringContaining("imports ./two/index.ts, which is not pinned")]);
    const ran = ["one", "two"].map((one) => Bun.file(directory.at(`ran-${one}`)).exists());
    expect(await Promise.all(ran)).toEqual([true, false]);
  });
}

test("a plugin file that is a link is pinned by the file that it leads to", async () => {
  await using directory = await TestDirectory.make({ "images.toml": TOML, "one.ts": PLUGIN, "two.ts": `${PLUGIN}\n` });
  await symlink("one.ts", directory.at("p.ts"));
  expect((await plan(directory)).code).toBe(0);
  await rm(directory.at("p.ts"));
  await symlink("two.ts", directory.at("p.ts"));
  expect((await plan(directory)).stderr).toContain("./two.ts is sha256:");
});
