import { expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { served } from "../../core/net/kit.ts";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { refusals } from "../../emulators/outscale/refusal.ts";
import { KEY, ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const copyOf = (other: string, name = "copy", more = "") =>
  `[image.${name}]\nbackend = "osc"\nsource_image_id = { image = "osc/${other}" }\nsource_region_name = "eu-west-2"\n${more}\n`;

async function scene(gold = "") {
  const play = await Scene.open();
  await play.declare(ofVm(play, gold, "gold") + copyOf("gold"));
  return play;
}

/** The id by name. */
const idOf = (play: Scene, name: string) => play.own().find(({ ImageName }) => ImageName === name)?.ImageId ?? "none";

/** What an image was made from, as the state has it. */
async function origin(play: Scene, name = "copy"): Promise<string> {
  const { images } = JSON.parse(await Bun.file(play.directory.at("images.state.json")).text());
  return images[`osc/${name}`].want.source_image_id;
}

/** How many images were asked for since the last call. */
const made = (play: Scene) => play.asked(true).filter((one) => one.startsWith("CreateImage")).length;

test("an image is made from another one of the file, whose id is known after apply", async () => {
  await using play = await scene();
  expect((await play.ok("plan")).stdout).toContain("(known after apply)");
  await play.apply();
  expect(await origin(play)).toBe(idOf(play, "gold"));
  await play.settled();
});

test("the id itself and the address mean the same", async () => {
  await using play = await scene();
  await play.apply();
  await play.declare(
    ofVm(play, "", "gold") + copyOf("gold").replace('{ image = "osc/gold" }', `"${idOf(play, "gold")}"`),
  );
  await play.settled();
  await play.declare(ofVm(play, "", "gold") + copyOf("gold"));
  await play.settled();
});

test("a replaced image replaces what is made from it", async () => {
  await using play = await scene();
  await play.apply();
  const [gold, copy] = [idOf(play, "gold"), idOf(play, "copy")];
  await play.declare(ofVm(play, "no_reboot = true", "gold") + copyOf("gold"));
  const plan = (await play.ok("plan")).stdout;
  expect(plan).toMatch(/source_image_id\s.*-> \(known after apply\)/);
  expect(plan).toContain("2 to add, 0 to change, 6 to destroy");
  await play.apply();
  expect([idOf(play, "gold") === gold, idOf(play, "copy") === copy]).toEqual([false, false]);
  expect(await origin(play)).toBe(idOf(play, "gold"));
  await play.settled();
});

const bucketOf = sharedStore(KEY);

test("what is made from an image whose source only seemed to change is kept with it", async () => {
  let etag = '"one"';
  const bytes = Buffer.concat([Buffer.from("boot ".repeat(1000)), Buffer.alloc(1 << 20)]).subarray(0, 1 << 20);
  await using server = served(() => new Response(bytes, { headers: { etag } }));
  await using play = await Scene.open(bucketOf());
  const gold = `[image.gold]\nbackend = "osc"\nsource = { url = "${server.url}/disk.raw" }\n`;
  await play.declare(gold + copyOf("gold"));
  await play.apply();
  const before = [idOf(play, "gold"), idOf(play, "copy")];
  etag = '"two"';
  expect((await play.ok("plan")).stdout).toContain("osc/copy");
  made(play);
  await play.apply();
  expect([made(play), idOf(play, "gold"), idOf(play, "copy")]).toEqual([0, ...before]);
  await play.settled();
});

test("an update of it replaces nothing", async () => {
  await using play = await scene();
  await play.apply();
  await play.declare(ofVm(play, 'description = "words"', "gold") + copyOf("gold"));
  await play.apply();
  expect(play.own()).toHaveLength(2);
  expect(made(play)).toBe(2);
  await play.settled();
});

test("chains, and a lost state", async () => {
  await using play = await scene();
  await play.declare(ofVm(play, "", "gold") + copyOf("gold") + copyOf("copy", "again"));
  await play.apply();
  expect([await origin(play), await origin(play, "again")]).toEqual([idOf(play, "gold"), idOf(play, "copy")]);
  await rm(play.directory.at("images.state.json"));
  await play.apply();
  expect(made(play)).toBe(3);
  await play.settled();
});

test("what goes with others goes after them, whether the file still declares it or not", async () => {
  for (const isDestroy of [true, false]) {
    await using play = await scene();
    await play.apply();
    if (!isDestroy) await play.declare("");
    const { stdout } = await play.ok(isDestroy ? "destroy" : "apply", "--yes", "--json");
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const turns = events.flatMap(({ type, hook }) =>
      /^apply_(start|complete)$/.test(type) ? [hook.resource.addr] : [],
    );
    expect(turns).toEqual(["copy", "copy", "gold", "gold"].map((one) => `image.${one}["osc"]`));
  }
});

test("--target takes along what an image is made from; a destroy does not", async () => {
  await using play = await scene();
  await play.apply("--target", "copy");
  expect(play.own()).toHaveLength(2);
  await play.ok("destroy", "--yes", "--target", "copy");
  expect(play.own().map(({ ImageName }) => ImageName)).toEqual(["gold"]);
});

test("what an image is made from is excluded, or cannot be made", async () => {
  await using play = await scene();
  const plan = await play.run("plan", "--exclude", "gold");
  expect([plan.code, plan.stdout]).toEqual([1, expect.stringContaining("source_image_id: osc/gold has no image")]);
  await play.apply();
  await play.declare(
    ofVm(play, "no_reboot = true\nprotect = true", "gold") + copyOf("gold", "copy", 'tags = { a = "b" }'),
  );
  expect((await play.run("plan")).stdout).not.toContain("source_image_id");
  await play.apply("--exclude", "gold");
  expect(made(play)).toBe(2);
});

test("a failed image stops what is made from it, and nothing else", async () => {
  await using play = await scene();
  await play.declare(ofVm(play, "", "gold") + copyOf("gold") + ofVm(play, "", "other"));
  play.control.fail("image", { code: "Server.SnapshotFailed", message: "the volume went away" });
  expect(await play.refused("apply", "--yes", "--parallelism", "1")).toContain("osc/gold failed");
  expect(play.own().map(({ ImageName }) => ImageName)).toEqual(["other"]);
  await play.apply();
  await play.settled();
  expect(play.own()).toHaveLength(3);
});

test.each([
  ["a circle", copyOf("b", "a") + copyOf("a", "b"), /osc\/a -> osc\/b -> osc\/a \(also line \d+\)/],
  ["itself", copyOf("a", "a"), /osc\/a -> osc\/a/],
  ["no such image", copyOf("b", "a"), /source_image_id: there is no image osc\/b/],
  ["no address", copyOf("a", "a").replace("osc/a", "a"), /expected BACKEND\/IMAGE/],
  ["another key", copyOf("a", "a").replace("image =", "address ="), /expected an id, or the address of an image/],
  ["a number", copyOf("a", "a").replace('"osc/a"', "7"), /expected an id, or the address of an image/],
] as const)("refused by validate: %s", async (_, images, expected) => {
  await using play = await Scene.open();
  await play.declare(images);
  expect(await play.refused("validate")).toMatch(expected);
});

test("refused by validate: an image that is to go, and one of another backend", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'state = "absent"', "gold") + copyOf("gold"));
  expect(await play.refused("validate")).toContain("osc/gold is declared absent");
  await play.declare(
    `[backend.st]\nplugin = "local"\npath = "./st"\n[image.x]\nbackend = "st"\nsource = "./x"\n${copyOf("gold").replace("osc/gold", "st/x")}`,
  );
  expect(await play.refused("validate")).toContain("st/x is on another backend");
});

