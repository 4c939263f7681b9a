import { join } from "node:path";

// src/cli/completion/known.json: the commands and options for `images --help` and completion, which load no command for them: `bun run docs`.

export const KNOWN = join(import.meta.dir, "../src/cli/completion/known.json");

/** The text of the file as the commands are now. */
export async function known(): Promise<string> {
  const { knownFrom } = await import("../src/cli/completion/commands.ts");
  const { program } = await import("../src/cli/main.ts");
  return `${JSON.stringify(knownFrom((await program().load()).definitions()), undefined, 1)}\n`;
}

if (import.meta.main) {
  // The program imports the file itself, so that there has to be one, whatever became of it.
  await Bun.write(KNOWN, "[]\n");
  await Bun.write(KNOWN, await known());
}
