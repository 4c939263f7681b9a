import { interrupted } from "../core/failure.ts";
import { EXIT } from "./base.ts";
import { host } from "./host.ts";
import { Program } from "./program.ts";
import { restartTuned } from "./restart.ts";
import { VERSION } from "./version.ts";

/** The program; its commands are loaded when they run, or all of them by `load`. */
export function program(): Program {
  return new Program({ binaryLabel: "images", binaryName: "images", binaryVersion: VERSION, enableColors: false });
}

/** 128 + SIGPIPE, as a shell reports a program whose reader went away. */
const PIPE_CLOSED = 141;

/** Above the bars where some are drawn: what is written into them is erased by their next drawing. */
async function say(text: string): Promise<void> {
  const { Screen } = await import("./render/screen.ts");
  if (!Screen.interject([text])) process.stderr.write(`\n${text}\n`);
}

/** The program on a real terminal: signals, broken pipes, the exit code. */
async function main(): Promise<void> {
  restartTuned();
  host();
  const [soft, hard] = [new AbortController(), new AbortController()];
  let first = "interrupted: finishing in-flight operations; press Ctrl-C again to abort";
  const interrupt = () => {
    if (soft.signal.aborted) {
      void say("stopping now; the next apply continues from here");
      hard.abort(interrupted());
    } else {
      void say(first);
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
    stopsWith: (text: string) => {
      first = text;
    },
  };
  const code = await program().run(process.argv.slice(2), context);
  process.exitCode = broken ?? code;
}

// Bytecode knows no await at the top.
if (import.meta.main) void main();
