import { interrupted } from "../core/failure.ts";
import { host } from "./host.ts";
import { launch } from "./launch.ts";

/** The program on a real terminal: signals, broken pipes, the exit code. */
async function main(): Promise<void> {
  host();
  const [soft, hard] = [new AbortController(), new AbortController()];
  const interrupt = () => {
    if (soft.signal.aborted) {
      process.stderr.write("\nStopping now; the next apply continues from here.\n");
      hard.abort(interrupted());
    } else {
      process.stderr.write("\nFinishing in-flight operations; press Ctrl-C again to abort.\n");
      soft.abort(interrupted());
    }
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  // A reader that goes away ends the run as Ctrl-C does: what is under way is finished, and the lock given back.
  let isCutOff = false;
  let isLost = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const isGone = error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED";
      if (!isGone && !isLost && stream === process.stdout)
        process.stderr.write(`error: stdout cannot be written: ${error.message}\n`);
      if (isGone) isCutOff = true;
      else isLost = true;
      if (!soft.signal.aborted) soft.abort(interrupted());
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
  const code = await launch(process.argv.slice(2), context);
  process.exitCode = code === 0 && (isCutOff || isLost) ? (isCutOff ? 141 : 1) : code;
}

// Bytecode knows no await at the top.
if (import.meta.main) void main();
