import { expect, setDefaultTimeout, test } from "bun:test";
import { disk } from "../core/format/tools.ts";
import { World } from "./world.ts";

setDefaultTimeout(60_000);

// A disk that is encrypted as a whole is published as it is, and never without a word.

const SETTINGS = '[settings]\nname = "t"\n';
const WORD = "store/a: the disk is encrypted as a whole (LUKS): it boots only where its key is given";
const block = (source: string, more = "") => `[image.a]\nbackend = "store"\nsource = ${source}\n${more}`;

/** The header of a LUKS disk, and what looks like noise behind it. */
const luks = Uint8Array.from(disk(1 << 20, 5));
luks.set(Buffer.from("LUKS\xba\xbe\0\x02", "latin1"));

test("a LUKS disk as raw: a plan warns of a file, packed or not", async () => {
  await using world = await World.make("", SETTINGS);
  await world.directory.write("x.img", luks);
  await world.directory.write("x.img.gz", Bun.gzipSync(luks));
  for (const source of ["./x.img", "./x.img.gz"]) {
    await world.declare(block(`"${source}"`), SETTINGS);
    const { stdout, stderr } = await world.ends(0, "plan");
    expect(stdout + stderr).toContain(WORD);
  }
  await world.ends(0, "apply", "--yes");
  const { stdout } = await world.ends(0, "plan", "--detailed-exitcode");
  expect(stdout).toContain("No changes.");
});

test("a LUKS disk from a URL: an apply says it once it sees the bytes", async () => {
  await using server = Bun.serve({ port: 0, fetch: () => new Response(luks) });
  await using world = await World.make(block(`{ url = "http://127.0.0.1:${server.port}/x.img" }`), SETTINGS);
  const { stdout, stderr } = await world.ends(0, "apply", "--yes");
  expect((stdout + stderr).split(WORD)).toHaveLength(2);
});

test("an encrypted qcow2 image", async () => {
  await using world = await World.make(block('"./x.qcow2"'), SETTINGS);
  const image = await Bun.file("tests/fixtures/formats/v3.qcow2").bytes();
  for (const [method, word] of [
    [1, "AES of qcow2"],
    [2, "LUKS"],
  ] as const) {
    image[35] = method;
    await world.directory.write("x.qcow2", image);
    const { stdout, stderr } = await world.ends(0, "plan");
    expect(stdout + stderr).toContain(`the disk is encrypted as a whole (${word})`);
  }
});
