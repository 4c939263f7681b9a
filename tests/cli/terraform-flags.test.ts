// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { contents } from "../core/store/help.ts";
import { ROWS, TERRAFORM } from "./terraform/rows.ts";
import { World } from "./world.ts";

setDefaultTimeout(300_000);

const VARS = '[vars]\nfrom = "b.img"\n';
const ONE = '[image.a]\nsource = "./a.img"\n';
const TWO = `${ONE}[image.b]\nsource = "./\${var.from}"\n`;

/** A world with one image in place and another one to create. */
async function begun(): Promise<World> {
  const world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  await world.declare(TWO, VARS);
  await world.directory.write("pulled.json", (await world.ends(0, "state", "pull")).stdout);
  await world.directory.write("vars.toml", 'from = "gone.img"\n');
  await mkdir(world.directory.at("sub"));
  return world;
}

/** What is refused, and what only shows, changes nothing: those rows have one world. */
const untouched = begun();
const before = untouched.then(({ directory }) => contents(directory.path));
afterAll(async () => await (await untouched)[Symbol.asyncDispose]());
const CHANGES = /^(?:apply|destroy|init|fmt|refresh|import|state (?:mv|push|rm)|plan -out=\S+)(?: |$)/;

for (const [command, option, line, code, said] of ROWS) {
  test(`terraform ${command} ${option}: images ${line}`, async () => {
    await before;
    await using own = code !== 64 && CHANGES.test(line) ? await begun() : undefined;
    const world = own ?? (await untouched);
    const answer = await world.ends(code, ...line.split(" "));
    expect(answer.stdout + answer.stderr).toContain(said);
    expect(answer.stdout + answer.stderr).not.toContain("\u001b");
    if (code !== 64) return;
    expect(answer.stderr).toStartWith("error: ");
    expect(answer.stdout.split("\n").every((one) => one === "" || one.startsWith("{"))).toBe(true);
  });
}

test("none of those changed their world", async () => {
  const { directory } = await untouched;
  expect(await contents(directory.path)).toEqual(await before);
});

test("an option that is accepted does what it says", async () => {
  await using world = await begun();
  expect((await world.ends(0, "state", "list", "-id=none")).stdout).toBe("");
  const { id = "" } = (await world.state()).images["store/a"] ?? {};
  expect((await world.ends(0, "state", "list", `-id=${id}`)).stdout).toBe("store/a\n");
  const before = await world.state();
  await world.ends(0, "state", "rm", "-dry-run", "store/a");
  await world.ends(0, "state", "mv", "-dry-run", "store/a", "store/c");
  expect(await world.state()).toEqual(before);
  const text = await Bun.file(world.directory.at("images.toml")).text();
  expect((await world.ends(0, "fmt", "-list=false", "-write=false")).stdout).toBe("");
  expect(await Bun.file(world.directory.at("images.toml")).text()).toBe(text);
  expect((await world.ends(0, "fmt", "-list=false")).stdout).toBe("");
  expect(await Bun.file(world.directory.at("images.toml")).text()).not.toBe(text);
});

const terraform = Bun.which("terraform");
const isThatVersion =
  terraform !== null && Bun.spawnSync([terraform, "version"]).stdout.toString().includes(`v${TERRAFORM}`);

// Only that terraform can be asked for its own list.
test.skipIf(terraform === null || !isThatVersion)(
  `the rows are those of terraform ${TERRAFORM} itself`,
  () => {
    const listed = ["", ...new Set(ROWS.map(([command]) => command))].filter((one, at, all) => all.indexOf(one) === at);
    const found = listed.flatMap((command) => helpOf(terraform ?? "", command));
    const mine = (rows: readonly (readonly [string, string])[]) => rows.map((row) => row.join(" ").trim()).sort();
    expect(mine(found)).toEqual(mine(ROWS.map(([command, option]) => [command, option] as const)));
  },
  300_000,
);

/** The subcommands and options that terraform's help of a command lists. */
function helpOf(program: string, command: string): readonly (readonly [string, string])[] {
  const said = Bun.spawnSync([program, ...command.split(" ").filter((word) => word !== ""), "-help"], {
    env: { ...process.env, CHECKPOINT_DISABLE: "1", GOGC: "off" },
  });
  const lines = `${said.stdout}${said.stderr}`.split("\n");
  const isGroup = lines.some((line) => /<subcommand>|^Subcommands:/.test(line));
  return lines.flatMap((line): readonly (readonly [string, string])[] => {
    const legacy = /^ +-state, (?:-)?state-out, and -backup are/.test(line);
    if (legacy) return ["-state", "-state-out", "-backup"].map((option) => [command, option] as const);
    const option = /^ {1,4}(-[a-z][^ \t,]*(?: 'foo=bar')?)|^ +aliases: (-\S+)/.exec(line);
    if (option !== null) return [[command, option[1] ?? option[2] ?? ""]];
    const sub = isGroup ? /^ {2,4}([a-z][a-z-]*) {2,}[A-Z]/.exec(line)?.[1] : undefined;
    return sub === undefined ? [] : [[`${command} ${sub}`.trim(), ""]];
  });
}
