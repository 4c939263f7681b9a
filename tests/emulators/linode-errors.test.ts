import { expect, test } from "bun:test";
import { type Asked, asker, beginUpload, put } from "./linode/ask.ts";
import { startLinode } from "./linode/start.ts";

/** The numbers are those of the table of errors that is known of this API. */

function refused(asked: Asked, status: number, reason: string | RegExp, field?: string): void {
  const [first] = asked.body.errors ?? [];
  expect({ status: asked.status, reason: first?.reason, field: first?.field }).toEqual({
    status,
    reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
    field,
  });
  expect(asked.headers.get("content-type")).toBe("application/json");
}

test("1: an image that does not exist, in either spelling, in either version, under any name", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  for (const id of ["private/1", "private%2F1", "linode/none", "shared/1", "1234567", "nothing"]) {
    refused(await ask("GET", `/v4/images/${id}`), 404, "Not found");
    refused(await ask("GET", `/v4beta/images/${id}`), 404, "Not found");
  }
  refused(await ask("DELETE", "/v4/images/private/1"), 404, "Not found");
  refused(await ask("PUT", "/v4/images/private%2F1", { label: "x" }), 404, "Not found");
  refused(await ask("POST", "/v4/images/private/1/regions", { regions: ["us-ord"] }), 404, "Not found");
  refused(await ask("GET", "/v4/nothing"), 404, "Not found");
  refused(await ask("GET", "/v3/images"), 404, "Not found");
  refused(await ask("POST", "/v4/regions", {}), 405, "Method Not Allowed");
});

test("2 and 30: filters that the server does not take", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const listed = async (filter: string) => await ask("GET", "/v4/images", undefined, { "x-filter": filter });
  for (const key of ["foo", "id", "description", "created", "created_by"]) {
    refused(await listed(`{"${key}":1}`), 400, `Cannot filter on ${key}`, "X-Filter");
  }
  refused(await listed(`{"+or":[{"label":"x"},{"foo":1}]}`), 400, "Cannot filter on foo", "X-Filter");
  refused(await listed(`{"label":{"+like":"x"}}`), 400, /\+like/, "X-Filter");
  refused(await listed(`{"+order_by":"status"}`), 400, "Cannot order by status", "X-Filter");
  refused(await listed("{"), 400, "Filter not valid JSON", "X-Filter");
});

test("3 and 28: tokens that are missing, wrong, or without the scope", async () => {
  await using emulator = await startLinode({ token: "right", scopes: "images:read_only" });
  const wrong = await asker(emulator.url, "wrong")("GET", "/v4/images");
  refused(wrong, 401, "Invalid Token");
  expect(wrong.headers.get("x-oauth-scopes")).toBe("unknown");
  refused(await asker(emulator.url, "")("GET", "/v4/profile"), 401, "Invalid Token");
  const response = await fetch(`${emulator.url}/v4/account/events`);
  expect([response.status, await response.json()]).toEqual([401, { errors: [{ reason: "Invalid Token" }] }]);
  const ask = asker(emulator.url, "right");
  const unscoped = await ask("POST", "/v4/images/upload", { label: "x", region: "us-ord" });
  refused(unscoped, 401, "Your OAuth token is not authorized to use this endpoint.");
  expect(unscoped.headers.get("x-oauth-scopes")).toBe("images:read_only");
  expect(unscoped.headers.get("x-accepted-oauth-scopes")).toBe("images:read_write");
  expect((await ask("GET", "/v4/images")).status).toBe(200);
});

test("4, 5, 6, 10, 11, 12: troubles that are not the client's", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const { control } = emulator;
  control.next({ kind: "too-many-requests", shape: "json" });
  const many = await ask("GET", "/v4/images");
  refused(many, 429, "Too many requests");
  expect([many.headers.get("x-ratelimit-limit"), many.headers.get("retry-after")]).toEqual(["20", null]);
  control.next({ kind: "too-many-requests", shape: "html", retryAfter: 7 });
  const balanced = await ask("GET", "/v4/images");
  expect([balanced.status, balanced.headers.get("server"), balanced.headers.get("retry-after")]).toEqual([
    429,
    "nginx",
    "7",
  ]);
  expect([balanced.headers.get("content-type"), balanced.text]).toEqual([
    "text/html",
    expect.stringContaining("<h1>429"),
  ]);
  control.next({ kind: "busy" });
  refused(await ask("GET", "/v4/profile"), 400, "Linode busy.");
  control.next({ kind: "not-yet-available" });
  const early = await ask("GET", "/v4/profile");
  refused(early, 503, /not yet available\. Please try again later\.$/);
  expect(early.headers.get("x-maintenance-mode")).toBeNull();
  control.next({ kind: "maintenance" });
  const maintained = await ask("GET", "/v4/profile");
  expect([maintained.status, maintained.headers.has("x-maintenance-mode")]).toEqual([503, true]);
  control.next({ kind: "internal" });
  refused(await ask("GET", "/v4/profile"), 500, /./);
  control.next({ kind: "bad-gateway" });
  const gateway = await ask("GET", "/v4/profile");
  expect([gateway.status, gateway.headers.get("content-type")]).toEqual([502, "text/html"]);
  expect(control.plannedFaults).toBe(0);
});

