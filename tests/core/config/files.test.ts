// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { readConfig } from "../../../src/core/config/load.ts";
import { asFailure } from "../../../src/core/failure.ts";
import { lookup } from "./plugins.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "images-config-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function read(files: Readonly<Record<string, string | Uint8Array>>, varFiles: readonly string[] = []) {
  await rm(directory, { recursive: true });
  await mkdir(join(directory, "more"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const file = join(directory, "images.toml");
  return await readConfig({ file, varFiles: varFiles.map((name) => join(directory, name)), env: {}, lookup });
}
const told = async (...args: Parameters<typeof read>): Promise<string[]> => {
  const failure = await read(...args).then(() => asFailure("read"), asFailure);
  const problems = failure.problems.length > 0 ? failure.problems : [failure];
  return problems.map(({ at, code, message }) =>
    `${at === undefined ? "-" : `${relative(directory, at.file)}:${at.line}:${at.column}`} ${code} ${message}`.replaceAll(
      directory,
      "DIR",
    ),
  );
};

test("included files are one configuration; paths in them start in the directory of images.toml", async () => {
  const { config } = await read(
    {
      "images.toml": 'include = ["more/b.toml", "c.toml"]\n[backend.st]\nplugin = "store"\npath = "x"\n[vars]\nv = "1"',
      "more/b.toml": 'include = ["d.toml"]\n[image.b]\nsource = "./b-${var.v}"\n[[removed]]\naddress = "st/x"',
      "more/d.toml": '[image.d]\nsource = "./d-${var.w}"\n[vars]\nw = "2"\n[settings]\nname = "n"',
      "c.toml": '[[removed]]\naddress = "st/y"\n[settings]\nparallelism = 3',
      "v.toml": 'w = "3"',
    },
    ["v.toml"],
  );
  expect<unknown>(
    config.resources.map(({ address, source, at }) => [
      address,
      source?.kind === "file" && relative(directory, source.path),
      relative(directory, at.file),
    ]),
  ).toEqual([
    ["st/b", "b-1", "more/b.toml"],
    ["st/d", "d-3", "more/d.toml"],
  ]);
  expect(config.removed.map(({ address }) => String(address))).toEqual(["st/x", "st/y"]);
  expect([config.settings.name, config.settings.parallelism, config.directory]).toEqual(["n", 3, directory]);
});

test("what two files define is told, file after file", async () => {
  expect(
    await told({
      "images.toml":
        'include = ["b.toml", "c.toml", "nope.toml", "b.toml", 5]\n[backend.st]\nplugin = "store"\npath = 5',
      "b.toml": "[settings]\nparallelism = 0\n[backend.st]\nplugin = 1\n[policy]\nrequire = []",
      "c.toml": "settings = 1\n[policy]\nrequire = []",
    }),
  ).toEqual([
    "images.toml:1:32 config.missing there is no DIR/nope.toml",
    "images.toml:1:45 config.include DIR/b.toml is included more than once",
    'images.toml:1:55 config.include include is a list of files: include = ["more.toml"]',
    "images.toml:4:8 config.value expected a string, got a number",
    "b.toml:1:1 config.name [settings] name is required: it is written into the ownership markers of all images",
    "b.toml:2:15 config.value expected 1 to 256",
    "b.toml:3:10 config.duplicate backend.st is defined more than once",
    "c.toml:1:1 config.duplicate settings is defined more than once",
    "c.toml:3:1 config.duplicate policy.require is defined more than once",
  ]);
});

test("files that cannot be read", async () => {
  expect(await told({})).toEqual(["- config.missing there is no DIR/images.toml"]);
  const missing = await read({}).catch(asFailure);
  expect(missing).toMatchObject({ hint: "create one with: images init; or choose a file with -f" });
  expect(await told({ "images.toml": Buffer.from("a = 1\nü = \xff", "latin1") })).toEqual([
    "images.toml:2:1 config.encoding invalid UTF-8",
  ]);
  expect(await told({ "images.toml": "" }, ["none.toml", "more"])).toEqual([
    "- config.missing there is no DIR/none.toml",
    "- config.unreadable DIR/more cannot be read: it is a directory",
  ]);
  expect(await told({ "images.toml": "a = \n" }, [])).toEqual(["images.toml:1:5 config.syntax unexpected end of line"]);
});

test("a signal ends the reading with its reason", async () => {
  const file = join(directory, "images.toml");
  const reason = new Error("stopped");
  const reading = readConfig({ file, env: {}, lookup, signal: AbortSignal.abort(reason) });
  expect(await reading.catch((thrown: unknown) => thrown)).toBe(reason);
});
