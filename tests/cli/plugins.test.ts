import { expect, test } from "bun:test";
import { mkdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { loadPlugin, pluginFrom } from "../../src/core/load.ts";
import { readPlugin } from "../../src/core/plugincode.ts";
import { startWebDirectory } from "../emulators/webdav/server.ts";
import { run, TestDirectory } from "../harness.ts";

const example = await readFile(resolve("docs/examples/webdav.ts"), "utf8");
const env = { WEBDAV_TOKEN: "sentinel-token" };
const toml = (url: string) =>
  `[backend.dav]\nplugin = "./webdav.ts"\nurl = "${url}"\ntoken = "env:WEBDAV_TOKEN"\n[image.a]\nsource = "./a.img"\n`;

test("a plugin file is pinned at its first use, refused when it changed, and taken again once it is trusted", async () => {
  await using web = startWebDirectory(env.WEBDAV_TOKEN);
  await using directory = await TestDirectory.make({
    "webdav.ts": example,
    "a.img": "bytes",
    "images.toml": toml(web.url),
  });
  const first = await run(directory, ["apply", "--yes"], { env });
  expect([first.code, first.stderr]).toEqual([0, expect.stringContaining("pinned the plugin ./webdav.ts")]);
  expect(JSON.parse(await readFile(directory.at("images.lock"), "utf8")).plugins["./webdav.ts"]).toMatch(
    /^sha256:[0-9a-f]{64}$/,
  );
  await directory.write("webdav.ts", `${example}\n// changed\n`);
  const refused = await run(directory, ["plan"], { env });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("images plugins trust ./webdav.ts");
  expect((await run(directory, ["plugins", "trust", "./webdav.ts"])).code).toBe(0);
  expect((await run(directory, ["plan", "--detailed-exitcode"], { env })).code).toBe(0);
});

/** A plugin that leaves a file behind as soon as its code runs. */
const spy = (at: string, more = "") =>
  `import { writeFileSync } from "node:fs";\n${more}\nwriteFileSync(${JSON.stringify(at)}, "ran");\n${example}`;

test("code that was not trusted yet does not run for validate, show, log, state and unlock", async () => {
  await using web = startWebDirectory(env.WEBDAV_TOKEN);
  await using directory = await TestDirectory.make({ "a.img": "bytes" });
  await directory.write("webdav.ts", spy(directory.at("ran")));
  const blocks =
    '[[import]]\nto = "dav/a"\nid = "x"\n[[removed]]\nfrom = "dav/old"\n[[moved]]\nfrom = "dav/b"\nto = "dav/a"\n';
  await directory.write("images.toml", `${toml(web.url)}on = { dav = { title = "x" } }\n${blocks}`);
  const commands = [
    ["show"],
    ["log"],
    ["state", "list"],
    ["state", "show", "dav/a"],
    ["state", "mv", "dav/a", "dav/z"],
    ["state", "rm", "dav/a"],
    ["state", "pull"],
    ["unlock", "20261120T151500-1a2b3c"],
  ];
  for (const args of commands) {
    const said = await run(directory, args, { env });
    expect([args, said.stderr]).toEqual([args, expect.not.stringMatching(/plugin|webdav|config\./)]);
  }
  const validated = await run(directory, ["validate"], { env });
  expect([validated.code, validated.stderr]).toEqual([1, expect.stringContaining("images plugins trust ./webdav.ts")]);
  expect(validated.stderr).toContain("images.toml:2:10");
  expect([await Bun.file(directory.at("ran")).exists(), await Bun.file(directory.at("images.lock")).exists()]).toEqual([
    false,
    false,
  ]);
  expect((await run(directory, ["plugins", "trust", "./webdav.ts"])).code).toBe(0);
  expect((await run(directory, ["validate"], { env })).stderr).not.toContain("trust");
  expect(await Bun.file(directory.at("ran")).exists()).toBe(true);
});

const library = "export const title = (text: string): string => text;\nexport type Unused = { a: 1 };\n";
const importing = `import data from "./data.json";\nimport { title, type Unused } from "./lib/title.ts";\nexport const used = (one: Unused) => title(String(one.a + data.a));\n${example}`;

test("what a plugin imports is pinned with it: a changed, an added and a removed import are refused and named", async () => {
  await using web = startWebDirectory(env.WEBDAV_TOKEN);
  await using directory = await TestDirectory.make({ "a.img": "bytes", "images.toml": toml(web.url) });
  await mkdir(directory.at("lib"));
  await directory.write("lib/title.ts", library);
  await directory.write("data.json", '{ "a": 1 }');
  await directory.write("webdav.ts", importing);
  expect((await run(directory, ["apply", "--yes"], { env })).code).toBe(0);
  const { plugins } = JSON.parse(await readFile(directory.at("images.lock"), "utf8"));
  expect(Object.keys(plugins["./webdav.ts"])).toEqual(["./data.json", "./lib/title.ts", "./webdav.ts"]);
  const steps: [string, string, string][] = [
    ["lib/title.ts", `${library}// changed\n`, "./lib/title.ts is sha256:"],
    ["data.json", '{ "a": 2 }', "./data.json is sha256:"],
    ["lib/title.ts", `import "./more.ts";\n${library}`, "imports ./lib/more.ts, which is not pinned"],
    [
      "webdav.ts",
      importing.replace('import data from "./data.json";', "const data = { a: 1 };"),
      "no longer imports ./data.json",
    ],
  ];
  await directory.write("lib/more.ts", "export {};\n");
  for (const [name, text, said] of steps) {
    const before = await readFile(directory.at(name), "utf8");
    await directory.write(name, text);
    const refused = await run(directory, ["plan"], { env });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(said)]);
    expect(refused.stderr).toContain("images plugins trust ./webdav.ts");
    await directory.write(name, before);
  }
  expect((await run(directory, ["plan", "--detailed-exitcode"], { env })).code).toBe(0);
});

