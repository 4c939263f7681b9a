import { spawn } from "node:child_process";

type Ran =
  | { readonly kind: "done"; readonly output: string }
  | { readonly kind: "failed"; readonly why: string; readonly output: string; readonly stderr: string }
  | { readonly kind: "stopped" };

const LIMIT = 1 << 20;
const SHOWN = 2000;

/**
 * Runs a command by sh and gives what it wrote to stdout. It gets no stdin, and a process group of its own, so that all of it is killed
 * when the time is up or the signal comes. A failed one never throws.
 */
export async function runForSecret(
  command: string,
  options: {
    readonly directory: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly timeout: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Ran> {
  const { directory, env, timeout, signal } = options;
  if (signal?.aborted) return { kind: "stopped" };
  const child = spawn("sh", ["-c", command], {
    cwd: directory,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { promise, resolve } = Promise.withResolvers<Ran>();
  let output = "";
  let stderr = "";
  const kill = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  const fail = (why: string) => resolve({ kind: "failed", why, output, stderr: stderr.slice(-SHOWN) });
  const killed = (why: string) => {
    kill();
    fail(why);
  };
  const stop = () => {
    kill();
    resolve({ kind: "stopped" });
  };
  const timer = setTimeout(() => killed(`took longer than ${timeout / 1000} s`), timeout);
  signal?.addEventListener("abort", stop, { once: true });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > LIMIT) killed("wrote more than 1 MiB");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-LIMIT);
  });
  child.on("error", (error) => fail(`cannot be run: ${error.message}`));
  child.on("close", (code, by) => {
    if (code === 0) resolve({ kind: "done", output });
    else fail(code === null ? `was killed by ${by ?? "a signal"}` : `failed with exit code ${code}`);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
