import { readFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";

// The account that the process runs as. A container or a systemd unit may run as a number that no user database knows.

/** The home directory: HOME, else that of the user database; for an account without an entry the root directory, as in containers. */
export function homeOf(env: Readonly<Record<string, string | undefined>>): string {
  const said = env["HOME"];
  if (said !== undefined && said !== "") return said;
  try {
    return homedir();
  } catch {
    return "/";
  }
}

/** The name of the account, or `uid N`. Not userInfo() alone: it returns $USER, which su and containers leave unset or wrong. */
export function userName(): string {
  const uid = process.getuid?.();
  if (uid === undefined) return userInfo().username;
  const entry = passwd()
    .split("\n")
    .find((line) => line.split(":")[2] === String(uid));
  const named = entry?.split(":")[0] ?? infoName();
  return named === undefined || named === "unknown" ? `uid ${uid}` : named;
}

function passwd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}

function infoName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
