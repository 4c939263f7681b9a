import { expect, test } from "bun:test";
import { join } from "node:path";
import { World } from "./world.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const MANY = Array.from({ length: 30 }, (_, i) => `[image.a${i}]\nsource = "./a.img"\n`).join("");

/** The program as a process of its own, behind a shell that says what becomes of its streams. */
async function shell(world: World, script: string): Promise<{ readonly code: number; readonly stderr: string }> {
  const child = Bun.spawn(["sh", "-c", script], {
    cwd: world.directory.path,
    env: { ...process.env, IMAGES: `${process.execPath} ${MAIN}`, IMAGES_CACHE: world.directory.at("cache") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return { code, stderr };
}

for (const [stream, script] of [
  ["stdout", "{ $IMAGES apply --yes --json; echo $? >code; } | head -n 1 >/dev/null"],
  ["stderr", "{ $IMAGES apply --yes 2>&1 >out; echo $? >code; } | head -c 0"],
] as const) {
  test(`a reader of ${stream} that goes away is a soft stop: 141, and the lock is given back`, async () => {
    await using world = await World.make(MANY);
    await shell(world, script);
    expect(await Bun.file(world.directory.at("code")).text()).toBe("141\n");
    await world.ends(0, "apply", "--yes");
    await world.ends(0, "plan", "--detailed-exitcode");
  });
}

test("a full disk behind stdout is a plain error, and not 0", async () => {
  await using world = await World.make(MANY);
  const said = await shell(world, "$IMAGES apply --yes --json >/dev/full");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("error: cannot write to stdout: ENOSPC");
  expect(said.stderr).not.toContain("    at ");
  await world.ends(0, "apply", "--yes");
});
