// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import { readdir, readFile, utimes } from "node:fs/promises";
import { run, TestDirectory } from "../harness.ts";

const SHARED = '[image.base]\nbackend = "store"\nsource = "./${var.bytes}.img"\nvisibility = "public"\n';
const environment = (store: string) =>
  `include = ["shared.toml"]\n[settings]\nname = "environments"\n[vars]\nbytes = "a"\n[backend.store]\nplugin = "local"\npath = "./${store}"\ngrace = "0s"\n`;

/** A directory with two environments that have their images in common. */
const twoEnvironments = () =>
  TestDirectory.make({
    "shared.toml": SHARED,
    "images.toml": environment("dev"),
    "prod.toml": `${environment("prod")}[image.more]\nbackend = "store"\nsource = "./b.img"\n`,
    "prod.vars.toml": 'bytes = "b"\n',
    "a.img": "bytes of a",
    "b.img": "other bytes",
  });

async function ends(directory: TestDirectory, code: number, ...args: readonly string[]) {
  const said = await run(directory, args);
  if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
  return said;
}

test("-f names another file, with a state of its own: what one applies is nothing to the other", async () => {
  await using directory = await twoEnvironments();
  await ends(directory, 0, "apply", "--yes");
  await ends(directory, 0, "apply", "--yes", "-f", "prod.toml");
  expect((await readdir(directory.path)).filter((name) => name.endsWith(".state.json")).sort()).toEqual([
    "images.state.json",
    "prod.state.json",
  ]);
  expect((await ends(directory, 0, "state", "list")).stdout).toBe("store/base\n");
  expect((await ends(directory, 0, "state", "list", "-f", "prod.toml")).stdout).toBe("store/base\nstore/more\n");
  await ends(directory, 0, "plan", "--detailed-exitcode");
  await ends(directory, 0, "plan", "--detailed-exitcode", "--file", "prod.toml");
  await ends(directory, 0, "destroy", "--yes", "-f", "prod.toml");
  await ends(directory, 0, "plan", "--detailed-exitcode");
});

test("a change of the included file is a plan of both", async () => {
  await using directory = await twoEnvironments();
  for (const file of ["images.toml", "prod.toml"]) await ends(directory, 0, "apply", "--yes", "-f", file);
  await directory.write("shared.toml", SHARED.replace("public", "private"));
  for (const file of ["images.toml", "prod.toml"])
    expect((await ends(directory, 2, "plan", "--detailed-exitcode", "-f", file)).stdout).toContain("1 to change");
});

test("--var-file goes before [vars], and --var before that", async () => {
  await using directory = await twoEnvironments();
  await ends(directory, 0, "apply", "--yes");
  await ends(directory, 0, "plan", "--detailed-exitcode");
  await ends(directory, 2, "plan", "--detailed-exitcode", "--var-file", "prod.vars.toml");
  await ends(directory, 0, "plan", "--detailed-exitcode", "--var-file", "prod.vars.toml", "--var", "bytes=a");
  await ends(directory, 2, "plan", "--detailed-exitcode", "--var", "bytes=b");
});

test("outdated tells what its source has left behind, also where it is not followed, and says so in the exit code", async () => {
  await using directory = await TestDirectory.make({
    "images.toml": `${environment("dev").replace('include = ["shared.toml"]\n', "")}[image.base]\nbackend = "store"\nsource = { file = "./a.img", follow = false }\n`,
    "a.img": "bytes of a",
  });
  await ends(directory, 0, "apply", "--yes");
  expect((await ends(directory, 0, "outdated", "--exit-code")).stdout).toContain("All images are up to date");
  await directory.write("a.img", "bytes that are new");
  await utimes(directory.at("a.img"), new Date(2030, 1, 1), new Date(2030, 1, 1));
  await ends(directory, 0, "plan", "--detailed-exitcode");
  const said = await ends(directory, 2, "outdated", "--exit-code", "--json");
  expect(JSON.parse(said.stdout)).toEqual([
    { address: "store/base", now: expect.any(String), source: expect.any(String) },
  ]);
  expect((await ends(directory, 0, "outdated")).stdout).toContain("store/base");
});

test("log tells the runs of each environment apart, and one of them by its id", async () => {
  await using directory = await twoEnvironments();
  await ends(directory, 0, "apply", "--yes", "-f", "prod.toml");
  expect(JSON.parse((await ends(directory, 0, "log", "--json")).stdout)).toEqual([]);
  const runs = JSON.parse((await ends(directory, 0, "log", "--json", "-f", "prod.toml")).stdout);
  expect(runs).toMatchObject([{ operation: "apply", status: "succeeded" }]);
  expect((await ends(directory, 0, "log", runs[0].id, "-f", "prod.toml")).stdout).toContain("store/more");
  expect(await readFile(directory.at("prod.state.json"), "utf8")).toContain("store/more");
});
