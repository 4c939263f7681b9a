import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { Failure, interrupted } from "../../src/core/failure.ts";
import { listed } from "../harness.ts";
import { World } from "./world.ts";

const ONE = '[image.a]\nsource = "./a.img"\n';

test("without a terminal and without --yes apply refuses, with the flag to pass", async () => {
  await using world = await World.make(ONE);
  expect((await world.ends(1, "apply")).stderr).toContain("pass --yes");
  expect((await world.ends(1, "apply", "--json")).stderr).toContain("pass --yes");
});

test("--auto-approve is --yes; nothing to do needs neither", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--auto-approve");
  const said = await world.ends(0, "apply");
  expect(said.stdout).toContain("No changes.");
  expect(said.stdout).toContain("Apply complete! Resources: 0 added, 0 changed, 0 destroyed.");
});

test("--detailed-exitcode says 2 when something was done", async () => {
  await using world = await World.make(ONE);
  await world.ends(2, "apply", "--yes", "--detailed-exitcode");
  await world.ends(0, "apply", "--yes", "--detailed-exitcode");
});

test("--max-deletes refuses a plan that takes more, replaced ones included", async () => {
  await using world = await World.make(`${ONE}[image.b]\nsource = "./b.img"\n`);
  await world.ends(0, "apply", "--yes");
  await world.declare(ONE);
  await world.directory.write("a.img", "others\n");
  expect((await world.ends(1, "apply", "--yes", "--max-deletes", "1")).stderr).toContain("deletes 2 objects");
  expect((await world.ids()).length).toBe(2);
  await world.ends(0, "apply", "--yes", "--max-deletes", "2");
  expect((await world.ids()).length).toBe(1);
});

test("one failure does not stop the others, and the exit code is 1", async () => {
  await using world = await World.make(
    `${ONE}[image.b]\nsource = { file = "./b.img", checksum = "sha256:${"0".repeat(64)}" }\n`,
  );
  const said = await world.ends(1, "apply", "--yes");
  expect(said.stdout).toContain("1 added");
  expect(said.stderr).toContain("store/b");
  expect((await world.ids()).length).toBe(1);
  expect(Object.keys((await world.state()).images)).toEqual(["store/a"]);
});

test("a hundred images of the same bytes, sixteen at a time, into a store that does not exist yet: one file for all", async () => {
  const blocks = Array.from({ length: 100 }, (_, i) => `[image.i${i}]\nsource = "./a.img"\n`).join("");
  await using world = await World.make(blocks);
  await world.ends(0, "apply", "--yes", "--parallelism", "16");
  const [blob = ""] = await listed(world.directory.at("store", "blobs"));
  expect((await stat(world.directory.at("store", "blobs", blob))).nlink).toBe(101);
});

test("the bytes of another address come after it, through its backend; when it fails they are left", async () => {
  const other =
    '[backend.second]\nplugin = "local"\npath = "./second"\n[image.copy]\nbackend = "second"\nsource = { image = "store/a" }\n';
  await using world = await World.make('[image.a]\nbackend = "store"\nsource = "./a.img"\n', other);
  await world.ends(0, "apply", "--yes");
  await world.ends(0, "plan", "--detailed-exitcode");
  const sums = await Bun.file(world.directory.at("second", "SHA256SUMS")).text();
  expect(sums.split("  ")[0]).toBe(
    (await Bun.file(world.directory.at("store", "SHA256SUMS")).text()).split("  ")[0] ?? "",
  );
});

test("a protected image is neither deleted nor replaced, also when its block is gone; lifting it takes an apply", async () => {
  await using world = await World.make(`${ONE}protect = true\n`);
  await world.ends(0, "apply", "--yes");
  await world.directory.write("a.img", "others\n");
  expect((await world.ends(1, "apply", "--yes")).stdout).toContain("protected");
  await world.declare("");
  expect((await world.ends(1, "apply", "--yes")).stdout).toContain("removing its block does not lift that");
  expect((await world.ends(1, "destroy", "--yes")).stdout).toContain("protected");
  await world.declare(ONE);
  await world.ends(0, "apply", "--yes");
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect(await world.ids()).toEqual([]);
});

test('on_remove = "forget" lets go of the image and leaves it', async () => {
  await using world = await World.make(`${ONE}on_remove = "forget"\n`);
  await world.ends(0, "apply", "--yes");
  await world.declare("");
  expect((await world.ends(0, "apply", "--yes")).stdout).toContain("1 forgotten");
  expect((await world.ids()).length).toBe(1);
  expect((await world.state()).images).toEqual({});
});

test("enabled = false leaves an image as it is; state = absent takes it away", async () => {
  await using world = await World.make(ONE);
  await world.ends(0, "apply", "--yes");
  await world.declare(`${ONE}enabled = false\ntags = ["x"]\n`);
  await world.ends(0, "plan", "--detailed-exitcode");
  await world.declare('[image.a]\nstate = "absent"\n');
  await world.ends(0, "apply", "--yes");
  expect(await world.ids()).toEqual([]);
});

test("a replace leaves no hole: the new one is there before the old one goes; delete-first when asked for", async () => {
  for (const [order, text] of [
    ["create-first", ONE],
    ["delete-first", `${ONE}replace = "delete-first"\n`],
  ] as const) {
    await using world = await World.make(text);
    await world.ends(0, "apply", "--yes");
    await world.directory.write("a.img", "others\n");
    const said = await world.ends(0, "apply", "--yes", "--json");
    const events = said.stdout.split("\n");
    expect([order, events.some((line) => line.includes('"replace"'))]).toEqual([order, true]);
    expect((await world.ids()).length).toBe(1);
    await world.ends(0, "plan", "--detailed-exitcode");
  }
});

test("Ctrl-C before anything was done: nothing is done, the state is whole, 130", async () => {
  await using world = await World.make(ONE);
  const stop = new AbortController();
  stop.abort(interrupted());
  const said = await world.run(["apply", "--yes"], { signal: stop.signal });
  expect(said.code).toBe(130);
  await world.ends(0, "apply", "--yes");
});

test("an image's timeout ends its step and leaves nothing half made", async () => {
  await using slow = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(new ReadableStream({ pull: () => new Promise(() => undefined) })),
  });
  await using world = await World.make(`[image.a]\ntimeout = 1\nsource = "http://127.0.0.1:${slow.port}/x.img"\n`);
  const said = await world.ends(1, "apply", "--yes");
  expect(said.stderr).toContain("timed out after 1 s");
  await slow.stop(true);
});

test("ignore_changes leaves what it names to others", async () => {
  await using world = await World.make(`${ONE}tags = ["mine"]\n`);
  await world.ends(0, "apply", "--yes");
  await world.declare(`${ONE}tags = ["other"]\nignore_changes = ["tags", "content"]\n`);
  await world.directory.write("a.img", "others\n");
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("a bug is told as one, with its stack", () => {
  expect(new Failure("run.bug", "x").code).toBe("run.bug");
});

test("changes of many images in one run are all in the indexes afterwards", async () => {
  const names = Array.from({ length: 20 }, (_, i) => `i${i}`);
  const blocks = (more: string) => names.map((name) => `[image.${name}]\nsource = "./a.img"\n${more}`).join("");
  await using world = await World.make(blocks(""));
  await world.ends(0, "apply", "--yes");
  await world.declare(blocks('visibility = "private"\n'));
  await world.ends(0, "apply", "--yes");
  expect(await Bun.file(world.directory.at("store", "SHA256SUMS")).text()).toBe("");
});
