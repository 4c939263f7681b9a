import { type Code, Failure } from "../failure.ts";

/** Why a file system refused a request. `links`: it has no hard links. `lock`: a lock file does not name its holder; `locked`: a holder has it. */
type DiskReason = "space" | "readonly" | "denied" | "missing" | "directory" | "links" | "lock" | "locked" | "io";
const OF: Readonly<Record<string, DiskReason>> = {
  ENOSPC: "space",
  EDQUOT: "space",
  EROFS: "readonly",
  EACCES: "denied",
  EPERM: "denied",
  ENOENT: "missing",
  ENOTDIR: "missing",
  EISDIR: "directory",
};
const MESSAGES: Readonly<Record<Exclude<DiskReason, "lock" | "locked" | "io">, (path: string) => string>> = {
  space: (path) => `no space left to write ${path}`,
  readonly: (path) => `${path} is on a read-only filesystem`,
  denied: (path) => `no permission for ${path}`,
  missing: (path) => `${path} does not exist`,
  directory: (path) => `${path} is a directory, not a file`,
  links: (path) => `cannot lock ${path}: its filesystem has no hard links`,
};

/** The system's name of an error ("ENOENT"); undefined when it is none of its errors. */
export function errno(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/**
 * The failure `disk.REASON` of what the file system refused at `path`, in plain words and without a hint: the caller knows what the
 * file is for, and what to do (`worded`). A Failure is returned as it is.
 */
export function diskFailure(thrown: unknown, path: string): Failure {
  if (thrown instanceof Failure) return thrown;
  const reason = OF[errno(thrown) ?? ""] ?? "io";
  const message =
    reason === "io"
      ? `${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`
      : reason === "lock" || reason === "locked"
        ? path
        : MESSAGES[reason](path);
  return new Failure(`disk.${reason}`, message, { cause: thrown });
}

/** `cannot lock PATH`: hard links are refused by that file system. */
export const noLinks = (path: string, cause: unknown): Failure =>
  new Failure("disk.links", MESSAGES.links(path), { cause });

/** What an area of the program says of each reason: its code, and what to do. */
export type Wording = Readonly<Record<DiskReason, { readonly code: Code; readonly hint: (path: string) => string }>>;

/** The failure of an area for what the file system refused; any Failure that is not of the disk is returned as it is. */
export function worded(thrown: unknown, path: string, wording: Wording): Failure {
  const failure = diskFailure(thrown, path);
  const [area, name] = failure.code.split(".");
  const reason = REASONS.find((one) => one === name);
  if (area !== "disk" || reason === undefined) return failure;
  const { code, hint } = wording[reason];
  return new Failure(code, failure.message, { cause: failure.cause, hint: failure.hint ?? hint(path) });
}

const REASONS: readonly DiskReason[] = [...new Set(Object.values(OF)), "links", "lock", "locked", "io"];
