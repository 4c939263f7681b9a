import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
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
  for (const wrong of [sum("sha384", raw), sum("sha512", raw), sum("sha256", raw)]) {
    await declare(world, wrong);
    await world.ends(2, "plan", "--detailed-exitcode");
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
  await world.ends(2, "plan", "--detailed-exitcode");
  expect((await world.ends(1, "apply", "--yes")).stderr).toContain("checksum mismatch");
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
