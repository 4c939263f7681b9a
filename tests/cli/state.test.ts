import { expect, test } from "bun:test";
import { rm, stat } from "node:fs/promises";
import { World } from "./world.ts";

const ONE = '[image.a]\nsource = "./a.img"\n';

test("a lost state is no loss: apply makes nothing twice", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  const before = await world.ids();
  await rm(world.directory.at("images.state.json"));
  const said = await world.ends(0, "apply", "--yes");
  expect(said.stdout).toContain("1 to import");
  expect(await world.ids()).toEqual(before);
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("the state is 0600, its lineage stays, its serial goes up with a change and not without one", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  const first = await world.state();
  expect((await stat(world.directory.at("images.state.json"))).mode & 0o777).toBe(0o600);
  await world.ends(0, "apply", "--yes");
  expect(await world.state()).toEqual(first);
  await world.declare(`${ONE}tags = ["t"]\n`);
  await world.ends(0, "apply", "--yes");
  const second = await world.state();
  expect(second.lineage).toBe(first.lineage);
  expect(second.serial).toBeGreaterThan(first.serial);
});

test("state list, show, mv, rm, pull", async () => {
  await using world = await World.make(`${ONE}[image.b]\nsource = "./b.img"\n`);
  await world.ends(0, "apply", "--yes");
  expect((await world.ends(0, "state", "list")).stdout).toBe("store/a\nstore/b\n");
  expect((await world.ends(0, "state", "show", "store/a")).stdout).toContain("a@");
  expect((await world.ends(1, "state", "show", "store/x")).stderr).toContain("images state list");
  await world.ends(0, "state", "mv", "store/a", "store/c");
  expect((await world.ends(0, "state", "list")).stdout).toBe("store/b\nstore/c\n");
  await world.ends(0, "state", "rm", "store/b");
  const pulled = JSON.parse((await world.ends(0, "state", "pull")).stdout);
  expect(Object.keys(pulled.images)).toEqual(["store/c"]);
});

test("[[moved]] renames an address without touching its image, and its mark follows", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  const before = (await world.record("a")).id;
  await world.declare('[image.z]\nname = "a"\nsource = "./a.img"\n[[moved]]\nfrom = "store/a"\nto = "store/z"\n');
  const plan = await world.ends(2, "plan", "--detailed-exitcode");
  expect(plan.stdout).toContain("Plan: 0 to add, 1 to change, 0 to destroy.");
  await world.ends(0, "apply", "--yes");
  expect((await world.record("a")).id).toBe(before);
  expect((await world.record("a"))["mark"]).toMatchObject({ owner: "store/z" });
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("[[removed]] lets go of an image, or destroys it", async () => {
  await using world = await World.make(`${ONE}[image.b]\nsource = "./b.img"\n`);
  await world.ends(0, "apply", "--yes");
  await world.declare('[[removed]]\naddress = "store/a"\n[[removed]]\naddress = "store/b"\ndestroy = true\n');
  await world.ends(0, "apply", "--yes");
  expect((await world.ids()).map((name) => name.split("@")[0])).toEqual(["a"]);
  expect((await world.state()).images).toEqual({});
});

test("images import and [[import]] take over an image that is there", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  const { id } = await world.record("a");
  await world.ends(0, "state", "rm", "store/a");
  await world.ends(0, "import", "store/a", id);
  await world.ends(0, "plan", "--detailed-exitcode");
  expect((await world.ends(1, "import", "store/a", id)).stderr).toContain("is already in the state");
  await world.ends(0, "state", "rm", "store/a");
  await world.declare(`${ONE}[[import]]\nto = "store/a"\nid = "${id}"\n`);
  expect((await world.ends(0, "plan")).stdout).toContain("1 to import");
  await world.ends(0, "apply", "--yes");
  await world.ends(0, "plan", "--detailed-exitcode");
  expect((await world.ids()).length).toBe(1);
});

test("an import of what does not exist, or not declared, is told", async () => {
  await using world = await World.make(ONE);
  expect((await world.ends(1, "import", "store/a", "nope")).stderr).toContain("images info store");
  expect((await world.ends(1, "import", "store/aa", "nope")).stderr).toContain("did you mean store/a?");
});

test("a foreign image of the same name blocks the plan with its remedy, and --adopt takes it over", async () => {
  await using world = await World.make(ONE, '[settings]\nname = "others"\n');
  await world.ends(0, "apply", "--yes");
  await rm(world.directory.at("images.state.json"));
  await world.declare(ONE);
  const plan = await world.ends(1, "plan");
  expect(plan.stdout).toContain("--adopt");
  await world.ends(1, "plan", "--detailed-exitcode");
  await world.ends(1, "apply", "--yes");
  await world.ends(0, "apply", "--yes", "--adopt");
  expect((await world.record("a"))["mark"]).toMatchObject({ file: "images" });
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("what runs did is remembered", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  const runs = JSON.parse((await world.ends(0, "log", "--json")).stdout);
  expect(runs).toMatchObject([{ operation: "apply", status: "succeeded" }]);
  expect((await world.ends(0, "log", runs[0].id)).stdout).toContain("store/a");
  expect((await world.ends(1, "log", "nope")).stderr).toContain("images log");
});
