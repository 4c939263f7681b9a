import { statfs } from "node:fs/promises";
import { arch, cpus, homedir, loadavg, release, totalmem } from "node:os";
import { resolve } from "node:path";
import type { Machine } from "./report.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** What the figures depend on, without a name or a path of this machine. */
export async function machine(
  disk: string,
  fast: string,
  versions: Readonly<Record<string, string>>,
): Promise<Machine> {
  const [first] = cpus();
  return {
    cpu: `${first?.model.trim() ?? "?"} (${arch()})`,
    cores: cpus().length,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    kernel: release().replace(/[^0-9.].*$/, ""),
    bun: Bun.version,
    disk: await kind(disk),
    fast: await kind(fast),
    versions,
  };
}

export const load = (): number => loadavg()[0] ?? 0;

/** Kinds of file systems that are likely, by their magic numbers. */
const KINDS = new Map([
  [0xef53, "ext4"],
  [0x01021994, "tmpfs"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x794c7630, "overlayfs"],
  [0x2fc12fc1, "zfs"],
]);

async function kind(path: string): Promise<string> {
  const { type } = await statfs(path);
  return KINDS.get(type) ?? `0x${type.toString(16)}`;
}

/** The commit of the tree that the program is built of. */
export async function commit(): Promise<string> {
  const child = Bun.spawn(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude=*"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const said = (await new Response(child.stdout).text()).trim();
  return said === "" ? "?" : said;
}

/** A reason that can be kept in the tree: no path of this machine, no host but loopback, one line. */
export function neutral(reason: string, directories: readonly string[]): string {
  let text = reason;
  for (const [path, name] of [
    ...directories.map((directory) => [directory, "DIR"] as const),
    [ROOT, "."],
    [homedir(), "~"],
  ] as const)
    if (path.length > 1) text = text.replaceAll(path, name);
  return text
    .replace(/\b[a-z]+:\/\/(?!127\.0\.0\.1\b|localhost\b)[^\s"']+/g, "URL")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(-300);
}

/** Whether the binary is what these sources are. */
export async function isStale(binary: string): Promise<boolean> {
  const built = Bun.file(binary).lastModified;
  const sources = [...new Bun.Glob("src/**/*").scanSync(ROOT)].map(
    (file) => Bun.file(resolve(ROOT, file)).lastModified,
  );
  return sources.some((changed) => changed > built);
}
