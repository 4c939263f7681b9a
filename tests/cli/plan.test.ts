import { expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { World } from "./world.ts";

const TWO = '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./b.img"\ntags = ["t"]\n';

test("plan changes nothing and says what would be done; 2 with --detailed-exitcode", async () => {
  await using world = await World.make(TWO);
  const said = await world.ends(2, "plan", "--detailed-exitcode");
  expect(said.stdout).toContain("Plan: 2 to add, 0 to change, 0 to destroy.");
  expect(said.stdout).toContain("2 uploads, 2.1 KiB through this host");
  expect(await Bun.file(world.directory.at("images.state.json")).exists()).toBe(false);
  expect(await Bun.file(world.directory.at("store")).exists()).toBe(false);
});

test("--target, --exclude and --replace choose; one that fits nothing is told with the nearest", async () => {
  await using world = await World.make(TWO);
  expect((await world.ends(0, "plan", "--target", "store/a")).stdout).toContain("Plan: 1 to add");
  expect((await world.ends(0, "plan", "--target", "b")).stdout).toContain("store/b");
  expect((await world.ends(0, "plan", "--exclude", "store/*")).stdout).toContain("No changes.");
  const wrong = await world.ends(1, "plan", "--target", "store/aa");
  expect(wrong.stderr).toContain("did you mean store/a?");
  await world.ends(0, "apply", "--yes");
  const replaced = await world.ends(0, "plan", "--replace", "store/a");
  expect(replaced.stdout).toContain("Plan: 1 to add, 0 to change, 1 to destroy.");
  expect(replaced.stdout).toContain("asked for");
});

test("drift is told apart from a change of the file, and --refresh-only only takes it into the state", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "apply", "--yes");
  const record = await world.record("b");
  await writeFile(
    world.directory.at("store", "images", `${record.id}.json`),
    JSON.stringify({ ...record, attributes: { ...record.attributes, tags: ["other"] } }),
  );
  const plan = await world.ends(2, "plan", "--detailed-exitcode");
  expect(plan.stdout).toContain("Changed outside of images.toml");
  expect(plan.stdout).toContain("Plan: 0 to add, 1 to change, 0 to destroy.");
  const refresh = await world.ends(2, "plan", "--refresh-only", "--detailed-exitcode");
  expect(refresh.stdout).not.toContain("Plan: 0 to add, 1 to change");
  await world.ends(0, "apply", "--refresh-only", "--yes");
  expect((await world.record("b")).attributes["tags"]).toEqual(["other"]);
  const after = await world.ends(2, "plan", "--detailed-exitcode", "--out", "p.json");
  expect(after.stdout).not.toContain("Changed outside of images.toml");
  expect(JSON.parse(await readFile(world.directory.at("p.json"), "utf8")).resource_drift).toEqual([]);
});

test("--no-refresh trusts the state", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "apply", "--yes");
  const { id } = await world.record("a");
  const { rm } = await import("node:fs/promises");
  await rm(world.directory.at("store", "images", `${id}.json`));
  expect((await world.ends(0, "plan", "--no-refresh")).stdout).toContain("No changes.");
  expect((await world.ends(0, "plan")).stdout).toContain("Plan: 1 to add");
  await world.ends(64, "plan", "--no-refresh", "--refresh-only");
});

test("--destroy plans to take everything away", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "apply", "--yes");
  expect((await world.ends(0, "plan", "--destroy")).stdout).toContain("Plan: 0 to add, 0 to change, 2 to destroy.");
});

test("a changed byte is a change, a touched file is none", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "apply", "--yes");
  await world.directory.write("a.img", "bytes of a\n".repeat(100));
  await world.ends(0, "plan", "--detailed-exitcode");
  await world.directory.write("a.img", "bytes of x\n".repeat(100));
  const plan = await world.ends(2, "plan", "--detailed-exitcode");
  expect(plan.stdout).toMatch(/content\s+= sha256:[0-9a-f]+… -> sha256:[0-9a-f]+…/);
});

test("an attribute that is already so comes into the state's memory, so that its line can be taken out again", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  await world.ends(0, "apply", "--yes");
  const record = await world.record("a");
  await writeFile(
    world.directory.at("store", "images", `${record.id}.json`),
    JSON.stringify({ ...record, attributes: { ...record.attributes, tags: ["x"] } }),
  );
  await world.declare('[image.a]\nsource = "./a.img"\ntags = ["x"]\n');
  await world.ends(0, "apply", "--yes", "--detailed-exitcode");
  await world.declare('[image.a]\nsource = "./a.img"\n');
  expect((await world.ends(2, "plan", "--detailed-exitcode")).stdout).toContain("tags");
  await world.ends(0, "apply", "--yes");
  expect((await world.record("a")).attributes["tags"]).toBeUndefined();
});

