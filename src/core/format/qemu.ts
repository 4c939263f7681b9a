import { spawn } from "node:child_process";
import { chown } from "node:fs/promises";
import { Failure } from "../failure.ts";

/** Where programs are looked for besides PATH: a service often has a short one. */
const PLACES = ["/usr/bin", "/usr/local/bin", "/bin", "/opt/homebrew/bin"];
/** KiB of address space, and seconds of processor time, that one call may take. */
const MEMORY = 2 << 20;
const SECONDS = 4 * 3600;
const SHOWN = 600;
const OUTPUT = 1 << 20;
/** `nobody`: a user that owns nothing. */
export const NOBODY = 65534;

/** The limits are those of the shell, which the program then takes the place of; $0 is the size of the largest file in blocks. */
const LIMITED = `ulimit -c 0; ulimit -f "$0"; ulimit -t ${SECONDS}; ulimit -v ${MEMORY} 2>/dev/null; exec "$@"`;

/**
 * Gives the directory to `nobody` where this process is root: qemu-img then runs as that user. False where it is not root, or only
 * called so: in a user namespace without other users, or without the rights of root.
 */
export async function givenToNobody(directory: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  try {
    await chown(directory, NOBODY, NOBODY);
    return true;
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "EPERM" || code === "EINVAL") return false;
    throw thrown;
  }
}

/** qemu-img, where it is installed. */
export const findQemu = (): string | undefined =>
  Bun.which("qemu-img", { PATH: [process.env["PATH"] ?? "", ...PLACES].join(":") }) ?? undefined;

export const noQemu = (format: string): Failure =>
  new Failure("source.format", `a ${format} image is converted with qemu-img, which is not installed`, {
    hint: "install it: apt install qemu-utils, dnf install qemu-img, apk add qemu-img or brew install qemu",
  });

/** Exit codes that are no failure: of `check`, that nothing but room is lost, and that the format has no check. */
const FINE: Readonly<Record<string, readonly number[]>> = { check: [3, 63] };

export interface QemuOptions {
  /** Names of files in it are given to the program, and no others. */
  readonly directory: string;
  /** The largest file that may be written. */
  readonly limit: number;
  /** Whether it runs as `nobody`, to whom the directory then belongs. Default: no. */
  readonly asNobody?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs qemu-img over untrusted files, and gives its stdout: with an empty environment, limits on memory, time and file
 * size. Fails with `source.format` in qemu-img's words, or with the signal's reason.
 */
export async function qemuImg(words: readonly string[], options: QemuOptions): Promise<string> {
  const { directory, limit, asNobody = false, signal } = options;
  signal?.throwIfAborted();
  const program = findQemu();
  if (program === undefined) throw noQemu("disk");
  const blocks = String(Math.ceil(limit / 512) + 2048);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn("/bin/sh", ["-c", LIMITED, blocks, program, ...words], {
    cwd: directory,
    env: { LANG: "C", PATH: PLACES.join(":") },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: where qemu-img is a script, what it has started ends with it.
    detached: true,
    ...(asNobody ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  const stop = (): void => endGroup(child.pid);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > OUTPUT) stop();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-SHOWN);
  });
  child.on("error", (cause) => reject(notStarted(program, cause)));
  child.on("close", (code, by) => {
    if (code === 0 || (code !== null && FINE[words[0] ?? ""]?.includes(code) === true)) resolve(output);
    else reject(failed(words[0] ?? "", errors, by));
  });
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await promise;
  } catch (thrown) {
    signal?.throwIfAborted();
    throw thrown;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

const notStarted = (program: string, cause: Error): Failure =>
  new Failure("source.format", `${program} cannot be started: ${cause.message}`, {
    hint: "make it executable for all users, or convert the image elsewhere",
    cause,
  });

function failed(command: string, errors: string, by: NodeJS.Signals | null): Failure {
  const said = errors
    .trim()
    .replaceAll(/^qemu-img: /gm, "")
    .split("\n")
    .slice(-3)
    .join("; ");
  const why = by === null ? said || "no reason given" : `ended by ${by}${said === "" ? "" : `: ${said}`}`;
  return new Failure("source.format", `the image cannot be converted: qemu-img ${command}: ${why}`, {
    hint: "the image may be damaged, or this qemu-img may lack its format; convert it elsewhere",
  });
}
