import type { KnownCommand } from "./completion/commands.ts";

/** The first word of every command, in the order of a day's work. */
const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["Everyday", ["init", "validate", "plan", "apply", "destroy"]],
  ["Looking", ["show", "serve", "info", "outdated", "graph", "log", "export"]],
  ["State", ["import", "state", "unlock"]],
];

/** `images --help`: one screen, a line for each command. */
export function overview(commands: readonly KnownCommand[]): string {
  const lines = new Map<string, string>();
  for (const { path, description } of commands) {
    const name = path.join(" ");
    if (!lines.has(name) && !name.startsWith("-") && !name.startsWith("__")) lines.set(name, description);
  }
  const placed = new Set(GROUPS.flatMap(([, words]) => words));
  const firsts = [...new Set([...lines.keys()].map((name) => name.split(" ")[0] ?? ""))].filter((one) => one !== "");
  const groups = [...GROUPS, ["Other", firsts.filter((one) => !placed.has(one)).sort()] as const];
  const blocks = groups.map(([title, words]) => [`${title}:`, ...words.flatMap((word) => linesOf(word, lines))]);
  return `${[
    ["usage: images COMMAND [OPTIONS]"],
    ...blocks,
    [
      "--quiet hides progress and notes; --debug shows every request; --chdir=DIR runs in DIR.",
      "images COMMAND --help shows a command with its options and examples.",
    ],
  ]
    .map((block) => block.join("\n"))
    .join("\n\n")}\n`;
}

/** A command with subcommands is one line that names them. */
function linesOf(word: string, lines: ReadonlyMap<string, string>): readonly string[] {
  const under = [...lines.keys()]
    .filter((name) => name.startsWith(`${word} `))
    .map((name) => name.slice(word.length + 1));
  const description = lines.get(word);
  const subs = under.length === 0 ? "" : under.join(", ");
  const text = [description, subs === "" ? undefined : `subcommands: ${subs}`].filter((one) => one !== undefined);
  return text.length === 0 ? [] : [`  ${word.padEnd(12)}${text.join("; ")}`];
}
