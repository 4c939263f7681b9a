import { describe, expect, test } from "bun:test";
import { commandsOf } from "../../src/cli/commands.ts";
import { program } from "../../src/cli/main.ts";
import { run, TestDirectory } from "../harness.ts";
import { World } from "./world.ts";

const commands = await commandsOf();
const cli = await program().load();

describe("help of a command", () => {
  const definitions = cli.definitions();
  for (const { path } of definitions.filter((one) => !/ (-|__)/.test(one.path)))
    test(`${path}: usage first, every option with its value, on stdout, and the same three ways`, async () => {
      await using directory = await TestDirectory.make();
      const words = path.split(" ").slice(1);
      const said = await run(directory, [...words, "--help"]);
      expect([said.code, said.stderr]).toEqual([0, ""]);
      expect(said.stdout).toStartWith(`usage: ${path}`);
      expect(said.stdout).not.toMatch(/#0|\$0/);
      expect(
        Math.max(
          ...said.stdout
            .split("\n")
            .filter((line) => !line.startsWith("  images"))
            .map((line) => line.length),
        ),
      ).toBeLessThanOrEqual(100);
      expect((await run(directory, [...words, "-h"])).stdout).toBe(said.stdout);
      expect((await run(directory, ["help", ...words])).stdout).toBe(said.stdout);
    });

  test("a word that only has subcommands lists them", async () => {
    await using directory = await TestDirectory.make();
    const said = await run(directory, ["help", "state"]);
    expect(said.stdout).toStartWith("usage: images state COMMAND");
    for (const one of ["state list", "state mv", "state rm"]) expect(said.stdout).toContain(`  ${one} `);
  });

  test("descriptions begin with a verb and a capital, and end without a full stop", () => {
    const texts = commands.flatMap(({ usage }) => (usage?.description === undefined ? [] : [usage.description]));
    expect(texts.filter((text) => !/^[A-Z][a-z]+,? .*[^.]$/.test(text))).toEqual([]);
  });
});

test("--quiet leaves results, warnings and errors, and takes progress and notes away", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  for (const flag of ["--quiet", "-q"]) {
    const plan = await world.ends(0, "plan", flag);
    expect([plan.stderr, plan.stdout]).toEqual(["", expect.stringContaining("1 to add")]);
  }
  const applied = await world.ends(0, "apply", "--yes", "-q");
  expect(applied.stderr).toBe("");
  expect(await world.ids()).toHaveLength(1);
  await world.declare('[image.b]\nsource = "./none.img"\n');
  const failed = await world.run(["plan", "-q"]);
  expect([failed.code, failed.stdout + failed.stderr]).toEqual([1, expect.stringContaining("none.img")]);
});

test("graph draws sources, images and backends; no secret of a URL is in it, and no text breaks out", async () => {
  await using world = await World.make(
    '[image.a]\nsource = "./a.img"\n[image.b]\nsource = { image = "store/a" }\n[image.c]\nsource = { url = "https://x.example/\\"]c.img?token=t" }\n',
  );
  const mermaid = (await world.ends(0, "graph")).stdout;
  expect(mermaid.split("\n").slice(0, 2)).toEqual(["graph LR", '  i1["store/a"]']);
  for (const line of ["  s2 --> i1", "  i1 --> b3", "  i1 --> i4"]) expect(mermaid).toContain(`${line}\n`);
  expect(mermaid).not.toMatch(/token|"\]c/);
  const dot = (await world.ends(0, "graph", "--format", "dot")).stdout;
  expect(dot).toStartWith("digraph images {");
  const graphviz = Bun.which("dot");
  if (graphviz !== null) expect(Bun.spawnSync([graphviz, "-Tsvg"], { stdin: Buffer.from(dot) }).exitCode).toBe(0);
  expect((await world.run(["graph", "--format", "svg"])).code).toBe(64);
});

test("show --matrix has images down and backends across, with what is still to do", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  expect((await world.ends(0, "show", "--matrix")).stdout).toMatch(/^IMAGE +store\na +to create\n$/);
  await world.ends(0, "apply", "--yes");
  await world.declare('[image.b]\nsource = "./b.img"\n[image.c]\nsource = "./b.img"\nenabled = false\n');
  expect((await world.ends(0, "show", "--matrix")).stdout.split("\n").map((line) => line.replace(/ +/, " "))).toEqual([
    "IMAGE store",
    "a to destroy",
    "b to create",
    "c disabled",
    "",
  ]);
  expect((await world.run(["show", "--matrix", "--json"])).code).toBe(64);
});
