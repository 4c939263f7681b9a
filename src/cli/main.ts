import type { Cli } from "clipanion";
import { interrupted } from "../core/failure.ts";
import { EXIT } from "./base.ts";
import { CompleteCommand } from "./commands/completion.ts";
import { commands } from "./commands.ts";
import { host } from "./host.ts";
import { Program } from "./program.ts";
import { Screen } from "./render/screen.ts";
import type { Shell } from "./shell.ts";
import { VERSION } from "./version.ts";

/** Commands are looked up by the whole table, so that help and completion know them all; what they need is imported when they run. */
export function program(): Cli<Shell> {
  const cli = new Program({ binaryLabel: "images", binaryName: "images", binaryVersion: VERSION, enableColors: false });
  for (const command of commands) cli.register(command);
  cli.register(CompleteCommand);
  return cli;
}

/** 128 + SIGPIPE, as a shell reports a program whose reader went away. */
const PIPE_CLOSED = 141;

/** Above the bars where some are drawn: what is written into them is erased by their next drawing. */
function say(text: string): void {
  if (!Screen.interject([text])) process.stderr.write(`\n${text}\n`);
}

/** The program on a real terminal: signals, broken pipes, the exit code. */
async function main(): Promise<void> {
  host();
  const [soft, hard] = [new AbortController(), new AbortController()];
  const interrupt = () => {
    if (soft.signal.aborted) {
      say("stopping now; the next apply continues from here");
      hard.abort(interrupted());
    } else {
      say("interrupted: finishing in-flight operations; press Ctrl-C again to abort");
      soft.abort(interrupted());
    }
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  let broken: number | undefined;
  for (const [name, stream] of [
    ["stdout", process.stdout],
    ["stderr", process.stderr],
  ] as const) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (broken !== undefined) return;
      broken = error.code === "EPIPE" ? PIPE_CLOSED : EXIT.failed;
      process.exitCode = broken;
      // The end of a reader is a soft stop: what cannot be left half done is finished, and the lock is given back.
      soft.abort(interrupted());
      if (name === "stdout" && error.code !== "EPIPE")
        process.stderr.write(`error: cannot write to stdout: ${error.message} [cli.output]\n`);
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
  const code = await program().run(process.argv.slice(2), context);
  process.exitCode = broken ?? code;
}

// Bytecode knows no await at the top.
if (import.meta.main) void main();
