import type { Definition } from "clipanion";

/** An option as the command line has it. */
export interface Flag {
  /** Every spelling: `-f`, `--file`. */
  readonly names: readonly string[];
  /** Its value is the next word. */
  readonly takesValue: boolean;
  readonly description: string;
}

/** A command as the command line has it. Several may have one path. */
export interface KnownCommand {
  /** Without the program's own name: `state`, `list`. */
  readonly path: readonly string[];
  readonly description: string;
  readonly flags: readonly Flag[];
}

/** Options that are on by themselves, with the spelling that turns them off. */
const OFF: Readonly<Record<string, string>> = { "--refresh": "--no-refresh" };

/** The commands of the program, from what they say of themselves. */
export const knownFrom = (definitions: readonly Definition[]): readonly KnownCommand[] =>
  definitions.map(({ path, description = "", options }) => ({
    path: path.split(" ").slice(1),
    description: description.trim(),
    flags: options.flatMap(flagsOf),
  }));

function flagsOf({ definition, description = "" }: Definition["options"][number]): Flag[] {
  const [names = "", ...values] = definition.split(" ");
  const spellings = names.split(",");
  const flag = { names: spellings, takesValue: values.length > 0, description: description.trim() };
  const off = spellings.flatMap((name) => OFF[name] ?? []);
  return off.length === 0 ? [flag] : [flag, { ...flag, names: off }];
}
