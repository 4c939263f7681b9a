// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { World } from "./world.ts";

const ONE = '[image.a]\nsource = "./a.img"\n';

/** Wrong command lines, and what is said. */
const WRONG: readonly (readonly [line: string, said: string])[] = [
  ["plna", 'unknown command "plna"; did you mean "plan"?'],
  ["state lst", 'unknown command "state lst"; did you mean "state list"?'],
  ["state", "a subcommand is missing"],
  ["qqqqqqqq", 'unknown command "qqqqqqqq"'],
  ["plan --tarjet=x", 'unknown option "--tarjet"; did you mean "--target"?'],
  ["plan -refesh-only --json", 'unknown option "--refesh-only"; did you mean "--refresh-only"?'],
  ["plan -refresh=maybe", "invalid --refresh=maybe"],
  ["plan x y", 'unexpected argument "x"'],
  ["plan -- x", 'unexpected argument "x"'],
  ["info", "missing argument BACKEND"],
  ["plan --parallelism 0", "--parallelism 0"],
  ["plan --lock-timeout soon", "--lock-timeout soon"],
  ["plan -var a", 'has no "="'],
  ["-chdir=gone plan", "there is no directory"],
  ["plan -lock=false", "the state lock cannot be disabled"],
  ["console", "use: images show"],
  ["get", "there are no modules"],
  ["login", "credentials are references"],
  ["logout", "credentials are references"],
  ["modules", "use: images plugins"],
  ["output -json", "use: images show --json"],
  ["taint store/a", "use: images apply --replace"],
  ["untaint store/a", "use: images plan"],
  ["test", "use: images plan --detailed-exitcode"],
  ["workspace list", "use one state per environment"],
  ["state replace-provider a b", "change `plugin`"],
];
for (const [line, text] of WRONG) {
  test(`images ${line}: exit 64, on stderr, nothing on stdout`, async () => {
    await using world = await World.make(ONE);
    const said = await world.ends(64, ...line.split(" "));
    expect(said.stderr).toStartWith("error: ");
    expect(said.stderr).toContain(text);
    expect(said.stderr.split("\n").length).toBeLessThan(6);
    if (!/-json/.test(line)) expect(said.stdout).toBe("");
  });
}

/** Command lines as terraform has them, their exit code, and what is on stdout. */
const SAME: readonly (readonly [line: string, code: number, said: string])[] = [
  ["plan -target=store/a -no-color -input=false -compact-warnings -lock=true", 0, "Plan: 1 to add"],
  ["plan -detailed-exitcode", 2, "Plan: 1 to add"],
  ["plan -refresh=false", 0, "Plan: 1 to add"],
  ["plan -destroy", 0, "No changes."],
  ["plan -refresh-only", 0, "No changes."],
  ["plan -json", 0, '"type":"version"'],
  ["plan -out=x.json -lock-timeout=1s -parallelism=2", 0, "Plan: 1 to add"],
  ["-chdir=sub plan -f ../images.toml", 0, "Plan: 1 to add"],
  ["apply -auto-approve", 0, "1 added"],
  ["apply -auto-approve=true -refresh=true", 0, "1 added"],
  ["destroy -auto-approve", 0, ""],
  ["apply -destroy -auto-approve", 0, ""],
  ["refresh", 0, ""],
  ["providers", 0, "incus"],
  ["fmt -check", 1, "images.toml"],
  ["version", 0, "images "],
  ["-version", 0, "images "],
  ["--version", 0, "images "],
  ["-v", 0, "images "],
  ["help plan", 0, "images plan"],
  ["plan -help", 0, "images plan"],
  ["help", 0, "usage: images COMMAND"],
  ["-help", 0, "usage: images COMMAND"],
  ["--help", 0, "usage: images COMMAND"],
  ["-h", 0, "usage: images COMMAND"],
];
for (const [line, code, text] of SAME) {
  test(`images ${line} works as terraform's users write it`, async () => {
    await using world = await World.make(ONE);
    await mkdir(world.directory.at("sub"));
    const said = await world.ends(code, ...line.split(" "));
    expect(said.stdout).toContain(text);
    expect(said.stdout).not.toContain("\u001b");
  });
}

test("-input=false and no --yes: refused, not asked", async () => {
  await using world = await World.make(ONE);
  expect((await world.ends(1, "apply", "-input=false")).stderr).toContain("--yes");
});

test("-var a=b and -var=a=b set a variable", async () => {
  await using world = await World.make('[image.a]\nsource = "./${var.from}"\n');
  for (const args of [["-var", "from=a.img"], ["-var=from=a.img"]])
    expect((await world.ends(0, "plan", ...args)).stdout).toContain("Plan: 1 to add");
});

test("force-unlock ID is unlock", async () => {
  await using world = await World.make(ONE);
  expect((await world.ends(1, "force-unlock", "-force", "x")).stderr).toContain("is not locked");
});

test("images --help is one screen", async () => {
  await using world = await World.make(ONE);
  const lines = (await world.ends(0, "--help")).stdout.split("\n");
  expect(lines.length).toBeLessThan(40);
  expect(lines.every((line) => line.length <= 100)).toBe(true);
});
