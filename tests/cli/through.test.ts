import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { disk } from "../core/format/tools.ts";
import { World } from "./world.ts";

setDefaultTimeout(60_000);

// An image that is made from another one: what is declared of its bytes counts as for any other source.

const raw = disk(1 << 20, 3);
const packed = gzipSync(raw);
const ANOTHER = '[backend.more]\nplugin = "local"\npath = "./more"\ngrace = "0s"\n';
const through = (more = "", own = 'source = "./x.img"') =>
  `${ANOTHER}[image.a]\nbackend = "store"\n${own}\n[image.c]\nbackend = "more"\nsource = { image = "store/a"${more} }\n`;
const sum = (algorithm: string, bytes: Uint8Array) =>
  `, checksum = "${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}"`;
const stored = async (world: World, name: string) =>
  Buffer.from(await Bun.file(world.directory.at("more/files", name)).bytes());

async function made(own?: string): Promise<World> {
  const world = await World.make(through("", own), '[settings]\nname = "t"\n');
  await world.directory.write("x.img", packed);
  await world.directory.write("q.qcow2", await Bun.file("tests/fixtures/formats/v3.qcow2").bytes());
  await world.ends(0, "apply", "--yes");
  await world.ends(0, "plan", "--detailed-exitcode");
  return world;
}
const declare = async (world: World, more: string) => await world.declare(through(more), '[settings]\nname = "t"\n');

test("a checksum that is added: of the kind that is known it costs nothing, else the bytes are read; a wrong one is an error", async () => {
  await using world = await made();
  await declare(world, sum("sha256", packed));
  await world.ends(0, "plan", "--detailed-exitcode");
  await declare(world, sum("sha512", packed));
  expect((await world.ends(2, "plan", "--detailed-exitcode")).stdout).toContain("sha512 was never compared");
  await world.ends(0, "apply", "--yes");
  await world.ends(0, "plan", "--detailed-exitcode");
  for (const [algorithm, code] of [
    ["sha384", 2],
    ["sha512", 1],
    ["sha256", 1],
  ] as const) {
    await declare(world, sum(algorithm, raw));
    // What is known of the bytes by now makes the plan fail; of another kind it shows when they are read.
    const { stdout, stderr } = await world.ends(code, "plan", "--detailed-exitcode");
    if (code === 1) expect(stdout + stderr).toContain("checksum mismatch: expected ");
    for (let run = 0; run < 2; run++)
      expect((await world.ends(1, "apply", "--yes")).stderr).toContain("checksum mismatch");
    expect((await stored(world, "c.img.gz")).equals(packed)).toBe(true);
  }
  await declare(world, sum("sha512", packed));
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("a sums file counts as well", async () => {
  await using world = await made();
  await world.directory.write("SUMS", `${"0".repeat(64)}  x.img\n`);
  await declare(world, ', checksum = { sums = "./SUMS", name = "x.img" }');
  expect((await world.ends(1, "plan")).stdout).toContain(`expected sha256:${"0".repeat(64)}, but store/a has sha256:`);
  expect((await world.ends(1, "apply", "--yes")).stderr).toContain("checksum mismatch");
});

test("a plan fails where the image or the file is known to have another digest, and touches nothing", async () => {
  await using world = await World.make(through(sum("sha256", raw)), '[settings]\nname = "t"\n');
  await world.directory.write("x.img", packed);
  // Neither image is there: the file is read by the plan, and passed on as it is.
  const text = `expected ${sum("sha256", raw).split('"')[1]}, but store/a has ${sum("sha256", packed).split('"')[1]}`;
  expect((await world.ends(1, "plan")).stdout).toContain(text);
  await world.ends(0, "apply", "--yes", "--target", "store/a");
  expect((await world.ends(1, "plan")).stdout).toContain(text);
  await world.declare('[image.a]\nbackend = "store"\nsource = "./x.img"\n', '[settings]\nname = "t"\n');
  await world.ends(0, "apply", "--yes");
  const before = await world.record("a");
  const declared = `source = { file = "./x.img"${sum("sha256", raw)} }`;
  await world.declare(`[image.a]\nbackend = "store"\n${declared}\n`, '[settings]\nname = "t"\n');
  expect((await world.ends(1, "plan")).stdout).toContain("checksum mismatch: expected ");
  await world.ends(1, "apply", "--yes");
  expect(await world.record("a")).toEqual(before);
  // The file that is declared is put there: nothing of what was known of the old one counts.
  await world.directory.write("x.img", raw);
  await world.ends(0, "apply", "--yes");
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("a file that changed behind its checksum is not taken for the declared one when that is removed", async () => {
  const block = (source: string) => `[image.a]\nbackend = "store"\nsource = ${source}\n`;
  const settings = '[settings]\nname = "t"\n';
  await using world = await World.make("", settings);
  await world.directory.write("x.img", packed);
  await world.declare(block(`{ file = "./x.img"${sum("sha256", packed)} }`), settings);
  await world.ends(0, "apply", "--yes");
  await world.directory.write("x.img", raw);
  const isSeen = async () => {
    const declared = await Bun.file(world.directory.at("images.toml")).text();
    await world.ends(0, "apply", "--yes");
    await world.ends(0, "plan", "--detailed-exitcode");
    await world.declare(block('"./x.img"'), settings);
    expect((await world.ends(2, "plan", "--detailed-exitcode")).stdout).toContain("±  replace  store/a");
    await world.directory.write("images.toml", declared);
  };
  await isSeen();
  // The same where the state is lost, and the image is adopted.
  await rm(world.directory.at("images.state.json"));
  await isSeen();
});

test("what is done to the bytes is a change", async () => {
  await using world = await made();
  await declare(world, ", decompress = true");
  expect((await world.ends(2, "plan", "--detailed-exitcode")).stdout).toContain("replace");
  await world.ends(0, "apply", "--yes");
  expect((await stored(world, "c.img")).equals(Buffer.from(raw))).toBe(true);
  await world.ends(0, "plan", "--detailed-exitcode");
});

test("the bytes of an image that was converted are its own, and proven by its own digest", async () => {
  await using world = await made('source = "./q.qcow2"\nformat = "raw"');
  const own = await world.record("a");
  const found = createHash("sha256")
    .update(await stored(world, "c.img"))
    .digest("hex");
  expect(JSON.stringify(own)).toContain(found);
});
