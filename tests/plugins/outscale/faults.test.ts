import { expect, setDefaultTimeout, test } from "bun:test";
import { explain } from "../../../src/plugins/outscale/explain.ts";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { refusals } from "../../emulators/outscale/refusal.ts";
import { KEY, ofBytes, ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);
const RAW = Buffer.alloc(40_000, "a disk\n");

async function bytesScene(more = "") {
  const play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", RAW);
  await play.declare(ofBytes(more));
  return play;
}

test("a failed image is told with its state comment, and nothing of it is left", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  play.control.fail("image", { code: "Server.SnapshotFailed", message: "the volume went away" });
  const said = await play.refused("apply", "--yes");
  expect(said).toMatch(/Outscale could not create ami-\w+: Server\.SnapshotFailed: the volume went away/);
  expect(said).toContain("hint:");
  expect(play.own()).toEqual([]);
  expect(await play.left()).toEqual([]);
  await play.apply();
  await play.settled();
});

test("an image that failed later is shown as failed and made again", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  const [{ ImageId: id } = { ImageId: "" }] = play.own();
  play.control.changeImage(id, { State: "failed" });
  expect((await play.run("plan", "--detailed-exitcode")).code).toBe(2);
  await play.apply();
  expect(play.own()).toMatchObject([{ State: "available" }]);
  expect(play.own()[0]?.ImageId).not.toBe(id);
  await play.settled();
});

test("a step that fails before the image is made leaves neither object nor snapshot nor image, and the next run makes all of it", async () => {
  await using play = await bytesScene('tags = { os = "debian" }');
  const { control } = play;
  const quota = { status: 400, code: "10042", type: "TooManyResources", details: "The quota of images is reached." };
  const steps: readonly [string, () => void, string][] = [
    ["snapshot", () => control.fail("snapshot"), "could not create the snapshot"],
    ["image", () => control.fail("image", { code: "X", message: "broken disk" }), "broken disk"],
    ["CreateSnapshot", () => control.next({ kind: "refused", refusal: quota }, "CreateSnapshot"), "quota"],
    ["CreateImage", () => control.next({ kind: "refused", refusal: quota }, "CreateImage"), "quota"],
  ];
  for (const [step, prepare, words] of steps) {
    prepare();
    const said = await play.refused("apply", "--yes");
    expect([step, said.includes(words)]).toEqual([step, true]);
    expect([step, play.own(), await play.left()]).toEqual([step, [], []]);
    expect(control.plannedFaults).toBe(0);
  }
  await play.apply();
  await play.settled();
  expect(play.own().length).toBe(1);
  expect(await play.left()).toEqual([]);
});

test("a finished image stays when a later step fails, and the next run completes it", async () => {
  const denied = { status: 403, code: "4120", type: "AccessDenied", details: "" };
  const steps: readonly [string, (control: Scene["control"]) => void][] = [
    ["CreateTags", (control) => control.next({ kind: "refused", refusal: denied }, "CreateTags")],
    ["second CreateTags", (control) => control.next({ kind: "refused", refusal: denied }, "CreateTags", { skip: 1 })],
    ["UpdateImage", (control) => control.next({ kind: "refused", refusal: denied }, "UpdateImage")],
  ];
  for (const [step, prepare] of steps) {
    await using play = await bytesScene('tags = { os = "debian" }');
    prepare(play.control);
    const said = await play.refused("apply", "--yes");
    expect([step, said.includes("is kept; the next apply completes it")]).toEqual([step, true]);
    const [image] = play.own();
    expect([step, image?.State]).toEqual([step, "available"]);
    await play.apply();
    await play.settled();
    expect([step, play.own().map(({ ImageId }) => ImageId)]).toEqual([step, [image?.ImageId ?? ""]]);
  }
});

test("a name that another image has is told, and what was made until then is gone", async () => {
  await using play = await bytesScene('image_name = "taken"');
  await play.control.addImage("taken");
  const said = await play.refused("apply", "--yes");
  expect(said).toContain("taken");
  expect(play.own().length).toBe(1);
  expect(await play.left()).toEqual([]);
});

