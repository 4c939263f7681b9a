import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import Ajv from "ajv";
import { parse } from "toml";
import { builtIn } from "../../src/cli/plugins.ts";
import { writable } from "../../src/core/model/schema.ts";
import { named, run, TestDirectory } from "../harness.ts";

let directory: TestDirectory;
let text: string;
beforeAll(async () => {
  directory = await TestDirectory.make();
  const said = await run(directory, ["schema"]);
  expect([said.code, said.stderr]).toEqual([0, ""]);
  text = said.stdout;
  await directory.write("images.schema.json", text);
});
afterAll(() => directory[Symbol.asyncDispose]());

const RIGHT = `[settings]
name = "team"
[backend.lin]
plugin = "linode"
token = "env:LINODE_TOKEN"
[backend.osc]
plugin = "outscale"
[image.debian]
backends = ["lin", "osc"]
source = { file = "./a.img", checksum = "sha256:x" }
[image.debian.on.lin]
label = "debian"
region = "us-ord"
timeouts = { create = "20m" }
[image.debian.on.osc]
image_name = "debian"
tags = { os = "debian" }
`;

const mistakes: readonly [what: string, from: string, to: string][] = [
  ["a key of settings that there is not", "name =", "nmae ="],
  ["a key of a backend that there is not", "token =", "tokn ="],
  ["a secret that is written out", '"env:LINODE_TOKEN"', '"0123456789abcdef"'],
  ["a plugin that there is not", '"outscale"', '"outscael"'],
  ["an attribute of another type", 'label = "debian"', "label = true"],
  ["a part of a source that there is not", "checksum =", "chksum ="],
  ["a table that there is not", "[settings]", "[setings]"],
];

test("images schema is a JSON Schema that ajv takes, and tells every attribute of every plugin", async () => {
  const schema = JSON.parse(text);
  const validate = new Ajv({ strict: true, strictTypes: false, allErrors: true }).compile(schema);
  const errors = (toml: string) => (validate(JSON.parse(JSON.stringify(parse(toml)))) ? [] : (validate.errors ?? []));
  expect(errors(RIGHT)).toEqual([]);
  expect(errors(await readFile(resolve("images.toml"), "utf8"))).toEqual([]);
  for (const [what, from, to] of mistakes) expect(errors(RIGHT.replace(from, to)), what).not.toEqual([]);
  const known = Object.keys(schema.properties.image.additionalProperties.properties);
  const wanted = (await builtIn()).flatMap(({ image }) => writable(image).map(([name]) => name));
  expect(wanted.filter((name) => !known.includes(name))).toEqual([]);
});

test("taplo, which editors of TOML use, finds the schema by the file's first line: a right file passes, a mistake is told with its place", async () => {
  const line = "#:schema ./images.schema.json\n";
  const wrong = mistakes.reduce((all, [, from, to]) => all.replace(from, to), RIGHT);
  await directory.write("right.toml", line + RIGHT);
  await directory.write("wrong.toml", line + wrong);
  const cli = resolve("node_modules/@taplo/cli/dist/cli.js");
  // Bun compiles its WebAssembly at half of what Node takes.
  const ran = Bun.spawn([process.execPath, cli, "lint", "right.toml", "wrong.toml"], {
    cwd: directory.path,
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = (await Promise.all([new Response(ran.stdout).text(), new Response(ran.stderr).text()])).join("");
  expect(await ran.exited).not.toBe(0);
  for (const word of ["setings", "chksum", "wrong.toml:"]) expect(said).toContain(word);
  expect(said).not.toContain("right.toml:");
}, 300_000);

test("init --schema writes the schema and the line that names it, and fmt leaves both", async () => {
  await using fresh = await TestDirectory.make();
  expect((await run(fresh, ["init", "--schema"])).code).toBe(0);
  expect(await readFile(fresh.at("images.toml"), "utf8")).toStartWith("#:schema ./images.schema.json\n");
  expect(await readFile(fresh.at("images.schema.json"), "utf8")).toBe(text);
  expect((await run(fresh, ["validate"])).code).toBe(0);
  expect((await run(fresh, ["fmt", "--check"])).code).toBe(0);
});

test("fmt keeps comments, in and behind lines, and what is between the lines", async () => {
  await using fresh = await TestDirectory.make();
  const before = '# first\n[backend.s]   # the store\nplugin="local"\n  # why\npath =  "x" # here\n\n# last\n';
  await fresh.write("images.toml", before);
  expect((await run(fresh, ["fmt"])).stdout).toBe("images.toml\n");
  const after = await readFile(fresh.at("images.toml"), "utf8");
  for (const comment of ["# first", "# the store", "# why", "# here", "# last"]) expect(after).toContain(comment);
  expect(parse(after)).toEqual(parse(named(before)));
  expect((await run(fresh, ["fmt", "--check"])).code).toBe(0);
});
