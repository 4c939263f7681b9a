import type { Definition } from "clipanion";
import { OF_FLAGS, type WordKind } from "./completion/kinds.ts";
import { cells, pad, wrap } from "./render/text.ts";

/** What the value of an option is called, where its kind does not say it. */
const VALUES: Readonly<Record<string, string>> = {
  "--state": "FILE|URL",
  "--var": "NAME=VALUE",
  "--parallelism": "N",
  "--port": "N",
  "--max-deletes": "N",
  "--lock-timeout": "DURATION",
  "--max-age": "DURATION",
  "--max-bytes": "SIZE",
  "--from": "URL",
  "--report": "KIND=FILE",
  "--json": "FILE",
  "--set": "KEY=VALUE",
  "--link": "DURATION",
  "--name": "NAME",
};
const OF_KIND: Readonly<Record<Exclude<WordKind, object>, string>> = {
  address: "ADDRESS",
  recorded: "ADDRESS",
  selection: "PATTERN",
  backend: "BACKEND",
  variable: "NAME",
  plugin: "PLUGIN",
  file: "FILE",
  nothing: "VALUE",
};
/** Options of every command about images.toml, and of every command; after the own ones. */
const COMMON: readonly string[] = ["--file", "--state", "--var", "--var-file", "--no-color"];
/** For every command, and read before it. */
const ALWAYS: readonly (readonly [string, string])[] = [
  ["-q, --quiet", "Hide progress and notes; show results, warnings and errors"],
  ["--debug", "Log every request to stderr (IMAGES_LOG_PATH=FILE: to a file)"],
  ["--chdir=DIR", "Run in this directory"],
  ["-h, --help", "Show this help"],
];
const WIDTH = 100;

/** What `images COMMAND --help` prints: usage, what it does, options, examples. */
export function helpPage(definition: Definition, columns = WIDTH): string {
  const { path, usage, description = "", details, options, examples = [] } = definition;
  const words = usage.slice(path.length).trim().replaceAll(/[<>]/g, "");
  const own = options.filter(({ definition: one }) => !COMMON.includes(longest(one)));
  const common = options.filter(({ definition: one }) => COMMON.includes(longest(one)));
  const width = Math.min(columns, WIDTH);
  const blocks = [
    [`usage: ${[path, ...(own.length > 0 ? ["[OPTIONS]"] : []), words].filter((one) => one !== "").join(" ")}`],
    wrap("", sentence(description), width),
    ...(details === undefined ? [] : paragraphs(details, width)),
    ...(own.length === 0 ? [] : [["Options:", ...listed(own.map(rowOf), width)]]),
    ["Common options:", ...listed([...common.map(rowOf), ...ALWAYS], width)],
    ...(examples.length === 0
      ? []
      : [
          [
            "Examples:",
            ...examples.flatMap(([about, line]) => [`  # ${about.trim()}`, `  ${line.trim().replace("$0", "images")}`]),
          ],
        ]),
  ];
  return `${blocks.map((block) => block.join("\n")).join("\n\n")}\n`;
}

/** What `images GROUP --help` prints, for a word that only has subcommands. */
export function groupPage(name: string, definitions: readonly Definition[]): string {
  const rows = definitions.map(({ path, description = "" }) => [
    path.slice("images ".length),
    sentence(description),
  ]) satisfies readonly (readonly string[])[];
  const lines = listed(
    rows.map(([path = "", text = ""]) => [path, text] as const),
    WIDTH,
  );
  return `usage: images ${name} COMMAND [OPTIONS]\n\nCommands:\n${lines.join("\n")}\n\nimages ${name} COMMAND --help shows a command with its options and examples.\n`;
}

const longest = (definition: string): string => (definition.split(" ")[0] ?? "").split(",").at(-1) ?? "";

function rowOf({ definition, description = "" }: Definition["options"][number]): readonly [string, string] {
  const [names = "", ...values] = definition.split(" ");
  const name = longest(definition);
  const kind = OF_FLAGS[name];
  const value = VALUES[name] ?? (typeof kind === "string" ? OF_KIND[kind] : kind?.words.slice(0, 4).join("|"));
  const shown = names.split(",").join(", ");
  // An option that clipanion calls a flag may take a value behind "=".
  if (name === "--json" && values.length === 0 && /--json=FILE/.test(description))
    return ["--json[=FILE]", description];
  return [values.length === 0 ? shown : `${shown} ${value ?? "VALUE"}`, description];
}

function listed(rows: readonly (readonly [string, string])[], width: number): readonly string[] {
  const room = Math.min(30, Math.max(...rows.map(([name]) => cells(name)))) + 4;
  return rows.flatMap(([name, text]) => {
    const lines = wrap("", text, width - room);
    const [first = "", ...rest] = lines;
    const head = `  ${name}`;
    const begun = cells(head) >= room ? [head, `${" ".repeat(room)}${first}`] : [`${pad(head, room)}${first}`];
    return [...begun.map((line) => line.trimEnd()), ...rest.map((line) => `${" ".repeat(room)}${line}`)];
  });
}

const paragraphs = (text: string, width: number): readonly (readonly string[])[] =>
  text
    .trim()
    .split(/\n\s*\n/)
    .map((one) => wrap("", one.replaceAll(/\s*\n\s*/g, " "), width));

/** As a sentence: with a capital and a full stop. */
const sentence = (text: string): string => {
  const plain = text.trim();
  return plain === "" ? "" : `${plain[0]?.toUpperCase()}${plain.slice(1)}${/[.!?]$/.test(plain) ? "" : "."}`;
};
