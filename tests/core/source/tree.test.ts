import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmod, chown, link, mkdir, readFile, stat, symlink, utimes } from "node:fs/promises";
import type { FileSource } from "../../../src/core/model/source.ts";
import { withTree } from "../../../src/core/source/open/index.ts";
import { TestDirectory } from "../../harness.ts";

// A directory with metadata.yaml and rootfs is an image, as `incus image import DIRECTORY` takes it.

const { signal } = new AbortController();
const isRoot = process.getuid?.() === 0;
const spec = (path: string): FileSource => ({
  kind: "file",
  path,
  follow: true,
  at: { file: "images.toml", line: 1, column: 1 },
});
async function image(directory: TestDirectory, name: string): Promise<string> {
  const root = directory.at(name);
  for (const path of ["rootfs/etc", "rootfs/bin", "templates"]) await mkdir(`${root}/${path}`, { recursive: true });
  await Bun.write(`${root}/metadata.yaml`, "architecture: x86_64\ncreation_date: 1\n");
  await Bun.write(`${root}/rootfs/etc/hostname`, "x");
  await Bun.write(`${root}/rootfs/bin/tool`, "tool");
  await Bun.write(`${root}/not-of-it`, "left out");
  await symlink("tool", `${root}/rootfs/bin/other`);
  await link(`${root}/rootfs/bin/tool`, `${root}/rootfs/bin/same`);
  await chmod(`${root}/rootfs/bin/tool`, 0o4755);
  await chown(`${root}/rootfs/etc/hostname`, 1234, 5678);
  const all = Bun.spawnSync(["find", root, "-exec", "touch", "-h", "-d", "@1700000000", "{}", "+"]);
  expect(all.exitCode).toBe(0);
  return root;
}
const sha = async (path: string) =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

test.skipIf(!isRoot)(
  "the same tree is the same bytes wherever it lies, with owners, modes and links, and packed once",
  async () => {
    await using directory = await TestDirectory.make();
    const env = { IMAGES_CACHE: directory.at("cache") };
    const pack = async (name: string) => (await withTree(spec(directory.at(name)), env, signal)).path;
    await image(directory, "a");
    await image(directory, "b");
    const [a, b] = [await pack("a"), await pack("b")];
    expect([a === b, await sha(a)]).toEqual([false, await sha(b)]);
    const listed = Bun.spawnSync(["tar", "--numeric-owner", "-tvf", a]).stdout.toString();
    expect(listed).toMatch(/-rwsr-xr-x .*rootfs\/bin\/(same|tool)\n/);
    expect(listed).toMatch(/1234\/5678 .*rootfs\/etc\/hostname/);
    expect(listed).toContain("rootfs/bin/other -> tool");
    expect(listed).not.toContain("not-of-it");
    const before = await stat(a);
    expect([await pack("a"), (await stat(a)).ino]).toEqual([a, before.ino]);
    // A touched tree, and a tarball that is not the one that was made, are packed again.
    const first = await sha(a);
    await Bun.write(`${directory.at("a")}/rootfs/etc/hostname`, "y");
    await utimes(`${directory.at("a")}/rootfs/etc/hostname`, 1_700_000_000, 1_700_000_000);
    expect(await sha(await pack("a"))).not.toBe(first);
    await Bun.write(b, "of somebody");
    expect(await sha(await pack("b"))).toBe(first);
  },
);

test("another directory is none, and files are left as they are", async () => {
  await using directory = await TestDirectory.make();
  await mkdir(directory.at("empty"));
  const env = { IMAGES_CACHE: directory.at("cache") };
  await expect(withTree(spec(directory.at("empty")), env, signal)).rejects.toMatchObject({ code: "source.missing" });
  const plain = spec(directory.at("nothing"));
  expect(await withTree(plain, env, signal)).toBe(plain);
});