test("answers that are lost: what was asked for is done once", async () => {
  await using play = await bytesScene('description = "words"');
  const { control } = play;
  for (const action of ["CreateSnapshot", "CreateImage", "CreateTags", "UpdateImage"])
    control.next({ kind: "lost-answer" }, action);
  await play.apply();
  expect(control.plannedFaults).toBe(0);
  expect(play.own()).toMatchObject([{ ImageName: "small", Description: "words", State: "available" }]);
  expect(await play.left()).toEqual([]);
  await play.settled();
  for (const action of ["DeleteImage", "DeleteSnapshot"]) control.next({ kind: "lost-answer" }, action);
  await play.ok("destroy", "--yes");
  expect(control.plannedFaults).toBe(0);
  expect(play.own()).toEqual([]);
  expect(await play.left()).toEqual([]);
});

test("an image of a VM whose answer is lost is found by its mark, and taken up", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  play.control.next({ kind: "lost-answer" }, "CreateImage");
  await play.apply();
  expect(play.own()).toMatchObject([{ ImageName: "small", State: "available" }]);
  await play.settled();
});

test("passing troubles of every kind are waited for", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'tags = { os = "debian" }'));
  const { control } = play;
  control.next({ kind: "refused", refusal: refusals.throttled(429, 1).refusal }, "ReadImages");
  control.next({ kind: "refused", refusal: refusals.throttled(503).refusal }, "CreateImage");
  control.next({ kind: "bad-gateway" }, "CreateTags");
  control.next({ kind: "dropped" }, "UpdateImage");
  await play.apply();
  control.next({ kind: "refused", refusal: refusals.internal("try again").refusal }, "DeleteImage");
  control.next({ kind: "problem", status: 503, title: "Busy", detail: "later" }, "DeleteSnapshot");
  await play.ok("destroy", "--yes");
  expect(control.plannedFaults).toBe(0);
  expect(play.own()).toEqual([]);
  expect(await play.left()).toEqual([]);
});

test("what the API refuses is said in its words, with its code, the action and the request's id", async () => {
  await using play = await Scene.open();
  await play.declare('[image.small]\nbackend = "osc"\nvm_id = "i-00000000"\n');
  const said = await play.refused("apply", "--yes");
  expect(said).toContain("InvalidResource 5063: The VmId 'i-00000000' doesn't exist.");
  expect(said).toMatch(/POST http:\/\/127\.0\.0\.1:\d+\/api\/v1\/CreateImage/);
  expect(said).toContain("check that the id belongs to this account and Region");
});

test("a clock that is off and a locked key are told for what they are", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  play.control.advance(6 * 60_000);
  expect(await play.refused("apply", "--yes")).toContain("the clock of this machine is more than five minutes off");
  const details = "Too many failed attempts: try again later.";
  play.control.next({ kind: "refused", refusal: refusals.unauthorized(details).refusal }, "", { times: 5 });
  expect(await play.refused("apply", "--yes")).toContain("locked for up to ten minutes");
  expect(play.asked(true)).toEqual([]);
});

test("answers are explained by the range of their code", () => {
  const told = (status: number, Code: string, Details = "") =>
    explain({ status, body: JSON.stringify({ Errors: [{ Code, Type: "T", Details }], ResponseContext: {} }) });
  expect(told(400, "5023")).toMatchObject({ code: "missing", message: "T 5023" });
  expect(told(409, "6007", "busy volume")).toMatchObject({ code: "busy", retry: true, message: "T 6007: busy volume" });
  expect(told(409, "6003")).toMatchObject({ code: "conflict" });
  expect(told(409, "9085")).toMatchObject({ code: "conflict" });
  expect(told(400, "10042")).toMatchObject({ code: "limits" });
  expect(told(400, "4014")).toEqual({ message: "T 4014" });
  expect(explain({ status: 502, body: "<html>" })).toBeUndefined();
  const problem = JSON.stringify({ type: "/errors/x", status: 400, title: "Bad Request", detail: "no such thing" });
  expect(explain({ status: 400, body: problem })).toEqual({ message: "Bad Request: no such thing" });
});
