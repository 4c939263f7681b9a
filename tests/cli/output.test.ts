import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, stat } from "node:fs/promises";
import { type ProgramResult, TestDirectory } from "../harness.ts";
import { World } from "./world.ts";

setDefaultTimeout(300_000);

const ONE = '[image.a]\nsource = "./a.img"\n';

/** Every option and argument that names a file to write, with what else the command line has. */
const WRITES: readonly (readonly [name: string, line: (path: string) => readonly string[]])[] = [
  ["plan --out", (path) => ["plan", "--out", path]],
  ["plan --json", (path) => ["plan", `--json=${path}`]],
  ["apply --json", (path) => ["apply", "--yes", `--json=${path}`]],
  ["destroy --json", (path) => ["destroy", "--yes", `--json=${path}`]],
  ...["markdown", "gitlab", "junit", "github", "html"].flatMap((kind) => [
    [`plan --report ${kind}`, (path: string) => ["plan", "--report", `${kind}=${path}`]] as const,
    [`apply --report ${kind}`, (path: string) => ["apply", "--yes", "--report", `${kind}=${path}`]] as const,
  ]),
  ["export --out", (path) => ["export", "store/a", "--out", path]],
];

/** A device of its own on which no byte has room. Never the machine's: what replaces a device by a file must not find that. */
let devices: TestDirectory;
let canMake = false;
beforeAll(async () => {
  devices = await TestDirectory.make();
  const made = Bun.spawnSync(["mknod", "-m", "666", devices.at("full"), "c", "1", "7"]);
  canMake = made.exitCode === 0;
});
afterAll(async () => await devices[Symbol.asyncDispose]());

function plainly(said: ProgramResult): void {
  expect(said.stderr).not.toMatch(/^\s+at |bug in images|run\.bug/m);
  expect(said.stderr).toMatch(/^error: /m);
}

for (const [name, line] of WRITES) {
  describe(`images ${name}`, () => {
    const failing = async (path: (world: World) => string, code: number, why: RegExp) => {
      await using world = await World.make(ONE);
      if (name.startsWith("export") || name.startsWith("destroy")) await world.ends(0, "apply", "--yes");
      const before = await images(world);
      const said = await world.run(line(path(world)));
      expect([said.code, said.stderr]).toEqual([code, expect.stringMatching(why)]);
      plainly(said);
      return { changed: (await images(world)) !== before };
    };
    test("into a directory that is not there: refused before anything is done", async () => {
      const { changed } = await failing((world) => world.directory.at("gone", "x"), 64, /there is no directory/);
      expect(changed).toBe(false);
    });
    test("a directory: refused before anything is done", async () => {
      const { changed } = await failing((world) => world.directory.path, 64, /it is a directory/);
      expect(changed).toBe(false);
    });
    test("a full disk is a plain error, exit 1, and a device stays one", async () => {
      // Only root makes devices.
      if (!canMake) return;
      await failing(() => devices.at("full"), 1, /no space left/);
      expect((await stat(devices.at("full"))).isCharacterDevice()).toBe(true);
      expect(await readdir(devices.path)).toEqual(["full"]);
    });
  });
}

test("a pipe gets what is written, and stays one", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  for (const line of [
    ["plan", "--out"],
    ["export", "store/a", "--out"],
  ]) {
    const pipe = world.directory.at(`${line[0]}.pipe`);
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    const reader = Bun.spawn(["cat", pipe], { stdout: "pipe" });
    const [said, text] = await Promise.all([world.run([...line, pipe]), new Response(reader.stdout).text()]);
    expect([said.code, text.length > 10]).toEqual([0, true]);
    expect((await stat(pipe)).isFIFO()).toBe(true);
  }
});

test("a link is followed: the file behind it is replaced, and it stays a link", async () => {
  await using world = await World.make(ONE);
  await mkdir(world.directory.at("out"));
  await world.directory.write("out/plan.json", "former");
  Bun.spawnSync(["ln", "-s", "out/plan.json", world.directory.at("plan.json")]);
  await world.ends(0, "plan", "--out", "plan.json");
  expect(await Bun.file(world.directory.at("out/plan.json")).text()).toContain("format_version");
  expect(Bun.spawnSync(["test", "-L", world.directory.at("plan.json")]).exitCode).toBe(0);
});

async function images(world: World): Promise<string> {
  return (await readdir(world.directory.at("store", "images")).catch(() => [])).join();
}
