import { Builtins, Cli } from "clipanion";
import { interrupted } from "../core/failure.ts";
import { CompleteCommand } from "./commands/completion.ts";
import { commands } from "./commands.ts";
import { host } from "./host.ts";
import type { Shell } from "./shell.ts";
import { VERSION } from "./version.ts";

/** Commands are looked up by the whole table, so that help and completion know them all; what they need is imported when they run. */
export function program(): Cli<Shell> {
  const cli = new Cli<Shell>({ binaryLabel: "images", binaryName: "images", binaryVersion: VERSION });
  cli.register(Builtins.HelpCommand);
  for (const command of commands) cli.register(command);
  cli.register(CompleteCommand);
  return cli;
}

/** The program on a real terminal: signals, broken pipes, the exit code. */
async function main(): Promise<void> {
  host();
  const [soft, hard] = [new AbortController(), new AbortController()];
  const interrupt = () => {
    if (soft.signal.aborted) {
      process.stderr.write("\nstopping now; the next apply goes on from here\n");
      hard.abort(interrupted());
    } else {
      process.stderr.write("\ninterrupted: finishing what cannot be left half done; once more stops at once\n");
      soft.abort(interrupted());
    }
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
  const { stdin, stdout, stderr, env } = process;
  const context = {
    stdin,
    stdout,
    stderr,
    env,
    colorDepth: 1,
    cwd: process.cwd(),
    signal: soft.signal,
    hard: hard.signal,
    now: () => new Date(),
  };
  process.exitCode = await program().run(process.argv.slice(2), context);
}

// Bytecode knows no await at the top.
if (import.meta.main) void main();