test("connections are dropped before or after the work is done, and faults can be aimed", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const wanted = { label: "x", region: "us-ord" };
  emulator.control.next({ kind: "dropped" });
  expect(async () => await ask("POST", "/v4/images/upload", wanted)).toThrow();
  expect(emulator.control.images().length).toBe(0);
  emulator.control.next({ kind: "lost-answer" }, { method: "POST", path: /upload/, skip: 1, times: 2 });
  expect((await ask("POST", "/v4/images/upload", wanted)).status).toBe(200);
  expect((await ask("GET", "/v4/profile")).status).toBe(200);
  expect(async () => await ask("POST", "/v4/images/upload", wanted)).toThrow();
  expect(async () => await ask("POST", "/v4/images/upload", wanted)).toThrow();
  expect(emulator.control.images().length).toBe(3);
  expect(emulator.log.of({ status: 0 }).map(({ fault }) => fault)).toEqual(["dropped", "lost-answer", "lost-answer"]);
});

test("6, 8, 17, 31, 32: images of disks", async () => {
  await using emulator = await startLinode({ pace: "settle" });
  const ask = asker(emulator.url);
  const disks = [{}, { ready: false }, { size: 80_000, used: 7000 }] as const;
  const { id, disks: ids } = emulator.control.addInstance({ disks });
  const [good = 0, unready, large] = ids;
  refused(await ask("POST", "/v4/images", {}), 400, "disk_id is required", "disk_id");
  refused(await ask("POST", "/v4/images", { disk_id: 1 }), 400, "disk_id is not valid", "disk_id");
  refused(await ask("POST", "/v4/images", { disk_id: unready }), 400, "Linode busy.");
  refused(await ask("GET", `/v4/linode/instances/${id}/disks/1`), 404, "Not found");
  refused(await ask("GET", "/v4/linode/instances/1/disks"), 404, "Not found");
  emulator.control.setBusy(id, true);
  refused(await ask("POST", "/v4/images", { disk_id: good }), 400, "Linode busy.");
  emulator.control.setBusy(id, false);
  const made = await ask("POST", "/v4/images", { disk_id: large });
  expect([made.status, made.body.status]).toEqual([200, "creating"]);
  refused(await ask("POST", "/v4/images", { disk_id: good }), 400, "Linode busy.");
  emulator.control.settle();
  refused(await ask("GET", `/v4/images/${made.body.id}`), 404, "Not found");
  const [event] = (await ask("GET", "/v4/account/events")).body.data ?? [];
  expect(event).toMatchObject({ action: "disk_imagize", status: "failed", message: expect.stringContaining("6144") });
  expect((await ask("POST", "/v4/images", { disk_id: good })).status).toBe(200);
});

