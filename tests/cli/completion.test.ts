import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import { knownFrom } from "../../src/cli/completion/commands.ts";
import { OF_FLAGS, OF_WORDS } from "../../src/cli/completion/kinds.ts";
import { program } from "../../src/cli/main.ts";
import { run, TestDirectory } from "../harness.ts";

const TOML = `include = ["more.toml"]
[settings]
state = "kept.json"
[vars]
release = "12"
[backend.lab]
plugin = "incus"
[backend.store]
plugin = "local"
path = "./store"
[image.debian]
backends = ["lab", "store"]
source = "./a.img"
`;
const MORE = '[image.alpine]\nbackend = "lab"\nsorce = "a mistake"\n';
const PROD = '[backend.prod]\nplugin = "linode"\n[image.web]\nexisting = true\n';
const STATE = JSON.stringify({ version: 1, images: { "lab/debian": {}, "old/gone": {} } });

let directory: TestDirectory;
beforeAll(async () => {
  directory = await TestDirectory.make({
    "images.toml": TOML,
    "more.toml": MORE,
    "prod.toml": PROD,
    "kept.json": STATE,
  });
  await mkdir(directory.at("bin"));
  // The built program starts in a third of the time.
  const binary = resolve("dist/images");
  const start = existsSync(binary) ? `'${binary}'` : `'${process.execPath}' '${resolve("src/cli/main.ts")}'`;
  await directory.write("bin/images", `#!/bin/sh\nexec ${start} "$@"\n`);
  await chmod(directory.at("bin", "images"), 0o755);
});
afterAll(() => directory[Symbol.asyncDispose]());

/** The candidates for the last of these words, without what is said of them. */
async function candidates(...words: readonly string[]): Promise<readonly string[]> {
  const said = await run(directory, ["__complete", "--", ...words]);
  expect([said.code, said.stderr]).toEqual([0, ""]);
  return said.stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0] ?? ""]));
}

describe("what is completed:", () => {
  const cases: readonly [words: readonly string[], found: readonly string[]][] = [
    [["pl"], ["plan", "plugins"]],
    [
      ["state", ""],
      ["list", "show", "mv", "rm", "pull", "push", "list-versions", "restore", "migrate"],
    ],
    [["state", "sh"], ["show"]],
    [["apply", "--ta"], ["--target"]],
    [["plan", "--no-re"], ["--no-refresh"]],
    [["plan", "-f"], []],
    [
      ["apply", "--target", "lab/"],
      ["lab/debian", "lab/alpine"],
    ],
    [
      ["apply", "--target", ""],
      ["lab/debian", "store/debian", "lab/alpine", "old/gone", "lab", "store", "debian", "alpine"],
    ],
    [
      ["apply", "--target=st"],
      ["--target=store/debian", "--target=store"],
    ],
    [["apply", "--replace", "s"], ["store/debian"]],
    [
      ["import", ""],
      ["lab/debian", "store/debian", "lab/alpine", "old/gone"],
    ],
    [["import", "lab/alpine", ""], []],
    [
      ["import", "--fr"],
      ["--from-image-manager", "--from-terraform"],
    ],
    [
      ["info", ""],
      ["lab", "store"],
    ],
    [["info", "--json", "l"], ["lab"]],
    [
      ["export", ""],
      ["lab/debian", "old/gone"],
    ],
    [["state", "rm", "lab/debian", "o"], ["old/gone"]],
    [["state", "mv", "old/gone", "st"], ["store/debian"]],
    [["plan", "--var", ""], ["release="]],
    [
      ["plan", "--report", "g"],
      ["gitlab=", "github="],
    ],
    [["plan", "--parallelism", ""], []],
    [["plan", "--file", "im"], [":files"]],
    [["plan", "--json=x"], [":files"]],
    [["info", "-f", "prod.toml", ""], ["prod"]],
    [["import", "--file=prod.toml", ""], ["prod/web"]],
    [["info", "-f", "nowhere.toml", ""], []],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["plugins", "lo"], ["local"]],
    [["nonsense", ""], []],
  ];
  for (const [words, found] of cases)
    test(`images ${words.join(" ")}▌`, async () => {
      const all = await candidates(...words);
      expect([...all].sort()).toEqual([...found].sort());
    });
});

const cli = await program().load();

test("every option that takes a value says what it names, and every name is an option's", () => {
  const flags = knownFrom(cli.definitions()).flatMap((command) => command.flags);
  const valued = flags.filter(({ takesValue }) => takesValue).map(({ names }) => names.at(-1) ?? "");
  expect([...new Set(valued)].filter((name) => OF_FLAGS[name] === undefined)).toEqual([]);
  const all = new Set(flags.flatMap(({ names }) => names));
  expect(Object.keys(OF_FLAGS).filter((name) => !all.has(name))).toEqual([]);
  const paths = new Set(knownFrom(cli.definitions()).map(({ path }) => path.join(" ")));
  expect(Object.keys(OF_WORDS).filter((path) => !paths.has(path))).toEqual([]);
});

