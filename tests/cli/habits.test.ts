import { describe, expect, test } from "bun:test";
import { translate } from "../../src/cli/habits.ts";
import { Folder, run } from "../harness.ts";

// Command lines as terraform's users write them.

const TABLE: readonly (readonly [given: string, args: string])[] = [
  ["apply -auto-approve", "apply --auto-approve"],
  ["plan -var a=b", "plan --var a=b"],
  ["plan -var=a=b", "plan --var=a=b"],
  ["plan -var-file=x.toml", "plan --var-file=x.toml"],
  ["plan -target=store/a", "plan --target=store/a"],
  ["plan -replace=store/a", "plan --replace=store/a"],
  ["plan -json", "plan --json"],
  ["plan -refresh=false", "plan --no-refresh"],
  ["plan -refresh=true", "plan --refresh"],
  ["plan -refresh-only", "plan --refresh-only"],
  ["plan -out=x.json", "plan --out=x.json"],
  ["plan -detailed-exitcode", "plan --detailed-exitcode"],
  ["plan -destroy", "plan --destroy"],
  ["plan -no-color", "plan --no-color"],
  ["plan -input=false", "plan"],
  ["plan -lock=false -lock-timeout=5s", "plan --lock-timeout=5s"],
  ["plan -compact-warnings", "plan"],
  ["plan -parallelism=2", "plan --parallelism=2"],
  ["-version", "--version"],
  ["-help", "--help"],
  ["help", "--help"],
  ["help plan", "plan --help"],
  ["plan -help", "plan --help"],
  ["refresh -auto-approve", "apply --refresh-only --auto-approve"],
  ["force-unlock -force ID", "unlock --force ID"],
  ["providers", "plugins"],
  ["plan -f other.toml", "plan -f other.toml"],
  ["plan -- -x", "plan -- -x"],
];
describe("terraform's way of writing", () => {
  test.each(TABLE)("%s", (given, args) => {
    expect(translate(given.split(" "))).toEqual({ kind: "run", args: args.split(" ") });
  });
  for (const command of [
    "output",
    "taint",
    "untaint",
    "workspace",
    "console",
    "graph",
    "get",
    "login",
    "logout",
    "test",
  ])
    test(`${command}: says what it is called here`, () => expect(translate([command]).kind).toBe("elsewhere"));
  for (const command of ["push", "replace-provider"])
    test(`state ${command}: says what to do`, () => expect(translate(["state", command]).kind).toBe("elsewhere"));
});

describe("a command line that cannot be understood", () => {
  const refused: readonly (readonly [args: string, words: string])[] = [
    ["plna", 'unknown command "plna"; did you mean "plan"?'],
    ["nothing-like-it", 'unknown command "nothing-like-it"'],
    ["state lst", 'unknown command "state lst"; did you mean "state list"?'],
    ["plan --detailed-exitcod", "unknown option --detailed-exitcod of plan; did you mean --detailed-exitcode?"],
    ["plan -auto-aprove", "unknown option --auto-aprove of plan"],
    ["taint store/a", "apply --replace"],
    ["plan --report pdf=x", "expected KIND=FILE"],
    ["plan --report markdown=none/x.md", "cannot be written"],
    ["plan --json=none/x.json", "cannot be written"],
    ["plan --out none/x.json", "cannot be written"],
    ["apply --yes --report html", "expected KIND=FILE"],
  ];
  test.each(refused)("%s: exit 64, on stderr, with the way out", async (args, words) => {
    await using folder = await Folder.make({ "images.toml": '[backend.s]\nplugin = "local"\npath = "./s"\n' });
    const said = await run(folder, args.split(" "));
    expect([said.code, said.stdout]).toEqual([64, ""]);
    expect(said.stderr).toContain(words);
  });
});

test("-chdir=DIR: the files of that directory", async () => {
  await using folder = await Folder.make();
  await using other = await Folder.make({ "images.toml": '[backend.s]\nplugin = "local"\npath = "./s"\n' });
  const said = await run(folder, [`-chdir=${other.path}`, "validate"]);
  expect(said.code).toBe(0);
});
