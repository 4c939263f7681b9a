import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { startWebFolder } from "../emulators/webdav/server.ts";
import { Folder, run } from "../harness.ts";

const example = await readFile(resolve("docs/examples/webdav.ts"), "utf8");
const env = { WEBDAV_TOKEN: "sentinel-token" };
const toml = (url: string) =>
  `[backend.dav]\nplugin = "./webdav.ts"\nurl = "${url}"\ntoken = "env:WEBDAV_TOKEN"\n[image.a]\nsource = "./a.img"\n`;

test("a plugin file is pinned at its first use, refused when it changed, and taken again once it is trusted", async () => {
  await using web = startWebFolder(env.WEBDAV_TOKEN);
  await using folder = await Folder.make({ "webdav.ts": example, "a.img": "bytes", "images.toml": toml(web.url) });
  const first = await run(folder, ["apply", "--yes"], { env });
  expect([first.code, first.stderr]).toEqual([0, expect.stringContaining("pinned the plugin ./webdav.ts")]);
  expect(JSON.parse(await readFile(folder.at("images.lock"), "utf8")).plugins["./webdav.ts"]).toMatch(
    /^sha256:[0-9a-f]{64}$/,
  );
  await folder.write("webdav.ts", `${example}\n// changed\n`);
  const refused = await run(folder, ["plan"], { env });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("images plugins trust ./webdav.ts");
  expect((await run(folder, ["plugins", "trust", "./webdav.ts"])).code).toBe(0);
  expect((await run(folder, ["plan", "--detailed-exitcode"], { env })).code).toBe(0);
});

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
    await using folder = await Folder.make({ "p.ts": text, "images.toml": '[backend.x]\nplugin = "./p.ts"\n' });
    const ended = await run(folder, ["validate"]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(said);
    expect(ended.stderr).toContain("images.toml:2:10");
  });
}

test("images plugins lists them, and NAME tells every attribute", async () => {
  await using folder = await Folder.make();
  const all = await run(folder, ["plugins"]);
  expect(all.stdout).toContain("local");
  const one = await run(folder, ["plugins", "local"]);
  for (const word of ["visibility", "aliases", "grace"]) expect(one.stdout).toContain(word);
  expect((await run(folder, ["plugins", "lokal"])).stderr).toContain("did you mean local?");
});
