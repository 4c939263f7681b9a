import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../../src/core/disk/write.ts";
import { Failure } from "../../../src/core/failure.ts";
import { stateFailure } from "../../../src/core/store/failure.ts";
import { contents, directory, failureOf } from "../store/help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const system = (code: string) => Object.assign(new Error(`${code}: no`), { code });

const REASONS: readonly [errno: string, code: Failure["code"]][] = [
  ["ENOSPC", "state.space"],
  ["EDQUOT", "state.space"],
  ["EROFS", "state.readonly"],
  ["EACCES", "state.denied"],
  ["EPERM", "state.denied"],
  ["EIO", "state.io"],
];
test.each(REASONS)("%s is %s, with a hint", (errno, code) => {
  const failure = stateFailure(system(errno), "/x/s.json");
  expect(failure.code).toBe(code);
  expect(failure.message).toContain("/x/s.json");
  expect(failure.hint).toBeString();
});

test("a Failure stays what it is", () => {
  const failure = new Failure("state.lost", "lost");
  expect(stateFailure(failure, "/x")).toBe(failure);
});

test("a file is replaced whole, and nothing is left beside it when that fails", async () => {
  await using dir = await directory();
  await replaceFile(join(dir.path, "a"), "one");
  await replaceFile(join(dir.path, "a"), "two", { backup: join(dir.path, "b") });
  expect(await contents(dir.path)).toEqual({ a: "two", b: "one" });
  await mkdir(join(dir.path, "c", "d"), { recursive: true });
  expect((await failureOf(replaceFile(join(dir.path, "c"), "x"))).code).toBe("disk.directory");
  expect((await failureOf(replaceFile(join(dir.path, "none", "x"), "x"))).code).toBe("disk.missing");
  expect((await readdir(dir.path)).sort()).toEqual(["a", "b", "c"]);
});

const small = (path: string): string => `mount -t tmpfs -o size=256k none ${path}`;
/** Runs a command that may mount. */
const apart = (command: string) =>
  Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", command], { stderr: "pipe" });
const mayMount = async (): Promise<boolean> => {
  await using dir = await directory();
  return Bun.which("unshare") !== null && (await apart(small(dir.path)).exited) === 0;
};

// Only where the system lets a user have a filesystem of his own: Linux, outside of most containers.
test.if(await mayMount())(
  "a full disk, and one that cannot be written: what was there stays, what was acknowledged is kept, and it goes on later",
  async () => {
    await using dir = await directory();
    const script = join(import.meta.dir, "../store/children/full.ts");
    const child = apart(`${small(dir.path)}\n${process.execPath} ${script} ${dir.path}`);
    const said = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
    expect(said.split("\n")).toEqual([
      "put: state.space",
      "replace: disk.space, state as before: true, left over: 0",
      "dispose: state.space",
      "again: every acknowledged row: true",
      "read-only: state.readonly",
      "",
    ]);
  },
  30_000,
);