test("the hidden command is in no help, and mistakes in the file or the words make it say nothing", async () => {
  expect((await run(directory, ["--help"])).stdout).not.toContain("__complete");
  await using broken = await TestDirectory.make({ "images.toml": "[image.\n", "images.state.json": "{" });
  const said = await run(broken, ["__complete", "--", "import", ""]);
  expect([said.code, said.stdout, said.stderr]).toEqual([0, "", ""]);
  expect((await run(directory, ["completion", "tcsh"])).stderr).toContain("expected one of: bash, zsh, fish");
});

const bin = (name: string) => Bun.which(name) ?? undefined;

/** What a program prints that runs in the directory, with `images` on its PATH. */
async function shell(command: readonly string[], input = ""): Promise<string> {
  const env = {
    ...process.env,
    PATH: [directory.at("bin"), process.env["PATH"]].join(delimiter),
    HOME: directory.path,
  };
  const ran = Bun.spawn({ cmd: [...command], cwd: directory.path, env, stdin: Buffer.from(input), stderr: "pipe" });
  const [text, errors] = await Promise.all([new Response(ran.stdout).text(), new Response(ran.stderr).text()]);
  if ((await ran.exited) !== 0) throw new Error(errors);
  return text;
}

/** What each shell is asked, and what has to be among its answers: the whole of them, sorted. */
const lines: readonly [line: string, found: readonly string[]][] = [
  ["images sta", ["state"]],
  ["images apply --ta", ["--target"]],
  ["images apply --target store", ["store", "store/debian"]],
  ["images info ", ["lab", "store"]],
];

test.skipIf(bin("bash") === undefined)(
  "bash completes with the script",
  async () => {
    const asks = [...lines.map(([line]) => line), "images apply --target = st", "images plan -f pro"]
      .map(
        (line) =>
          `ask ${line
            .split(" ")
            .map((word) => `'${word}'`)
            .join(" ")}`,
      )
      .join("\n");
    const script = `source <(images completion bash)
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _images images; echo "\${COMPREPLY[*]}"; }
${asks}
complete -p images
`;
    const said = (await shell(["bash", "--norc", "-s"], script)).trimEnd().split("\n");
    expect(said.map((line) => line.split(" ").toSorted().join(" "))).toEqual([
      ...lines.map(([, found]) => found.toSorted().join(" ")),
      "store store/debian",
      "prod.toml",
      "-F _images complete images",
    ]);
  },
  300_000,
);

test.skipIf(bin("fish") === undefined)(
  "fish completes with the script",
  async () => {
    const asks = [...lines.map(([line]) => line), "images plan -f pro", "images apply --target=store/"]
      .map((line) => `complete -C '${line}'\necho ==`)
      .join("\n");
    const said = await shell(["fish", "--no-config", "-c", `images completion fish | source\n${asks}`]);
    const found = said
      .split("==\n")
      .slice(0, -1)
      .map((one) => one.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0] ?? ""])));
    expect(found.map((one) => one.toSorted())).toEqual([
      ...lines.map(([, one]) => one.toSorted()),
      ["prod.toml"],
      ["--target=store/debian"],
    ]);
    expect(said).toContain("lab\tincus");
  },
  300_000,
);

test.skipIf(bin("zsh") === undefined)(
  "zsh completes with the script",
  async () => {
    await directory.write("ask.zsh", ZSH);
    const asked = [
      ...lines.slice(1, 3),
      ["images plan -f pro", ["prod.toml"]],
      ["images apply --target=store/", ["--target=store/debian"]],
    ] as const;
    for (const [line, found] of asked) {
      const said = await shell(["zsh", "-f", "ask.zsh", line]);
      expect([
        line,
        said
          .split("\n")
          .filter((one) => one !== "")
          .toSorted(),
      ]).toEqual([line, [...found].toSorted()]);
    }
  },
  300_000,
);

/** Types a line and a tab into a zsh of its own, whose compadd writes down what it is given. */
const ZSH = `zmodload zsh/zpty
hits=$PWD/hits
rm -f $hits
cat > setup.zsh <<END
PROMPT=''
autoload -Uz compinit
# What one zsh has found, the next ones do not look for.
compinit -u -d $PWD/found.zsh
source <(images completion zsh)
compadd() {
  if (( \\\${@[(I)-[OAD]]} )); then builtin compadd "\\$@"; return; fi
  local -a found
  builtin compadd -A found "\\$@"
  (( \\\${#found} )) && print -rl -- \\$found >> $hits
  builtin compadd "\\$@"
}
finish() { exit }
comppostfuncs=(finish)
bindkey '^I' complete-word
zle-line-init() { print -r -- ready }
zle -N zle-line-init
END
zpty child "zsh -f -i"
zpty -w child "source $PWD/setup.zsh"
while zpty -r child text; do [[ $text == *ready* ]] && break; done
zpty -w -n child "$1"$'\\t'
while zpty -r child text; do :; done
cat $hits
`;
