import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { BaseCommand, EXIT } from "../base.ts";
import { type Candidate, complete } from "../completion/complete.ts";
import known from "../completion/known.json" with { type: "json" };
import { type Names, namesIn } from "../completion/names.ts";
import { isShellName, SCRIPTS } from "../completion/scripts.ts";
import { BUILT_IN } from "../plugins.ts";
import { printable } from "../render/text.ts";

export class CompletionCommand extends BaseCommand {
  static override readonly paths = [["completion"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Print a completion script for bash, zsh or fish",
    details:
      "Completes commands, options and values, and the backends, images and addresses of images.toml and its state. Backends are not contacted.",
    examples: [
      ["In ~/.bashrc: source <(images completion bash)", "$0 completion bash"],
      ["In ~/.zshrc, after compinit: source <(images completion zsh)", "$0 completion zsh"],
      ["For fish, as ~/.config/fish/completions/images.fish", "$0 completion fish"],
    ],
  });

  readonly shell = Option.String({ required: true, name: "SHELL" });

  override async run(): Promise<number> {
    if (!isShellName(this.shell))
      throw new Failure("cli.usage", `unknown shell ${JSON.stringify(this.shell)}`, {
        hint: `expected one of: ${Object.keys(SCRIPTS).join(", ")}`,
      });
    this.out.data.write(SCRIPTS[this.shell]);
    return EXIT.done;
  }
}

/** What the scripts of the shells ask: the candidates for the last of the words behind `--`. Whatever goes wrong, it says nothing. */
export class CompleteCommand extends BaseCommand {
  static override readonly paths = [["__complete"]];

  readonly words = Option.Proxy();

  override async run(): Promise<number> {
    const words = this.words[0] === "--" ? this.words.slice(1) : this.words;
    const names = new Map<string, Promise<Names>>();
    const values = async (kind: string): Promise<readonly Candidate[]> => {
      if (kind === "plugin") return Object.keys(BUILT_IN).map((value) => ({ value }));
      const file = resolve(this.context.cwd, optionIn(words, ["-f", "--file"]) ?? "images.toml");
      const state = optionIn(words, ["--state"]);
      const found = names.get(file) ?? namesIn(file, state && resolve(this.context.cwd, state));
      names.set(file, found);
      return ofKind(kind, await found);
    };
    const { candidates, files } = await complete({ words, commands: known, values });
    const lines = candidates.map(({ value, description }) =>
      printable(value) !== value
        ? ""
        : description === undefined
          ? `${value}\n`
          : `${value}\t${printable(description)}\n`,
    );
    this.out.data.write(`${lines.join("")}${files ? ":files\n" : ""}`);
    return EXIT.done;
  }

  protected override fail(): void {}
}

function ofKind(kind: string, { addresses, backends, images, recorded, variables }: Names): readonly Candidate[] {
  const all = (...lists: readonly (readonly Candidate[])[]) => [
    ...new Map(lists.flat().map((one) => [one.value, one])).values(),
  ];
  if (kind === "backend") return backends;
  if (kind === "variable") return variables;
  if (kind === "recorded") return recorded;
  if (kind === "selection") return all(addresses, recorded, backends, images);
  return all(addresses, recorded);
}

/** The value of an option among the words, as the user wrote it. */
function optionIn(words: readonly string[], names: readonly string[]): string | undefined {
  for (const [i, word] of words.entries()) {
    if (names.includes(word)) return words[i + 1];
    const name = names.find((one) => word.startsWith(`${one}=`));
    if (name !== undefined) return word.slice(name.length + 1);
  }
  return undefined;
}
