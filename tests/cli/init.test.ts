import { describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BUILT_IN } from "../../src/cli/plugins.ts";
import { run, TestDirectory } from "../harness.ts";
import { onTerminal } from "../pty.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const text = (directory: TestDirectory) => readFile(directory.at("images.toml"), "utf8");

describe("init for each plugin: the file is valid without a warning, laid out as fmt does, and has an image", () => {
  for (const plugin of Object.keys(BUILT_IN))
    test(plugin, async () => {
      await using directory = await TestDirectory.make();
      expect(await run(directory, ["init", "--plugin", plugin])).toMatchObject({
        code: 0,
        stderr: "wrote images.toml; next: images plan\n",
      });
      expect(await text(directory)).toStartWith("#:schema ./images.schema.json\n");
      const said = await run(directory, ["validate"]);
      expect([said.code, said.stderr]).toEqual([0, ""]);
      expect(said.stdout).toContain("1 image on 1 backend");
      expect((await run(directory, ["fmt", "--check"])).code).toBe(0);
    });
});

test("what init writes can be planned and applied", async () => {
  await using directory = await TestDirectory.make({ "debian.img": "bytes of an image" });
  await run(directory, ["init", "--set", "path=./mirror"]);
  // Without a network the source is a file of this directory.
  const written = await text(directory);
  expect(written).toContain('path = "./mirror"');
  await directory.write("images.toml", written.replace(/^source = .*$/m, 'source = "./debian.img"'));
  expect((await run(directory, ["plan"])).stdout).toContain("Plan: 1 to add");
  expect((await run(directory, ["apply", "--yes"])).code).toBe(0);
  expect((await run(directory, ["plan", "--detailed-exitcode"])).code).toBe(0);
});

test("the cloud, the name and the state are what the options say", async () => {
  await using directory = await TestDirectory.make();
  const words = ["--plugin", "openstack", "--cloud", "my cloud", "--name", "site-images", "--state", "prod.json"];
  expect((await run(directory, ["init", ...words, "--no-schema"])).code).toBe(0);
  expect(await text(directory)).not.toContain("#:schema");
  expect(await readdir(directory.path)).toEqual(["images.toml"]);
  for (const line of ['cloud = "my cloud"', 'name = "site-images"', 'state = "prod.json"'])
    expect(await text(directory)).toContain(`\n${line}`);
});

test("a setting that is given takes the place of the usual one; a secret is a reference, and is not shown", async () => {
  await using directory = await TestDirectory.make();
  const words = ["init", "--plugin", "outscale", "--no-schema", "--set"];
  const refused = await run(directory, [...words, "secret_key=hunter2secret"]);
  expect([refused.code, refused.stderr.includes("env:NAME"), refused.stderr.includes("hunter2")]).toEqual([
    1,
    true,
    false,
  ]);
  expect(await readdir(directory.path)).toEqual([]);
  expect((await run(directory, [...words, "secret_key=env:MINE"])).code).toBe(0);
  expect((await text(directory)).match(/^secret_key.*$/gm)).toEqual(['secret_key = "env:MINE"']);
});

describe("a wrong option writes nothing", () => {
  const cases: readonly (readonly [words: readonly string[], code: number, said: string])[] = [
    [["--plugin", "openstak"], 1, "did you mean openstack?"],
    [["--plugin", "local", "--cloud", "x"], 64, 'the plugin local has no setting "cloud"'],
    [["--set", "path"], 64, "expected SETTING=VALUE"],
    [["--plugin", "outscale", "--set", "region=EU West"], 1, 'like "eu-west-2"'],
    [["--name", "not a name!"], 1, "expected 1 to 63 letters"],
  ];
  for (const [words, code, message] of cases)
    test(words.join(" "), async () => {
      await using directory = await TestDirectory.make();
      const said = await run(directory, ["init", ...words]);
      expect(said.stderr).toContain(message);
      expect(said.code).toBe(code);
      expect(await readdir(directory.path)).toEqual([]);
    });
});

test("a directory that does not exist is named as what it is", async () => {
  await using directory = await TestDirectory.make();
  const said = await run(directory, ["init", "-f", "missing/images.toml"]);
  expect([said.code, said.stderr.includes("already exists")]).toEqual([1, false]);
  expect(said.stderr).toContain("missing");
});

test("a file that is there stays as it is", async () => {
  await using directory = await TestDirectory.make({ "images.toml": "# mine\n" });
  const said = await run(directory, ["init"]);
  expect([said.code, said.stderr.includes("already exists")]).toEqual([1, true]);
  expect(await text(directory)).toBe("# mine\n");
});

test("on a terminal it asks for what no option says; an empty answer takes the default", async () => {
  await using directory = await TestDirectory.make();
  const env = { HOME: directory.path, NO_COLOR: "1" };
  await using program = onTerminal([process.execPath, MAIN, "init", "--no-schema"], { cwd: directory.path, env });
  await program.says("Plugin of the backend");
  program.types("openstack\r");
  await program.says("Cloud in clouds.yaml");
  program.types("prod\r");
  expect(await program.exited).toBe(0);
  expect(await text(directory)).toContain('[backend.cloud]\nplugin = "openstack"\ncloud = "prod"\n');

  await using second = onTerminal([process.execPath, MAIN, "init", "--no-schema", "-f", "b.toml"], {
    cwd: directory.path,
    env,
  });
  await second.says("[local]: ");
  second.types("\r");
  await second.says("[./store]: ");
  second.types("\r");
  expect(await second.exited).toBe(0);
  expect(await readFile(directory.at("b.toml"), "utf8")).toContain(
    '[backend.store]\nplugin = "local"\npath = "./store"\n',
  );
});
