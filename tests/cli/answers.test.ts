import { expect, test } from "bun:test";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { World } from "./world.ts";

const BLOCKED = '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./nothere.img"\n';

test("a plan with a blocked address exits 1, also with --detailed-exitcode, and its file says so", async () => {
  await using world = await World.make(BLOCKED);
  await world.ends(1, "plan");
  await world.ends(1, "plan", "--detailed-exitcode", "--out", "plan.json");
  const file = JSON.parse(await readFile(world.directory.at("plan.json"), "utf8"));
  expect([file.errored, file.applyable, file.complete]).toEqual([true, false, false]);
  expect(file.images.blocked).toMatchObject([{ address: "store/b", because: "source" }]);
});

test("a plan with nothing blocked is applyable and not errored", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  await world.ends(2, "plan", "--detailed-exitcode", "--out", "plan.json");
  const file = JSON.parse(await readFile(world.directory.at("plan.json"), "utf8"));
  expect([file.errored, file.applyable, file.complete, file.images.blocked]).toEqual([false, true, true, []]);
});

for (const [part, edit] of [
  ["resource_changes", { resource_changes: [] }],
  ["errored", { errored: true }],
  ["prior_state", { prior_state: {} }],
  ["a field of its own", { note: "looks fine" }],
] as const) {
  test(`a plan file is sealed as a whole: an edit of ${part} is refused`, async () => {
    await using world = await World.make('[image.a]\nsource = "./a.img"\n');
    await world.ends(0, "plan", "--out", "plan.json");
    const file = JSON.parse(await readFile(world.directory.at("plan.json"), "utf8"));
    await writeFile(world.directory.at("plan.json"), JSON.stringify({ ...file, ...edit }));
    expect((await world.ends(1, "apply", "plan.json")).stderr).toContain("the plan file was edited");
    await writeFile(world.directory.at("plan.json"), JSON.stringify(file));
    await world.ends(0, "apply", "plan.json");
  });
}

for (const [what, ...args] of [
  ["a report of an unknown kind", "--report", "pdf=x"],
  ["a page into a missing directory", "--report", "html=gone/x.html"],
  ["a report into a missing directory", "--report", "junit=gone/x.xml"],
  ["a report onto a directory", "--report", "junit=store"],
  ["--json into a missing directory", "--json=gone/x"],
] as const) {
  test(`${what} is refused before anything is done`, async () => {
    await using world = await World.make('[image.a]\nsource = "./a.img"\n');
    await mkdir(world.directory.at("store"));
    const said = await world.ends(64, "apply", "--yes", ...args);
    expect(said.stderr).not.toContain("bug in images");
    expect(await readdir(world.directory.at("store"))).toEqual([]);
  });
}

test("--out into a missing directory is refused before the plan is made", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  const said = await world.ends(64, "plan", "--out", "gone/plan.json");
  expect(said.stderr).toContain("there is no directory");
  expect(said.stdout).toBe("");
});

test("a full disk behind --json=FILE or a report is a plain error after the run", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  for (const option of ["--json=/dev/full", "--report=junit=/dev/full", "--report=html=/dev/full"]) {
    const said = await world.ends(1, "apply", "--yes", option);
    expect(said.stderr).toContain("error: no space left to write /dev/full [cli.output]");
    expect(said.stderr).not.toContain("    at ");
  }
  expect(await world.ids()).toHaveLength(1);
});

test("failures are repeated at the end of an apply, with address and hint", async () => {
  const good = Array.from({ length: 20 }, (_, i) => `[image.g${i}]\nsource = "./a.img"\n`).join("");
  await using world = await World.make(
    `[image.bad]\nsource = { file = "./b.img", checksum = "sha256:${"0".repeat(64)}" }\n${good}`,
  );
  const said = await world.ends(1, "apply", "--yes");
  expect(said.stderr.slice(said.stderr.indexOf("1 image failed:"))).toMatch(
    /^1 image failed:\n {2}error: store\/bad: /,
  );
});
