import { expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { openRegular, readSmall, SMALL } from "../../../src/core/disk/regular.ts";
import { directory } from "../store/help.ts";

const LARGE = 8 << 20;

/** A file of large and small reads, opened a second time: the first call of a file system is asynchronous, those after it are made at once. */
async function opened() {
  await using at = await directory();
  const path = `${at.path}/file`;
  await writeFile(path, Buffer.alloc(LARGE, "x"));
  await (await openRegular(path)).close();
  return await openRegular(path);
}

test("a file is not closed under a read that a thread has: its number would be another file's", async () => {
  const file = await opened();
  const bytes = new Uint8Array(LARGE);
  const reading = file.read(bytes, 0, LARGE, 0);
  await file.close();
  expect((await reading).bytesRead).toBe(LARGE);
  expect(bytes[LARGE - 1]).toBe("x".charCodeAt(0));
});

test("what is closed reads nothing more, whatever has its number by then", async () => {
  const file = await opened();
  const { fd } = file;
  await file.close();
  await using other = await opened();
  expect(other.fd).toBe(fd);
  for (const length of [16, LARGE]) {
    const read = file.read(new Uint8Array(length), 0, length, 0);
    expect(await read.then(String, (thrown: unknown) => String(thrown))).toMatch(/EBADF|fd/);
  }
  await file.close();
  expect((await other.read(new Uint8Array(16), 0, 16, 0)).bytesRead).toBe(16);
});

test("a small file is read whole by one call; anything else is left to be opened", async () => {
  await using at = await directory();
  for (const size of [0, 1, 5000, SMALL - 1, SMALL]) {
    const bytes = Buffer.alloc(size, "b");
    await writeFile(`${at.path}/small`, bytes);
    const found = await readSmall(`${at.path}/small`);
    expect(found?.bytes.length).toBe(size);
    expect(Buffer.compare(found?.bytes ?? Buffer.of(1), bytes)).toBe(0);
    expect(found?.stat.size).toBe(BigInt(size));
  }
  await writeFile(`${at.path}/large`, Buffer.alloc(SMALL + 1));
  expect(await readSmall(`${at.path}/large`)).toBeUndefined();
  await mkdir(`${at.path}/directory`);
  expect(Bun.spawnSync(["mkfifo", `${at.path}/pipe`]).exitCode).toBe(0);
  // One of 64 reads is asynchronous, as all of a slow file system are.
  for (let i = 0; i < 64; i++) {
    expect(await readSmall(`${at.path}/directory`)).toBeUndefined();
    expect(await readSmall(`${at.path}/pipe`)).toBeUndefined();
  }
  expect(await readSmall(`${at.path}/none`).then(String, (thrown: unknown) => String(thrown))).toContain("ENOENT");
});