const stale: readonly [what: string, move: (world: World) => Promise<void>, said: string][] = [
  [
    "the state",
    async (world) => void (await world.ends(0, "apply", "--yes", "--target", "store/b")),
    "the state has changed",
  ],
  ["the file", (world) => world.declare(`${TWO}description = "other"\n`), "images.toml"],
  ["the source bytes", (world) => world.directory.write("a.img", "others\n"), "store/a: the source bytes have changed"],
];
for (const [what, move, text] of stale) {
  test(`a saved plan is refused when ${what} moved, and says so`, async () => {
    await using world = await World.make(TWO);
    await world.ends(0, "plan", "--out", "plan.json");
    await move(world);
    const said = await world.ends(1, "apply", "plan.json");
    expect(said.stderr).toContain(text);
    expect(said.stderr).toContain("plan again");
  });
}

test("a saved plan is refused when the image moved, and says which", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "apply", "--yes");
  await world.directory.write("a.img", "others\n");
  await world.ends(0, "plan", "--out", "plan.json");
  const record = await world.record("a");
  await writeFile(
    world.directory.at("store", "images", `${record.id}.json`),
    JSON.stringify({ ...record, attributes: { ...record.attributes, description: "x" } }),
  );
  expect((await world.ends(1, "apply", "plan.json")).stderr).toContain(
    "store/a: the image was changed outside of images:",
  );
});

test("a saved plan that still stands is carried out without a question, and only once", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "plan", "--out", "plan.json");
  expect((await world.ends(0, "apply", "plan.json")).stdout).toContain(
    "Apply complete! Resources: 2 added, 0 changed, 0 destroyed.",
  );
  expect((await world.ends(1, "apply", "plan.json")).stderr).toContain("the saved plan is stale");
});

test("--json is NDJSON that begins with one version line; --json=FILE writes it there and people see text", async () => {
  await using world = await World.make(TWO);
  const said = await world.ends(0, "apply", "--yes", "--json");
  const lines = said.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0].type).toBe("version");
  expect(lines.filter(({ type }) => type === "version").length).toBe(1);
  expect(lines.map(({ "@message": message }) => message)).toContain("Plan: 2 to add, 0 to change, 0 to destroy.");
  expect(lines.filter(({ type }) => type === "apply_complete").length).toBe(2);
  const both = await world.ends(0, "plan", "--json=events.ndjson");
  expect(both.stdout).toContain("No changes.");
  expect((await readFile(world.directory.at("events.ndjson"), "utf8")).split("\n")[0]).toContain('"type":"version"');
});

test("a mistake in the file is a diagnostic in the JSON as well", async () => {
  await using world = await World.make("[image.a]\nsourc = 1\n");
  const said = await world.ends(1, "plan", "--json");
  const lines = said.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ type }) => type)).toContain("diagnostic");
  expect(lines.filter(({ type }) => type === "version").length).toBe(1);
  expect(said.stderr).toContain("images.toml:");
});

test("one backend down: the others are planned, the run says so and exits 1", async () => {
  await using world = await World.make(
    TWO,
    '[backend.gone]\nplugin = "local"\npath = "/proc/nowhere/x"\n[image.c]\nbackend = "gone"\nsource = "./a.img"\n',
  );
  const text = await readFile(world.directory.at("images.toml"), "utf8");
  await world.directory.write(
    "images.toml",
    text.replace("[image.a]", '[image.a]\nbackend = "store"').replace("[image.b]", '[image.b]\nbackend = "store"'),
  );
  const said = await world.ends(1, "apply", "--yes");
  expect(said.stdout).toContain("2 added");
  expect(said.stderr).toContain("gone/c");
});

test("reports are written in the kinds that pipelines read", async () => {
  await using world = await World.make(TWO);
  await world.ends(0, "plan", "--report", "gitlab=g.json", "--report", "markdown=m.md", "--report", "junit=j.xml");
  expect(JSON.parse(await readFile(world.directory.at("g.json"), "utf8"))).toEqual({ create: 2, update: 0, delete: 0 });
  expect(await readFile(world.directory.at("m.md"), "utf8")).toContain("Plan: 2 to add");
  expect(await readFile(world.directory.at("j.xml"), "utf8")).toContain("<testsuite");
  expect((await world.ends(64, "plan", "--report", "pdf=x")).stderr).toContain("markdown, gitlab, junit, github, html");
});
