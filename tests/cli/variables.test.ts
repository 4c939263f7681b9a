// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import { hostname, userInfo } from "node:os";
import { World } from "./world.ts";

const WITH = '[image.a]\nsource = "./${var.from}"\n';
const DECLARED = '[vars]\nfrom = "nothere.img"\n';

for (const [what, before] of [
  ["declared", DECLARED],
  ["not declared", ""],
] as const) {
  test(`IMAGES_VAR_x sets a variable that is ${what}; TF_VAR_x too, with a note`, async () => {
    await using world = await World.make(WITH, before);
    const ours = await world.run(["plan"], { env: { IMAGES_VAR_from: "a.img", TF_VAR_from: "nothere.img" } });
    expect([ours.code, ours.stderr.includes("TF_VAR_from")]).toEqual([0, false]);
    const theirs = await world.run(["plan"], { env: { TF_VAR_from: "a.img" } });
    expect(theirs.code).toBe(0);
    expect(theirs.stderr).toContain("variable from is set by TF_VAR_from");
  });
}

test("--var and a var file win over the environment", async () => {
  await using world = await World.make(WITH, DECLARED);
  await world.directory.write("v.toml", 'from = "a.img"\n');
  const env = { IMAGES_VAR_from: "nothere.img" };
  expect((await world.run(["plan", "--var", "from=a.img"], { env })).code).toBe(0);
  expect((await world.run(["plan", "--var-file", "v.toml"], { env })).code).toBe(0);
  expect((await world.run(["plan"], { env })).code).toBe(1);
});

test("a variable of the environment that does not fit is told with its name", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n', "[vars]\ncount = 1\n");
  const said = await world.run(["plan"], { env: { IMAGES_VAR_count: "many" } });
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("IMAGES_VAR_count: expected");
});

test("a plan while somebody holds the lock says who, since when, and that it may be stale; the lock stays", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  const since = "2026-01-02T03:04:05.000Z";
  const holder = { id: "x1", operation: "apply", user: userInfo().username, host: hostname(), pid: process.pid, since };
  await world.directory.write("images.state.json.lock", JSON.stringify(holder));
  const said = await world.ends(0, "plan");
  expect(said.stderr).toContain("warning: the state is locked by");
  expect(said.stderr).toContain(`process ${process.pid}, for apply, since ${since}; this plan may be stale`);
  expect(await Bun.file(world.directory.at("images.state.json.lock")).text()).toBe(JSON.stringify(holder));
});
