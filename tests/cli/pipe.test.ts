import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Folder } from "../harness.ts";

// The program in a pipe whose reader goes away, and on an output that cannot be written.

const MAIN = resolve("src/cli/main.ts");
const images = (count: number) =>
  Array.from({ length: count }, (_, i) => `[image.i${i}]\nbackend = "s"\nsource = "./a.img"\n`).join("");

async function place(): Promise<Folder> {
  return await Folder.make({
    "a.img": "bytes\n".repeat(100),
    "images.toml": `[backend.s]\nplugin = "local"\npath = "./s"\n${images(40)}`,
  });
}

const shell = (folder: Folder, command: string) =>
  Bun.spawn(["bash", "-c", command], {
    cwd: folder.path,
    env: {
      ...process.env,
      MAIN,
      HOME: folder.path,
      IMAGES_CACHE: folder.at("cache"),
      XDG_STATE_HOME: folder.at("scratch"),
    },
    stdout: "pipe",
    stderr: "pipe",
  });

test("a reader that goes away ends the run softly, with a code that is not 0, and the lock is given back", async () => {
  await using folder = await place();
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
  const child = shell(folder, 'bun "$MAIN" apply --yes --json | head -n 1; echo "${PIPESTATUS[0]}"');
  const [out] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  const code = Number(out.trim().split("\n").at(-1));
  expect(code).toBeGreaterThan(0);
  const again = shell(folder, 'bun "$MAIN" apply --yes --lock-timeout 0s');
  const [said] = await Promise.all([new Response(again.stderr).text(), again.exited]);
  expect([again.exitCode, said.includes("locked")]).toEqual([0, false]);
});

test.skipIf(!existsSync("/dev/full"))("no space on stdout is a plain error", async () => {
  await using folder = await place();
  const child = shell(folder, 'bun "$MAIN" plan --json > /dev/full');
  const [err] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect(child.exitCode).toBeGreaterThan(0);
  expect(err).toContain("stdout cannot be written");
  expect(err).not.toContain("    at ");
});