test("hash and load are one read: a file that is changed after it was hashed runs as it was hashed", async () => {
  await using directory = await TestDirectory.make({ "lib.ts": 'export const doc = "as it was hashed";\n' });
  await directory.write("p.ts", `import { doc } from "./lib.ts";\n${minimal.replace('"d"', "doc")}`);
  const code = await readPlugin(directory.at("p.ts"));
  await directory.write("lib.ts", 'export const doc = "changed since";\n');
  expect((await pluginFrom(code)).doc).toBe("as it was hashed");
  expect((await loadPlugin(directory.at("p.ts"))).doc).toBe("changed since");
});

test("a macro, which runs while a file is read, is refused, and so is an import that leads nowhere", async () => {
  await using directory = await TestDirectory.make({ "images.toml": '[backend.x]\nplugin = "./p.ts"\n' });
  await directory.write(
    "mac.ts",
    `import { writeFileSync } from "node:fs";\nexport const doc = () => { writeFileSync(${JSON.stringify(directory.at("ran"))}, "x"); return "d"; };`,
  );
  await directory.write(
    "p.ts",
    `import { doc } from "./mac.ts" with { type: "macro" };\n${minimal.replace('"d"', "doc()")}`,
  );
  for (const args of [["validate"], ["plan"], ["plugins", "./p.ts"]]) {
    const said = await run(directory, args);
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("macro")]);
  }
  // However it is spelled; what only looks like one is none.
  for (const attributes of ['{ "type": "macro" }', '{ type: "m\\u0061cro" }', '{ type /* */ : "macro" }']) {
    const dead = 'export const never = () => { if (process.env["NODE_ENV"] !== "development") doc(); };\n';
    await directory.write("p.ts", `import { doc } from "./mac.ts" with ${attributes};\n${dead}${minimal}`);
    const said = await run(directory, ["plan"]);
    expect([attributes, said.code, said.stderr]).toEqual([attributes, 1, expect.stringContaining("imports a macro")]);
  }
  await directory.write("p.ts", `export const shape = { type: "macro" };\n${minimal}`);
  expect((await run(directory, ["plugins", "./p.ts"])).code).toBe(0);
  expect(await Bun.file(directory.at("ran")).exists()).toBe(false);
  await directory.write("p.ts", `import "./nowhere.ts";\n${minimal}`);
  expect((await run(directory, ["plan"])).stderr).toContain('imports "./nowhere.ts", which does not exist');
});

test("two new plugins of one file are both pinned, and a pin holds in another checkout", async () => {
  await using directory = await TestDirectory.make({ "images.toml": "" });
  await mkdir(directory.at("one"));
  const names = ["a", "b", "c", "d"];
  for (const name of names) await directory.write(`${name}.ts`, minimal.replace('"x"', `"${name}"`));
  const backends = names.map((name) => `[backend.${name}]\nplugin = "../${name}.ts"\n`).join("");
  await directory.write("one/images.toml", `${backends}[settings]\nname = "n"\n`);
  const said = await run(directory, ["plan", "-f", "one/images.toml"]);
  expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("pinned the plugin ../a.ts")]);
  const { plugins } = JSON.parse(await readFile(directory.at("one/images.lock"), "utf8"));
  expect(Object.keys(plugins)).toEqual(names.map((name) => `../${name}.ts`));
});

const minimal =
  'export default { api: 1, name: "x", doc: "d", config: {}, image: {}, bytes: () => ({}), open: async () => ({ list: async function* () {}, [Symbol.asyncDispose]: async () => {} }) };';

const broken: readonly [what: string, text: string, said: string][] = [
  ["nothing", "export const x = 1;", "no default export"],
  [
    "another version of the contract",
    'export default { api: 2, name: "x", doc: "d", config: {}, image: {}, bytes: () => ({}), open() {} };',
    "api must be 1",
  ],
  [
    "a schema that is none",
    'export default { api: 1, name: "x", doc: "d", config: { a: 1 }, image: {}, bytes: () => ({}), open() {} };',
    "config must be a table of attributes",
  ],
  [
    "nothing to make an image from",
    'export default { api: 1, name: "x", doc: "d", config: {}, image: {}, open() {} };',
    "bytes, origins",
  ],
  ["a file that does not parse", "export default {", "cannot be loaded"],
];
for (const [what, text, said] of broken) {
  test(`a plugin file that hands over ${what} is told in words for its author`, async () => {
    await using directory = await TestDirectory.make({
      "p.ts": text,
      "images.toml": '[backend.x]\nplugin = "./p.ts"\n',
    });
    const ended = await run(directory, ["plan"]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(said);
    expect(ended.stderr).toContain("images.toml:2:10");
  });
}

test("images plugins lists them, and NAME tells every attribute", async () => {
  await using directory = await TestDirectory.make();
  const all = await run(directory, ["plugins"]);
  expect(all.stdout).toContain("local");
  const one = await run(directory, ["plugins", "local"]);
  for (const word of ["visibility", "aliases", "grace"]) expect(one.stdout).toContain(word);
  expect((await run(directory, ["plugins", "lokal"])).stderr).toContain("did you mean local?");
  // Of a plugin file, what is to be written is its path.
  await directory.write(
    "p.ts",
    minimal.replace("config: {}", 'config: { url: { ...required(string(), "ImageScope.") } }'),
  );
  await directory.write(
    "p.ts",
    `import { required, string } from "images";\n${await Bun.file(directory.at("p.ts")).text()}`,
  );
  expect((await run(directory, ["plugins", "./p.ts"])).stdout).toContain('plugin = "./p.ts"');
});
