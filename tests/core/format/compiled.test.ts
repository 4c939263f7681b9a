import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, directory, FIXTURES, fixtureDisk } from "./tools.ts";

setDefaultTimeout(300_000);

test("a compiled program packs, unpacks, converts and hashes from an empty directory", async () => {
  await using at = await directory();
  const program = join(at.path, "program");
  const empty = join(at.path, "empty");
  await mkdir(empty);
  const options = ["--compile", "--minify", "--bytecode", "--sourcemap"];
  const source = join(import.meta.dir, "compiled.ts");
  const build = Bun.spawn([process.execPath, "build", ...options, source, "--outfile", program], {
    stdout: "ignore",
    stderr: "pipe",
    cwd: at.path,
  });
  expect([await build.exited, build.exitCode === 0 ? "" : await new Response(build.stderr).text()]).toEqual([0, ""]);
  const done = Bun.spawn([program, join(FIXTURES, "disk.raw.bz2")], {
    stdout: "pipe",
    stderr: "pipe",
    cwd: empty,
    env: {},
  });
  const [out, errors] = await Promise.all([new Response(done.stdout).text(), new Response(done.stderr).text()]);
  expect(errors).toBe("");
  expect(out.trim().split("\n")).toEqual([
    `bz2 ${digestOf(fixtureDisk())}`,
    "gz true true",
    "xz true true",
    "zst true true",
    "threads true",
    "unzstd qcow2->raw true",
  ]);
  expect(await done.exited).toBe(0);
  expect(await readdir(empty)).toEqual([]);
});
