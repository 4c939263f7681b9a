import { type Mutant, mutant } from "./mutant.ts";

const DISK = "tests/core/disk";
const LOCK = "src/core/disk/lock.ts";
const PROCESS = "src/core/disk/process.ts";
const WRITE = "src/core/disk/write.ts";

/** Locks, the liveness of processes, atomic writes. */
export const DISK_MUTANTS: readonly Mutant[] = [
  mutant("a leftover that was tidied away is an error", LOCK, "rm(right, { force: true })", "unlink(right)", DISK),
  mutant(
    "a late claim takes the lock from its new holder",
    LOCK,
    "if ((await readHolder(path))?.id !== found.id) continue;",
    "",
    DISK,
  ),
  mutant(
    "a file that is no lock counts as a free one",
    LOCK,
    "if (holder !== undefined) return holder;",
    "return holder;",
    `${DISK} tests/core/store`,
  ),
  mutant(
    "the lock of another host is taken over",
    PROCESS,
    'if (holder.host !== me.host) return "elsewhere";',
    "",
    DISK,
  ),
  mutant(
    "a pid that was given again is the holder",
    PROCESS,
    "found.ticks !== then.ticks",
    "found.ticks === then.machine",
    DISK,
  ),
  mutant("a zombie whose threads run is gone", PROCESS, '(status === "Z" && threads <= 1)', 'status === "Z"', DISK),
  mutant(
    "a process that goes while it is looked at is there",
    PROCESS,
    "return exists(pid) ? {} : undefined;",
    "return {};",
    DISK,
  ),
  mutant(
    "a lock is taken over as soon as its process cannot be seen",
    "src/core/disk/lease.ts",
    ' === "elsewhere" && (await hasBeenSilent(path))',
    ' === "elsewhere"',
    "tests/core/source tests/core/disk tests/core/store",
  ),
  mutant(
    "a failed write leaves its temporary file",
    WRITE,
    "    await rm(fresh, { force: true }).catch(() => {});\n    throw",
    "    throw",
    DISK,
  ),
  mutant(
    "there is no backup of what is replaced",
    WRITE,
    "if (backup !== undefined) await keepAs(path, backup);",
    "",
    DISK,
  ),
];