test("7, 9, 13 to 16, 18 to 20, 26: fields of an upload", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const upload = async (body: unknown) => await ask("POST", "/v4/images/upload", body);
  const good = { label: "x", region: "us-ord" };
  refused(await upload({ ...good, region: "us-nowhere" }), 400, "region is not valid", "region");
  for (const region of ["us-den-1", "us-central", "gb-lon"])
    refused(await upload({ ...good, region }), 400, /./, "region");
  for (const body of ["{", "[]", '"x"', "null"]) refused(await upload(body), 400, "Invalid JSON");
  refused(await ask("POST", "/v4/images/upload"), 400, "Invalid JSON");
  const both = await upload({});
  expect(both.body.errors?.map(({ field }) => field)).toEqual(["label", "region"]);
  refused(both, 400, "label is required", "label");
  refused(await upload({ label: "x" }), 400, "region is required", "region");
  for (const label of ["", "x".repeat(51)]) {
    refused(await upload({ ...good, label }), 400, "Label must be between 1 and 50 characters.", "label");
  }
  for (const label of ["a/b", "a:b", "ü"]) {
    refused(await upload({ ...good, label }), 400, "Image labels cannot contain special characters.", "label");
  }
  const description = "x".repeat(65_001);
  refused(await upload({ ...good, description }), 400, "Length must be 65000 characters or less.", "description");
  for (const tags of [["ab"], ["x".repeat(51)], Array(501).fill("tag"), "tag"]) {
    refused(await upload({ ...good, tags }), 400, /./, "tags");
  }
  const fine = { ...good, label: "A,b.c?d-e_f's 1", description: "x".repeat(65_000), tags: ["abc", "x".repeat(50)] };
  expect((await upload(fine)).status).toBe(200);
  const { id } = emulator.control.addImage();
  refused(
    await ask("PUT", `/v4/images/${id}`, { label: "a/b" }),
    400,
    "Image labels cannot contain special characters.",
    "label",
  );
});

test("21 to 25: sets of regions", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const { id } = emulator.control.addImage();
  const replicate = async (body: unknown) => await ask("POST", `/v4/images/${id}/regions`, body);
  refused(await replicate({}), 400, "Regions are required.", "regions");
  refused(await replicate({ regions: [] }), 400, "Must specify at least one region.", "regions");
  refused(await replicate({ regions: ["us-iad"] }), 400, /./);
  refused(await replicate({ regions: ["us-ord", "us-nowhere"] }), 400, "region is not valid", "regions");
  for (const region of ["us-den-1", "us-central"])
    refused(await replicate({ regions: ["us-ord", region] }), 400, /./, "regions");
  const pending = emulator.control.addImage({ status: "creating", regions: [] }).id;
  refused(await ask("POST", `/v4/images/${pending}/regions`, { regions: ["us-ord"] }), 400, /available/);
  emulator.control.failReplica();
  await replicate({ regions: ["us-ord", "us-iad"] });
  emulator.control.settle();
  expect((await ask("GET", `/v4/images/${id}`)).body.regions?.[1]).toEqual({ region: "us-iad", status: "timedout" });
});

test("27 and 29: public images, and sizes of pages", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  refused(await ask("PUT", "/v4/images/linode/debian12", { label: "x" }), 403, "Unauthorized");
  refused(await ask("DELETE", "/v4/images/linode%2Fdebian12"), 403, "Unauthorized");
  for (const size of ["24", "501", "1", "x"]) {
    refused(await ask("GET", `/v4/images?page_size=${size}`), 400, "Must be 25-500", "page_size");
  }
  refused(await ask("GET", "/v4/images?page=0"), 400, /./, "page");
});

test("33 and 34: an upload that comes too late, is canceled, or is no gzip", async () => {
  await using emulator = await startLinode();
  const ask = asker(emulator.url);
  const begin = async () => await beginUpload(emulator.url);
  const filter = { "x-filter": '{"action":"image_upload"}' };
  const lastEvent = async () => (await ask("GET", "/v4/account/events", undefined, filter)).body.data?.[0];
  const late = await begin();
  emulator.control.advance(24 * 3600 * 1000);
  const answer = await put(late.uploadTo, "x");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([403, "application/xml"]);
  refused(await ask("GET", `/v4/images/${late.id}`), 404, "Not found");
  expect(await lastEvent()).toMatchObject({ status: "failed", message: "Upload window expired" });

  const canceled = await begin();
  await ask("DELETE", `/v4/images/${canceled.id}`);
  expect((await put(canceled.uploadTo, "x")).status).toBe(403);
  expect(await lastEvent()).toMatchObject({ status: "failed", message: "Upload canceled" });

  const plain = await begin();
  expect((await put(plain.uploadTo, "no gzip at all")).status).toBe(200);
  expect((await ask("GET", `/v4/images/${plain.id}`)).body.status).toBe("pending_upload");
  refused(await ask("GET", `/v4/images/${plain.id}`), 404, "Not found");
  expect(await lastEvent()).toMatchObject({
    status: "failed",
    message: "Failed to decompress image",
    entity: { type: "image", id: Number(plain.id.split("/")[1]), url: `/v4/images/${plain.id}` },
  });
});
