import { expect, setDefaultTimeout, test } from "bun:test";
import { asker, begin } from "./outscale/ask.ts";
import { refused, unknown } from "./outscale/expected.ts";
import { refusals } from "./outscale/refusal.ts";

// A busy machine may stall for seconds; nothing here waits for time to pass.
setDefaultTimeout(300_000);

/** The numbers are those of the table of errors that is known of this API. */

const mapping = (SnapshotId: string, more: object = {}) => [{ DeviceName: "/dev/sda1", Bsu: { SnapshotId, ...more } }];

test("1-8: things that are not there are told with 400 and the code of their kind", async () => {
  await using osc = await begin();
  const { ask, snapshot } = osc;
  refused(await ask("CreateImage", { VmId: unknown.vm }), 400, "5063", "InvalidResource", /i-00000000/);
  refused(
    await ask("CreateImage", { VmId: unknown.vm, ImageName: "x", RootDeviceName: "x" }),
    400,
    "5063",
    "InvalidResource",
  );
  refused(
    await ask("DeleteImage", { ImageId: unknown.image }),
    400,
    "5023",
    "InvalidResource",
    /^The ImageId 'ami-00000000' doesn't exist\.$/,
  );
  refused(await ask("UpdateImage", { ImageId: unknown.image, Description: "" }), 400, "5023", "InvalidResource");
  refused(await ask("CreateVms", { ImageId: unknown.image }), 400, "5023", "InvalidResource");
  const register = { ImageName: "image", RootDeviceName: "/dev/sda1" };
  const missing = { ...register, BlockDeviceMappings: mapping(unknown.snapshot) };
  refused(await ask("CreateImage", missing), 400, "5054", "InvalidResource");
  refused(await ask("DeleteSnapshot", { SnapshotId: unknown.snapshot }), 400, "5054", "InvalidResource");
  refused(await ask("CreateSnapshot", { VolumeId: unknown.volume }), 400, "5064", "InvalidResource");
  const Tags = [{ Key: "k", Value: "v" }];
  for (const [id, code] of [
    [unknown.vm, "5063"],
    [unknown.image, "5023"],
    [unknown.snapshot, "5054"],
    [unknown.volume, "5064"],
  ]) {
    refused(await ask("CreateTags", { ResourceIds: [snapshot, id], Tags }), 400, code ?? "", "InvalidResource");
    refused(await ask("DeleteTags", { ResourceIds: [id], Tags }), 400, code ?? "", "InvalidResource");
  }
  expect((await ask("ReadTags")).body.Tags).toEqual([]);
  const read = await ask("ReadImages", { Filters: { ImageIds: [unknown.image] } });
  expect([read.status, read.body.Images]).toEqual([200, []]);
});

test("9 and 10: malformed ids and values", async () => {
  await using osc = await begin();
  const { ask } = osc;
  refused(await ask("ReadVms", { Filters: { VmIds: ["x"] } }), 400, "4104", "InvalidParameterValue", /VmIds/);
  refused(await ask("ReadImages", { Filters: { ImageIds: ["ami-1"] } }), 400, "4104", "InvalidParameterValue");
  refused(
    await ask("ReadSnapshots", { Filters: { SnapshotIds: ["ami-12345678"] } }),
    400,
    "4104",
    "InvalidParameterValue",
  );
  refused(await ask("DeleteImage", { ImageId: "image" }), 400, "4104", "InvalidParameterValue");
  refused(await ask("CreateTags", { ResourceIds: ["x"], Tags: [] }), 400, "4104", "InvalidParameterValue");
  const dates = { Filters: { FromCreationDate: "yesterday" } };
  refused(await ask("ReadSnapshots", dates), 400, "4014", "InvalidParameterValue");
  refused(await ask("ReadVms", { Filters: { CreationDates: ["x"] } }), 400, "4014", "InvalidParameterValue");
});

test("14: tags that are too long", async () => {
  await using osc = await begin();
  const { ask, snapshot } = osc;
  const tag = async (Key: string, Value: string) =>
    await ask("CreateTags", { ResourceIds: [snapshot], Tags: [{ Key, Value }] });
  refused(await tag("k".repeat(256), ""), 400, "4014", "InvalidParameterValue");
  refused(await tag("", ""), 400, "4014", "InvalidParameterValue");
  refused(await tag("k", "v".repeat(256)), 400, "4014", "InvalidParameterValue");
  expect((await tag("k".repeat(255), "v".repeat(255))).status).toBe(200);
});

test("20, 21: schemas are closed and types are checked, on every action", async () => {
  await using osc = await begin();
  const { ask } = osc;
  refused(await ask("ReadImages", { Filter: {} }), 400, "3001", "InvalidParameter", /Filter /);
  refused(await ask("ReadImages", { Filters: { Names: [] } }), 400, "3001", "InvalidParameter", /Filters\.Names/);
  refused(await ask("ReadRegions", { Region: "x" }), 400, "3001", "InvalidParameter");
  refused(await ask("ReadImages", { Filters: "x" }), 400, "4110", "InvalidParameterValue");
  refused(await ask("ReadImages", { Filters: { ImageIds: "ami-12345678" } }), 400, "4110", "InvalidParameterValue");
  refused(await ask("CreateImage", { NoReboot: "true" }), 400, "4110", "InvalidParameterValue");
  refused(await ask("ReadImages", "{"), 400, "4110", "InvalidParameterValue");
  refused(await ask("ReadImages", "[]"), 400, "4110", "InvalidParameterValue");
  refused(await ask("CreateImage", { BootModes: ["bios"] }), 400, "4014", "InvalidParameterValue");
  refused(await ask("DeleteImage", {}), 400, "7007", "MissingParameter", /ImageId/);
  refused(await ask("CreateTags", { ResourceIds: [], Tags: [{ Key: "k" }] }), 400, "7007", "MissingParameter", /Value/);
});

