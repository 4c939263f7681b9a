import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Holder } from "../model/state.ts";
import { userName } from "./account.ts";

/** What a process is known by on its host. */
export type Identity = Pick<Holder, "host" | "pid" | "started">;
/** Asks the system for a process: undefined when there is none; its start time where the system tells it. */
type Probe = (pid: number) => { readonly ticks?: string } | undefined;

/** This process, as its locks name it. */
export function identity(): Identity & Pick<Holder, "user"> {
  const started = startedOf();
  return { user: userName(), host: hostname(), pid: process.pid, ...(started === undefined ? {} : { started }) };
}

/**
 * Is the holder of a lock gone? `dead` only when that is certain: a process of this host that is no more, or of a former boot of it.
 * `elsewhere`: another host, or another container of this one, whose processes cannot be seen from here.
 */
export function life(holder: Identity, me: Identity, probe: Probe): "alive" | "dead" | "elsewhere" {
  if (holder.host !== me.host) return "elsewhere";
  const then = parts(holder.started);
  const now = parts(me.started);
  if ((then === undefined) !== (now === undefined)) return "elsewhere";
  if (then !== undefined && now !== undefined) {
    if (then.machine !== now.machine) return "elsewhere";
    // Two machines of the same name without ids cannot be distinguished from one that was started again.
    if (then.boot !== now.boot) return now.machine === NONE ? "elsewhere" : "dead";
    if (then.namespace !== now.namespace) return "elsewhere";
  }
  const found = probe(holder.pid);
  if (found === undefined) return "dead";
  return then !== undefined && found.ticks !== undefined && found.ticks !== then.ticks ? "dead" : "alive";
}

export const isDead = (holder: Identity, me: Identity, probe: Probe): boolean => life(holder, me, probe) === "dead";

/** The system's own answer. A zombie counts as gone: it does nothing any more. */
export const probe: Probe = (pid) => probeIn("/proc", pid);

/** The same of another mount of proc(5), and of another answer to whether there is such a process. */
export function probeIn(proc: string, pid: number, exists = isThere): ReturnType<Probe> {
  if (!exists(pid)) return undefined;
  const stat = statOf(pid, proc);
  // It may have gone between the two questions.
  if (stat === undefined) return exists(pid) ? {} : undefined;
  return hasEnded(stat) ? undefined : { ticks: stat.ticks };
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and another user's.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** A killed process is a zombie as soon as its first thread has ended; another one may still be within a rename. */
const hasEnded = ({ status, threads }: Stat): boolean => status === "X" || (status === "Z" && threads <= 1);

const NONE = "-";

/** Linux: machine, boot, process namespace and start time; a pid says nothing without them. Elsewhere undefined. */
function startedOf(): string | undefined {
  const stat = statOf("self");
  const boot = read("/proc/sys/kernel/random/boot_id");
  if (stat === undefined || boot === undefined) return undefined;
  const machine = read("/etc/machine-id");
  // The machine id must stay private: machine-id(5). A digest of it serves as well.
  const id =
    machine === undefined || machine === ""
      ? NONE
      : createHash("sha256").update(`images:${machine}`).digest("hex").slice(0, 12);
  return [id, boot.slice(0, 13), namespaceOf(), stat.ticks].join("/");
}

interface Parts {
  readonly machine: string;
  readonly boot: string;
  readonly namespace: string;
  readonly ticks: string;
}

function parts(started: string | undefined): Parts | undefined {
  const [machine, boot, namespace, ticks] = started?.split("/") ?? [];
  if (machine === undefined || boot === undefined || namespace === undefined || ticks === undefined) return undefined;
  return { machine, boot, namespace, ticks };
}

interface Stat {
  readonly status: string;
  readonly threads: number;
  readonly ticks: string;
}

/** proc(5): the name of the program, in parentheses, may hold anything; status is the 3rd field, num_threads the 20th, starttime the 22nd. */
function statOf(pid: number | "self", proc = "/proc"): Stat | undefined {
  const text = read(`${proc}/${pid}/stat`);
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? [];
  const [status, threads, ticks] = [fields[0], fields[17], fields[19]];
  return status === undefined || ticks === undefined ? undefined : { status, threads: Number(threads), ticks };
}

function namespaceOf(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? NONE;
  } catch {
    return NONE;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
