import { expect, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { ioFailure, replaceFile } from "../../../src/core/store/write.ts";
import { contents, failureOf, folder } from "./help.ts";

const system = (code: string) => Object.assign(new Error(`${code}: no`), { code });

test.each([
  ["ENOSPC", "state.space"],
  ["EDQUOT", "state.space"],
  ["EROFS", "state.readonly"],
  ["EACCES", "state.denied"],
  ["EPERM", "state.denied"],
  ["EIO", "state.io"],
])("%s is %s, with a hint", (errno, code) => {
  const failure = ioFailure(system(errno), "/x/s.json");
  expect(failure.code).toBe(code as Failure["code"]);
  expect(failure.message).toContain("/x/s.json");
  expect(failure.hint).toBeString();
});

test("a Failure stays what it is", () => {
  const failure = new Failure("state.lost", "lost");
  expect(ioFailure(failure, "/x")).toBe(failure);
});

test("a file is replaced whole, and nothing is left beside it when that fails", async () => {
  await using dir = await folder();
  await replaceFile(join(dir.path, "a"), "one");
  await replaceFile(join(dir.path, "a"), "two", { backup: join(dir.path, "b") });
  expect(await contents(dir.path)).toEqual({ a: "two", b: "one" });
  await mkdir(join(dir.path, "c", "d"), { recursive: true });
  expect((await failureOf(replaceFile(join(dir.path, "c"), "x"))).code).toBe("state.io");
  expect((await failureOf(replaceFile(join(dir.path, "none", "x"), "x"))).code).toBe("state.io");
  expect((await readdir(dir.path)).sort()).toEqual(["a", "b", "c"]);
});

/** Runs a script with a filesystem of its own, of 256 KiB; undefined where that is not allowed. */
async function inSmall(path: string, script: string): Promise<string | undefined> {
  const mount = `mount -t tmpfs -o size=256k none ${path}`;
  const shell = (command: string) =>
    Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", command], { stderr: "pipe" });
  const probe = shell(mount);
  if ((await probe.exited) !== 0) return undefined;
  const child = shell(`${mount}\n${process.execPath} ${script} ${path}`);
  return (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
}

test("a full disk, and one that cannot be written: what was there stays, what was acknowledged is kept, and it goes on later", async () => {
  await using dir = await folder();
  await mkdir(join(dir.path, "m"));
  const said = await inSmall(join(dir.path, "m"), join(import.meta.dir, "children/full.ts"));
  // Where the system gives nobody a filesystem of his own, there is nothing to see here.
  if (said === undefined) return;
  expect(said.split("\n")).toEqual([
    "put: state.space",
    "replace: state.space, state as before: true, left over: 0",
    "dispose: state.space",
    "again: every acknowledged row: true",
    "read-only: state.readonly",
    "",
  ]);
}, 30_000);
