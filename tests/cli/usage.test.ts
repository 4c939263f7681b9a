import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import type { Definition } from "clipanion";
import { program } from "../../src/cli/main.ts";
import { World } from "./world.ts";

setDefaultTimeout(300_000);

/** A value that no command can use, for every option that checks its value. */
const BAD: Readonly<Record<string, string>> = {
  "--var": "a",
  "--parallelism": "0",
  "--lock-timeout": "soon",
  "--max-deletes": "few",
  "--max-age": "soon",
  "--max-bytes": "many",
  "--report": "x",
  "--format": "svg",
  "--clause": "nothing",
};
/** Files that cannot be written. */
const UNWRITABLE = ["--out", "--json"];
/** An argument for every name in a usage line. */
const WORDS: Readonly<Record<string, string>> = {
  BACKEND: "store",
  ADDRESS: "store/a",
  FROM: "store/a",
  TO: "store/b",
};
/** Arguments that are wrong by themselves. */
const BAD_WORDS: readonly (readonly [line: string, said: string])[] = [
  ["info ../x", "../x"],
  ["import nowhere x", "BACKEND/IMAGE"],
  ["export nowhere", "BACKEND/IMAGE"],
  ["verify nowhere", "BACKEND/IMAGE"],
  ["refresh nowhere store/a", "BACKEND/IMAGE"],
  ["state mv nowhere store/a", "invalid address"],
  ["state show nowhere", "BACKEND/IMAGE"],
  ["state push gone.json", "gone.json cannot be read"],
  ["completion tcsh", "bash, zsh, fish"],
  ["plan --refresh-only --no-refresh", "exclude each other"],
  ["apply --refresh-only --no-refresh", "exclude each other"],
  ["show --matrix x.json", "--matrix"],
  ["import --from-terraform x store/a", "unexpected argument"],
  ["import --cloud x store/a id", "--cloud does not go with the other arguments"],
  ["import --dry-run", "does not go with the other arguments"],
];

const shared = World.make('[image.a]\nsource = "./a.img"\n');
afterAll(async () => await (await shared)[Symbol.asyncDispose]());

/** Wrong usage: one error on stderr, exit 64, nothing on stdout but, with `--json`, a version and the diagnostic. */
async function wrong(args: readonly string[], said: string): Promise<void> {
  const world = await shared;
  const plain = await world.run(args);
  expect([plain.code, plain.stdout, plain.stderr.split("\n").length < 6]).toEqual([64, "", true]);
  expect(plain.stderr).toStartWith("error: ");
  expect(plain.stderr).toContain(said);
  expect(plain.stderr).toMatch(/did you mean|hint:|takes no value|invalid|exclude/);
  const json = await world.run([args[0] ?? "", "--json", ...args.slice(1)]);
  expect(json.code).toBe(64);
  const lines = json.stdout.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).type)).toEqual(["version", "diagnostic"]);
  expect(json.stderr).toStartWith("error: ");
}

const cli = await program().load();
const own = cli.definitions().filter(({ path }) => !/ (-|__)/.test(path));
const longNames = ({ options }: Definition): readonly (readonly [name: string, takesValue: boolean])[] =>
  options.map(({ definition }) => {
    const [names = "", value] = definition.split(" ");
    return [names.split(",").at(-1) ?? "", value !== undefined] as const;
  });

for (const command of own) {
  const path = command.path.split(" ").slice(1);
  const shape = command.usage.slice(command.path.length).trim().split(" ");
  const required = shape.filter((word) => word.startsWith("<")).map((word) => WORDS[word.slice(1, -1)] ?? "x");
  const needed = command.options.flatMap(({ definition, required: isNeeded }) =>
    isNeeded ? [`${definition.split(" ")[0]}=x`] : [],
  );
  const right = [...path, ...needed, ...required];
  const flags = longNames(command);
  const kind = needed.length === 0 ? "" : ` ${needed[0]}`;
  describe(`images ${path.join(" ")}${kind}`, () => {
    test("an unknown option", async () => await wrong([...right, "--zzzzzzzz"], 'unknown option "--zzzzzzzz"'));
    test("an option with a slip", async () => {
      const [name = ""] = flags.find(([one]) => one.length > 6) ?? [];
      await wrong([...right, `${name.slice(0, -2)}${name.at(-1)}`], `did you mean "${name}"?`);
    });
    test("a switch with a value", async () => {
      await wrong([...right, "--no-color=2"], "--no-color");
    });
    // Without an address, `images refresh` is terraform's.
    if (required.length > 0 && needed.length === 0 && path[0] !== "import" && path[0] !== "refresh")
      test("a missing argument", async () => {
        await wrong([...path, ...required.slice(0, -1)], "missing argument");
      });
    if (!shape.includes("..."))
      test("an argument too many", async () => {
        const most = shape.filter((word) => /^[<[]/.test(word)).length;
        await wrong([...path, ...needed, ...Array.from({ length: most }, () => "store/a"), "surplus"], '"surplus"');
      });
    for (const [name, takesValue] of flags.filter(([, takes]) => takes))
      test(`${name} without its value`, async () => {
        await wrong([...right, name], takesValue ? `missing value for ${name}` : "");
        await wrong([...right, name, "--no-color"], `missing value for ${name}`);
      });
    for (const [name] of flags.filter(([one]) => Object.hasOwn(BAD, one)))
      test(`${name} with a bad value`, async () => await wrong([...right, `${name}=${BAD[name]}`], name));
    for (const name of UNWRITABLE.filter((one) => flags.some(([flag]) => flag === one) && takesFile(command, one)))
      test(`${name} that cannot be written`, async () => {
        const said = await (await shared).run([...right, `${name}=gone/x`]);
        expect([said.code, said.stdout]).toEqual([64, ""]);
        expect(said.stderr).toContain("there is no directory");
      });
  });
}

function takesFile(command: Definition, name: string): boolean {
  const found = command.options.find(({ definition }) => definition.split(" ")[0]?.split(",").includes(name));
  return found !== undefined && (found.definition.includes(" ") || /=FILE/.test(found.description ?? ""));
}

for (const [line, said] of BAD_WORDS)
  test(`images ${line}`, async () => {
    const answer = await (await shared).run(line.split(" "));
    expect([answer.code, answer.stdout]).toEqual([64, ""]);
    expect(answer.stderr).toContain(said);
  });

for (const option of ["--from-terraform", "--from-image-manager"])
  test(`images import ${option} --help shows the page of that command, with or without a value`, async () => {
    for (const words of [
      [option, "--help"],
      [option, "x", "-h"],
      ["-h", option],
    ]) {
      const page = await (await shared).run(["import", ...words]);
      expect([page.code, page.stdout, page.stderr]).toEqual([
        0,
        expect.stringContaining(`usage: images import ${option} `),
        "",
      ]);
    }
    expect((await (await shared).run(["import", "--help"])).stdout).toContain("import [OPTIONS] ADDRESS ID\n");
  });

test("nothing of all that has begun anything", async () => {
  const world = await shared;
  expect((await readdir(world.directory.path)).sort()).toEqual(["a.img", "b.img", "images.toml"]);
});
