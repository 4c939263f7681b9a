import { join } from "node:path";
import type { Definition } from "clipanion";
import { commandsOf } from "../src/cli/commands.ts";
import { program } from "../src/cli/main.ts";
import { VERSION } from "../src/cli/version.ts";

// docs/images.1, the manual page, from what the commands say of themselves: `bun run docs`.

export const MAN = join(import.meta.dir, "..", "docs", "images.1");
/** The day of the version. */
const DATE = "2026-11-20";

/** A command with what it takes. */
interface Described {
  /** `images state list`. */
  readonly name: string;
  /** What comes behind its options: `<ADDRESS> ...`. */
  readonly words: string;
  readonly description: string;
  readonly details: string | undefined;
  readonly examples: readonly (readonly [about: string, line: string])[];
  readonly options: Definition["options"];
}

const commands = await commandsOf();
const cli = await program().load();

function described(): readonly Described[] {
  const usages = commands.flatMap(({ usage }) => usage ?? []);
  return cli.definitions().map(({ path, usage, options }, i): Described => {
    const { description = "", details, examples = [] } = usages[i] ?? {};
    const words = usage.slice(path.length).trim();
    return { name: path, words, description, details, examples, options };
  });
}

/** The manual page in the macros of man(7). */
export function manual(): string {
  const all = described();
  const common = all.flatMap(({ name, options }) => (name === "images state pull" ? options : []));
  const isCommon = ({ definition }: Definition["options"][number]) =>
    common.some((one) => one.definition === definition);
  const lines = [
    '.\\" Made by `bun run docs` from the commands.',
    `.TH IMAGES 1 "${DATE}" "images ${VERSION}"`,
    ".SH NAME",
    "images \\- declarative machine images for Incus, OpenStack, VK Cloud, Linode and Outscale",
    ".SH SYNOPSIS",
    ".B images",
    ".I command",
    ".RI [ options ]",
    ".SH DESCRIPTION",
    ...text(
      "Reads `images.toml`, compares it with the live backends (a directory, Incus, OpenStack, VK Cloud, Linode, Outscale), shows the changes and applies them. An image on a backend is an address: BACKEND/IMAGE.",
    ),
    ".SH COMMANDS",
    ...all.flatMap((one) =>
      commandLines(
        one,
        one.options.filter((option) => !isCommon(option)),
      ),
    ),
    ".SH OPTIONS OF ALL COMMANDS",
    ...text("Commands that read no images.toml take only `--no-color`."),
    ...common.flatMap(optionLines),
    ".SH EXIT STATUS",
    ...STATUS.flatMap(([code, about]) => [".TP", `.B ${code}`, ...text(about)]),
    ".SH FILES",
    ...FILES.flatMap(([file, about]) => [".TP", `.I ${code(file)}`, ...text(about)]),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, about]) => [".TP", `.B ${code(name)}`, ...text(about)]),
  ];
  return `${lines.join("\n")}\n`;
}

const STATUS: readonly (readonly [string, string])[] = [
  ["0", "Success, or nothing to do."],
  ["1", "Failure; also if one address failed or is blocked, or a backend is unavailable."],
  ["2", "With `--detailed-exitcode`: there are changes."],
  ["64", "Usage error."],
  ["130", "Interrupted."],
];
const FILES: readonly (readonly [string, string])[] = [
  ["images.toml", "The declarations of backends and images."],
  ["images.state.json", "The state, next to the file unless set by `[settings] state`; `.backup` is the previous one."],
  ["images.lock", "The digests of plugin files."],
];
const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "Disable colors."],
  ["IMAGES_CACHE", "The directory of downloads."],
  ["LINODE_TOKEN, OS_*, OSC_*, INCUS_*", "As read by the clients of the backends: see `images plugins NAME`."],
];

function commandLines({ name, words, description, details, examples }: Described, own: Described["options"]): string[] {
  const behind = words === "" ? "" : ` ${code(words)}`;
  return [
    `.SS ${code(name)}${behind}`,
    ...text(sentence(description)),
    ...(details === undefined ? [] : [".PP", ...text(details)]),
    ...own.flatMap(optionLines),
    ...examples.flatMap(([about, line]) => [
      ".PP",
      ...text(`${about}:`),
      ".PP",
      ".RS 4",
      ".EX",
      guarded(code(line.replace("$0", "images"))),
      ".EE",
      ".RE",
    ]),
  ];
}

function optionLines({ definition, description = "", required }: Definition["options"][number]): string[] {
  const [names = "", ...values] = definition.split(" ");
  const spelled = names.split(",").map((one) => `\\fB${code(one)}\\fR`);
  const value = values.length === 0 ? "" : " \\fIVALUE\\fR";
  return [
    ".TP",
    `${spelled.join(", ")}${value}`,
    ...text(sentence(required ? `${description} (required)` : description)),
  ];
}

const sentence = (words: string): string => {
  const told = words.trim();
  const whole = `${told.slice(0, 1).toUpperCase()}${told.slice(1)}`;
  return /[.)]$/.test(whole) ? whole : `${whole}.`;
};

/** Running text, a sentence a line; what stands between backticks is bold. */
const text = (words: string): string[] =>
  words
    .trim()
    .split(/(?<=[.:;]) (?=[A-Z`])/)
    .map((line) =>
      guarded(
        line
          .split("`")
          .map((part, i) => (i % 2 === 0 ? escaped(part) : `\\fB${code(part)}\\fR`))
          .join(""),
      ),
    );

/** A line that does not begin as a request does. */
const guarded = (line: string): string => (/^[.']/.test(line) ? `\\&${line}` : line);

const escaped = (words: string): string =>
  words
    .replaceAll("\\", "\\e")
    .replaceAll(/--?(?=\w)(?<=(?:^|[\s(])--?)/g, (dashes) => "\\-".repeat(dashes.length))
    .replaceAll(
      /[^\x20-\x7e]/gu,
      (one) => `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );

/** Text to be copied: its dashes are dashes. */
const code = (words: string): string =>
  escaped(words)
    .replaceAll(/(?<!\\)-/g, "\\-")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha");