test("22-25: signatures are told about in outscale-access.test.ts", async () => {
  await using osc = await begin();
  const { emulator } = osc;
  const wrong = asker(emulator.url, { ...emulator.accounts[0], secretKey: "x".repeat(40) });
  refused(await wrong("ReadImages"), 401, "1", "AccessDenied", /does not match/);
});

test("26: pages of 1 to 1000", async () => {
  await using osc = await begin();
  const { ask } = osc;
  for (const ResultsPerPage of [0, -1, 1001]) {
    refused(await ask("ReadImages", { ResultsPerPage }), 400, "4014", "InvalidParameterValue");
  }
  refused(await ask("ReadImages", { NextPageToken: "bm8=" }), 400, "4014", "InvalidParameterValue");
  refused(await ask("ReadImages", { NextPageToken: "#" }), 400, "4014", "InvalidParameterValue");
  expect((await ask("ReadImages", { ResultsPerPage: 1000 })).status).toBe(200);
});

test("32: quotas", async () => {
  await using osc = await begin({ quota: { images: 1, snapshots: 4 } });
  const { ask, vm, freeVolume } = osc;
  expect((await ask("CreateImage", { VmId: vm, ImageName: "one" })).status).toBe(200);
  refused(await ask("CreateImage", { VmId: vm, ImageName: "two" }), 400, "10042", "TooManyResources");
  expect((await ask("CreateSnapshot", { VolumeId: freeVolume })).status).toBe(200);
  refused(await ask("CreateSnapshot", { VolumeId: freeVolume }), 400, "10042", "TooManyResources");
});

test("33: throttling, by action, with either status", async () => {
  const now = Date.now();
  await using osc = await begin({ now: () => now });
  const { emulator, ask } = osc;
  emulator.control.limit({ requests: 2, ms: 10_000 });
  const statuses = [];
  for (let time = 0; time < 3; time += 1) statuses.push((await ask("ReadImages")).status);
  expect(statuses).toEqual([200, 200, 429]);
  const over = await ask("ReadImages");
  refused(over, 429, "", "RequestLimitExceeded", /^$/);
  expect(over.headers.get("retry-after")).toBe("10");
  expect((await ask("ReadVms")).status).toBe(200);
  emulator.control.limit({ requests: 2, ms: 10_000, status: 503, tellsWhen: false });
  const busy = await ask("ReadImages");
  expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, null]);
  emulator.control.advance(10_000);
  expect((await ask("ReadImages")).status).toBe(200);
  emulator.control.limit();
});

test("34: planned troubles", async () => {
  await using osc = await begin();
  const { emulator, ask, vm } = osc;
  const { control, url, accounts, log } = emulator;
  control.next({ kind: "refused", refusal: refusals.internal("").refusal }, "ReadImages", { skip: 1 });
  expect((await ask("ReadImages")).status).toBe(200);
  expect((await ask("ReadVms")).status).toBe(200);
  refused(await ask("ReadImages"), 500, "2000", "InternalError", /^$/);
  control.next({ kind: "problem", status: 400, title: "Invalid parameter", detail: "no" });
  const problem = await ask("ReadImages");
  expect(problem.headers.get("content-type")).toBe("application/problem+json");
  expect(problem.body).toMatchObject({ type: "/errors/invalid_parameter", status: 400, detail: "no" });
  control.next({ kind: "bad-gateway" });
  expect((await fetch(url)).status).toBe(404);
  await expect(asker(url, accounts[0])("ReadImages")).rejects.toThrow();
  control.next({ kind: "dropped" }, "CreateImage");
  control.next({ kind: "lost-answer" }, "CreateImage");
  await expect(ask("CreateImage", { VmId: vm, ImageName: "dropped" })).rejects.toThrow();
  await expect(ask("CreateImage", { VmId: vm, ImageName: "lost" })).rejects.toThrow();
  expect(control.plannedFaults).toBe(0);
  expect(control.images().filter((image) => image.AccountId === accounts[0].id)).toMatchObject([{ ImageName: "lost" }]);
  expect(log.of({ operation: "CreateImage" })).toMatchObject([
    { status: 0, fault: "dropped" },
    { status: 0, fault: "lost-answer" },
  ]);
});

test("35: locations that cannot be read, and those that are not of the object store", async () => {
  await using osc = await begin();
  const { emulator, ask } = osc;
  await using gone = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("expired", { status: 403 }),
  });
  const locations = [
    "http://192.0.2.1/x",
    "https://127.0.0.1/x",
    "file:///etc/passwd",
    "x",
    "http://127.0.0.1:1/x",
    gone.url.href,
  ];
  for (const FileLocation of locations) {
    refused(await ask("CreateSnapshot", { FileLocation, SnapshotSize: 1 }), 400, "4014", "InvalidParameterValue");
    refused(await ask("CreateImage", { FileLocation, ImageName: "image" }), 400, "4014", "InvalidParameterValue");
  }
  expect(emulator.control.snapshots().filter((one) => one.AccountId === emulator.accounts[0].id).length).toBe(1);
});

test("36: unknown actions, paths and methods", async () => {
  await using osc = await begin();
  const { emulator, ask } = osc;
  refused(await ask("CreateBucket"), 404, "", "InvalidAction", /CreateBucket/);
  refused(await ask("constructor"), 404, "", "InvalidAction");
  for (const path of ["/", "/api/v2/ReadImages", "/api/v1/"]) {
    expect((await fetch(emulator.url + path, { method: "POST" })).status).toBe(404);
  }
  expect((await fetch(`${emulator.url}/api/v1/ReadRegions`)).status).toBe(404);
});
