import { expect, setDefaultTimeout, test } from "bun:test";
import { truncate } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import type { ByteRequirements } from "../../../src/core/model/image.ts";
import { World } from "../../cli/world.ts";
import { all, bench, failureOf, fileSource, never, noise, opening } from "./kit.ts";

const WANTS_RAW: ByteRequirements = { formats: ["raw"], compressions: ["none"] };
const GiB = 2 ** 30;
setDefaultTimeout(300_000);

test("an image beyond max_size_gb is refused by the plan, which names the setting; raised, it is planned", async () => {
  const images = '[image.a]\nsource = "./large.raw"\n';
  await using world = await World.make(images, '[settings]\nname = "t"\nmax_size_gb = 1\n');
  await world.directory.write("large.raw", "a disk");
  await truncate(world.directory.at("large.raw"), GiB + 512);
  const { stdout } = await world.ends(1, "plan");
  expect(stdout).toContain("larger than the limit of 1 GiB");
  expect(stdout).toContain("raise max_size_gb in [settings]");
  await world.declare(images, '[settings]\nname = "t"\nmax_size_gb = 2\n');
  expect((await world.ends(0, "plan")).stdout).toContain("1 to add");
});

test("what unpacks to more than the setting ends there, before the backend has the last byte", async () => {
  await using world = await World.make(
    '[image.a]\nsource = { file = "./zeros.gz", decompress = true }\n',
    '[settings]\nname = "t"\nmax_size_gb = 1\n',
  );
  const packed = gzipSync(Buffer.alloc(64 << 20));
  // Members after each other: 17 times 64 MiB.
  await Bun.write(world.directory.at("zeros.gz"), Buffer.concat(Array.from({ length: 17 }, () => packed)));
  const said = await world.ends(1, "apply", "--yes");
  expect(said.stderr + said.stdout).toContain("raise max_size_gb in [settings]");
  expect(await world.ids()).toEqual([]);
});

test("gzip with bytes behind its end is unpacked, and they are told of once; padding is not", async () => {
  await using place = await bench();
  const raw = noise(700_000);
  for (const [name, behind, notes] of [
    ["signed.gz", Buffer.from("a signature"), 1],
    ["padded.gz", Buffer.alloc(512), 0],
  ] as const) {
    const path = await place.file(name, Buffer.concat([gzipSync(raw), behind]));
    const source = await place.run().open(fileSource(path, { decompress: true }), WANTS_RAW, opening());
    for (const _ of [1, 2]) expect((await all(source.open(never))).equals(raw)).toBe(true);
    expect(place.notes.filter((text) => text.includes("after the end of the gzip data"))).toHaveLength(notes);
    place.notes.length = 0;
  }
});

test("a virtual disk beyond the limit is refused also where nothing is converted", async () => {
  await using place = await bench();
  const head = Buffer.alloc(65536);
  head.set(Buffer.from("QED\0"));
  head.writeUInt32LE(65536, 4);
  head.writeUInt32LE(4, 8);
  head.writeUInt32LE(1, 12);
  head.writeBigUInt64LE(65536n, 40);
  head.writeBigUInt64LE(2n ** 41n, 48);
  const path = await place.file("large.qed", head);
  const failure = await failureOf(() =>
    place.run().open(fileSource(path), { formats: "any", compressions: "any" }, opening()),
  );
  expect(failure.code).toBe("source.limit");
});
