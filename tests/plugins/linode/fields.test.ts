import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { writable } from "../../../src/core/model/schema.ts";
import { image } from "../../../src/plugins/linode/schema.ts";
import type { LinodeEmulator } from "../../emulators/linode/start.ts";
import { Scene, TOKEN, upload } from "./kit.ts";

setDefaultTimeout(300_000);

type Traits = Parameters<LinodeEmulator["control"]["changeImage"]>[1];
type Row = { readonly line: string; readonly live: Traits } | "computed";

/** What a field of the API's Image is declared as, and another value of it. */
const FIELDS: Readonly<Record<string, Row>> = {
  label: { line: 'label = "mine"', live: { label: "others" } },
  description: { line: 'description = "words"', live: { description: "others" } },
  tags: { line: 'tags = ["one"]', live: { tags: ["two"] } },
  capabilities: { line: "cloud_init = true", live: { capabilities: ["distributed-sites"] } },
  regions: { line: 'replica_regions = ["us-ord"]', live: { regions: [{ region: "us-iad", status: "available" }] } },
  created: "computed",
  created_by: "computed",
  deprecated: "computed",
  eol: "computed",
  expiry: "computed",
  id: "computed",
  is_public: "computed",
  is_shared: "computed",
  image_sharing: "computed",
  size: "computed",
  status: "computed",
  total_size: "computed",
  type: "computed",
  updated: "computed",
  vendor: "computed",
};

test("every field that an image is answered with has its place in this table", async () => {
  await using play = await Scene.open();
  const { id } = play.control.addImage();
  const answer: unknown = await (
    await fetch(`${play.emulator.url}/v4/images/${id}`, { headers: { authorization: `Bearer ${TOKEN}` } })
  ).json();
  expect(Object.keys(Object(answer)).filter((name) => FIELDS[name] === undefined)).toEqual([]);
});

test("only where an image was made is compared with the state: the disk, and the region of the upload", () => {
  const untold = writable(image).filter(([, { compare, reported }]) => compare === "recorded" && reported !== true);
  // `regions` says where an image is now, which may be elsewhere.
  expect(untold.map(([name]) => name)).toEqual(["region", "disk_id", "linode_id"]);
});

test.each(Object.entries(FIELDS).flatMap(([name, one]) => (one === "computed" ? [] : [[name, one] as const])))(
  "%s is read live and compared: after apply, and of an imported image",
  async (_, { line, live }) => {
    await using play = await Scene.open();
    const name = line.slice(0, line.indexOf(" "));
    await play.directory.write("disk.img.gz", gzipSync("a disk"));
    await play.declare(upload(`${line}\n`));
    await play.apply();
    await play.settled();
    const [{ id } = { id: "" }] = play.control.images();
    play.control.changeImage(id, live);
    const drifted = await play.run("plan", "--detailed-exitcode");
    expect([drifted.code, drifted.stdout]).toEqual([2, expect.stringContaining(name)]);
    const other = play.control.addImage(live);
    await play.ok("state", "rm", "lin/small");
    play.control.removeImage(id);
    await play.ok("import", "lin/small", other.id);
    const imported = await play.run("plan", "--detailed-exitcode");
    expect([imported.code, imported.stdout]).toEqual([2, expect.stringContaining(name)]);
  },
);