test("a saved plan, ignore_changes, protect and a moved address", async () => {
  await using play = await scene();
  await play.ok("plan", "--out", "first.plan");
  await play.ok("apply", "first.plan");
  await play.settled();
  const [gold, copy] = [idOf(play, "gold"), idOf(play, "copy")];
  const other = ofVm(play, "no_reboot = true", "gold");
  await play.declare(other + copyOf("gold", "copy", "protect = true"));
  expect((await play.run("plan")).stdout).toContain("source_image_id");
  expect(idOf(play, "gold")).toBe(gold);
  await play.declare(other + copyOf("gold", "copy", 'ignore_changes = ["source_image_id"]'));
  await play.ok("plan", "--out", "second.plan");
  await play.ok("apply", "second.plan");
  expect([idOf(play, "gold") === gold, idOf(play, "copy")]).toEqual([false, copy]);
  await play.settled();
  await play.declare(
    `${other.replace("image.gold", "image.base").replace("no_reboot", 'image_name = "gold"\nno_reboot')}\n${copyOf("base", "copy", 'ignore_changes = ["source_image_id"]')}\n[[moved]]\nfrom = "osc/gold"\nto = "osc/base"\n`,
  );
  await play.apply();
  expect(made(play)).toBe(3);
  await play.settled();
});

test("a run that fails or is interrupted between the two goes on with the copy", async () => {
  await using play = await scene();
  await play.apply();
  await play.declare(ofVm(play, "no_reboot = true", "gold") + copyOf("gold"));
  play.control.next({ kind: "refused", refusal: refusals.badValue("no").refusal }, "CreateImage", { skip: 1 });
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  await play.apply();
  expect(await origin(play)).toBe(idOf(play, "gold"));
  await play.settled();
  expect(await play.left()).toEqual([]);
});
