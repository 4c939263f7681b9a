import { expect, setDefaultTimeout, test } from "bun:test";
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileStorage } from "../../../src/core/store/file.ts";
import type { StateLock } from "../../../src/core/store/storage.ts";
import { storageConformance } from "./conformance.ts";
import { directory, failureOf, holder, signal } from "./help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

storageConformance("a file", async () => {
  const { path, [Symbol.asyncDispose]: dispose } = await directory();
  return { open: () => fileStorage(join(path, "sub", "images.state.json")), [Symbol.asyncDispose]: dispose };
});

async function lease(path: string, id = "a", keep?: number): Promise<StateLock> {
  const answer = await fileStorage(path, keep === undefined ? {} : { keep }).lock(holder(id), signal);
  if ("lease" in answer) return answer.lease;
  throw new Error("locked");
}
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("state, backup, lock and journals are for their owner only, also where the state was not", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  await writeFile(path, "former", { mode: 0o644 });
  await chmod(path, 0o644);
  await using held = await lease(path);
  const tag = (await fileStorage(path).read(signal)).document?.tag;
  await held.write("next", tag);
  await held.journal?.append("r", "x\n", true);
  const files = ["s.json", "s.json.backup", "s.json.lock", ".images/journal/s.json/r.open.jsonl"];
  expect(await Promise.all(files.map((name) => modeOf(join(dir.path, name))))).toEqual([0o600, 0o600, 0o600, 0o600]);
  expect(await modeOf(join(dir.path, ".images"))).toBe(0o700);
});

test("the backup is the former document, and nothing else is left beside it", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  {
    await using held = await lease(path);
    const one = await held.write("one", undefined);
    expect(await readdir(dir.path)).not.toContain("s.json.backup");
    const two = await held.write("two", one);
    await held.write("three", two);
  }
  expect(await readFile(path, "utf8")).toBe("three");
  expect(await readFile(`${path}.backup`, "utf8")).toBe("two");
  expect((await readdir(dir.path)).sort()).toEqual([".images", "s.json", "s.json.backup"]);
});

test("a symbolic link is followed: the file behind it changes, and every name of it has one lock", async () => {
  await using dir = await directory();
  await mkdir(join(dir.path, "real"));
  await mkdir(join(dir.path, "a"));
  const real = join(dir.path, "real", "state.json");
  const link = join(dir.path, "a", "s.json");
  await symlink("../real/state.json", link);
  await using held = await lease(link);
  await held.write("one", undefined);
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readFile(real, "utf8")).toBe("one");
  expect(await fileStorage(real).lock(holder("b"), signal)).toEqual({ holder: holder("a") });
  expect(fileStorage(link).backup).toBe(`${real}.backup`);
});

test("a link that leads to itself is told", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  await symlink("s.json", path);
  expect((await failureOf((async () => fileStorage(path))())).code).toBe("state.io");
});

test("only the newest runs are remembered", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  for (let i = 0; i < 6; i++) {
    await using held = await lease(path, `h${i}`, 3);
    await held.journal?.append(`r${i}`, "x\n", false);
    await held.journal?.finish(`r${i}`);
  }
  expect((await fileStorage(path).runs(signal)).map(({ run }) => run)).toEqual(["r3", "r4", "r5"]);
});

test("a run is asked for by its name, never by a path", async () => {
  await using dir = await directory();
  await writeFile(join(dir.path, "x.jsonl"), "secret\n");
  expect(await fileStorage(join(dir.path, "s.json")).readRun("../../../x", signal)).toBeUndefined();
});

test("what killed processes left beside the document goes with the next lock", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  const dead = JSON.stringify({ ...holder("gone"), pid: 2 ** 22 + 1 });
  await writeFile(join(dir.path, ".s.json.0123456789ab.tmp"), "half");
  await writeFile(`${path}.lock.gone.new`, dead);
  await writeFile(`${path}.lock.other`, dead);
  await writeFile(join(dir.path, ".other.json.0123456789ab.tmp"), "not ours");
  await using _ = await lease(path);
  expect((await readdir(dir.path)).sort()).toEqual([".other.json.0123456789ab.tmp", "s.json.lock"]);
});

test("two states in one directory have locks and journals of their own", async () => {
  await using dir = await directory();
  await using a = await lease(join(dir.path, "a.json"));
  await using b = await lease(join(dir.path, "b.json"));
  await a.journal?.append("r", "a\n", true);
  await b.journal?.append("r", "b\n", true);
  expect((await fileStorage(join(dir.path, "a.json")).read(signal)).open).toEqual([{ run: "r", text: "a\n" }]);
});

test("a lock file that does not say who holds it is told, and stays", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  await writeFile(`${path}.lock`, "");
  const { code, hint } = await failureOf(fileStorage(path).lock(holder("a"), signal));
  expect([code, hint]).toEqual(["state.lock", `if no other run is active, remove ${path}.lock`]);
  expect(await readdir(dir.path)).toEqual(["s.json.lock"]);
});
