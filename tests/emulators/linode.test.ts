import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import {
  baseRequest,
  createImage,
  deleteImage,
  getEvent,
  getEvents,
  getImage,
  getImages,
  getLinodeDisk,
  getLinodeDisks,
  getLinodes,
  getProfile,
  getRegion,
  getRegions,
  setToken,
  updateImage,
  updateImageRegions,
  uploadImage,
} from "@linode/api-v4";
import { describedAnswers } from "./linode/description.ts";
import { type LinodeEmulator, startLinode } from "./linode/start.ts";

/** The provider's own client, which knows nothing of these tests; it is only sent to another host. */
let target = "";

beforeAll(() => {
  setToken("a-token");
  baseRequest.interceptors.request.use((config) => {
    config.url = config.url?.replace("https://api.linode.com", target) ?? target;
    return config;
  });
});

afterAll(() => {
  target = "http://127.0.0.1:1";
});

async function started(): Promise<LinodeEmulator> {
  const emulator = await startLinode({ token: "a-token" });
  target = emulator.url;
  return emulator;
}

const octets = { "content-type": "application/octet-stream" };

test("@linode/api-v4 takes an uploaded image through its whole life", async () => {
  await using emulator = await started();
  const raw = Buffer.alloc(3 * 1024 * 1024, "raw");
  const bytes = gzipSync(raw);

  const made = await uploadImage({
    label: "my image",
    description: "of a test",
    region: "us-ord",
    cloud_init: true,
    tags: ["foo", "bar"],
  });
  expect(made.image).toMatchObject({
    status: "pending_upload",
    size: 0,
    total_size: 0,
    regions: [],
    capabilities: ["cloud-init"],
    tags: ["bar", "foo"],
    type: "manual",
    vendor: null,
    expiry: null,
    is_public: false,
  });
  expect(made.upload_to).toStartWith(`${emulator.uploadsUrl}/linode-production-machine-images-uploads/`);
  expect(new URL(made.upload_to).searchParams.has("Signature")).toBe(true);

  const put = await fetch(made.upload_to, { method: "PUT", headers: octets, body: bytes });
  expect(put.status).toBe(200);
  expect(emulator.control.received()).toEqual([
    {
      image: made.image.id,
      bytes: bytes.length,
      sha256: sha256(bytes),
      md5: new Bun.CryptoHasher("md5").update(bytes).digest("hex"),
      raw: { bytes: raw.length, sha256: sha256(raw) },
      contentLength: bytes.length,
      isWhole: true,
    },
  ]);

  const { id } = made.image;
  expect((await getImage(id)).status).toBe("pending_upload");
  expect(await getImage(id)).toMatchObject({
    status: "available",
    size: 3,
    total_size: 3,
    regions: [{ region: "us-ord", status: "available" }],
    capabilities: ["cloud-init", "distributed-sites"],
  });
  const events = await getEvents({}, { action: "image_upload", "entity.id": Number(id.split("/")[1]) });
  expect(events.data[0]).toMatchObject({ status: "finished", entity: { type: "image", label: "my image" } });

  const replicated = await updateImageRegions(id, { regions: ["us-iad", "us-ord"] });
  expect(replicated.regions).toEqual([
    { region: "us-ord", status: "available" },
    { region: "us-iad", status: "pending replication" },
  ]);
  expect(replicated.total_size).toBe(3);
  expect((await getImage(id)).regions[1]?.status).toBe("pending replication");
  expect((await getImage(id)).regions[1]?.status).toBe("replicating");
  expect(await getImage(id)).toMatchObject({ total_size: 6, regions: [{}, { status: "available" }] });
  const moved = await updateImageRegions(id, { regions: ["us-iad"] });
  expect(moved.regions[0]).toEqual({ region: "us-ord", status: "pending deletion" });
  emulator.control.settle();
  expect(await getImage(id)).toMatchObject({ total_size: 3, regions: [{ region: "us-iad", status: "available" }] });

  const changed = await updateImage(id, { label: "renamed", description: "", tags: [] });
  expect(changed).toMatchObject({ label: "renamed", description: "", tags: [] });
  expect((await getImages({}, { label: "renamed" })).data.map((image) => image.id)).toEqual([id]);
  expect(await deleteImage(id)).toEqual({});
  expect(getImage(id)).rejects.toMatchObject({
    response: { status: 404, data: { errors: [{ reason: "Not found" }] } },
  });
  expect(emulator.log.count({ path: /%2F/ })).toBeGreaterThan(5);
});

test("@linode/api-v4 makes an image of a disk, which is not ready meanwhile", async () => {
  await using emulator = await started();
  const { id: linode, disks } = emulator.control.addInstance({
    region: "fr-par",
    disks: [{ label: "Boot", size: 25_088 }],
  });
  const [disk = 0] = disks;
  expect((await getLinodes()).data.map((one) => one.id)).toEqual([linode]);
  const image = await createImage({ disk_id: disk });
  expect(image).toMatchObject({ label: "Boot", status: "creating", size: 25_088, total_size: 25_088, regions: [] });
  expect((await getLinodeDisks(linode)).data[0]?.status).toBe("not ready");
  expect((await getImage(image.id)).status).toBe("creating");
  expect(await getImage(image.id)).toMatchObject({ status: "available", size: 366, regions: [{ region: "fr-par" }] });
  expect((await getLinodeDisk(linode, disk)).status).toBe("ready");
  const [event] = (await getEvents({}, { action: "disk_imagize", "+order_by": "created" })).data;
  expect(event).toMatchObject({ status: "finished", entity: { type: "linode" }, secondary_entity: { type: "image" } });
  expect((await getEvent(event?.id ?? 0)).id).toBe(event?.id ?? 0);
});

test("@linode/api-v4 finds the regions, the profile and the public images", async () => {
  await using emulator = await started();
  const regions = (await getRegions()).data;
  expect(regions.length).toBe(47);
  const names = ["us-ord", "eu-central", "ap-southeast", "br-gru", "us-den-1"];
  expect(regions.map(({ id }) => id)).toEqual(expect.arrayContaining(names));
  expect((await getRegion("us-den-1")).site_type).toBe("distributed");
  expect((await getProfile()).username).toBe("emulated-user");
  const debian = await getImages({}, { vendor: "Debian", deprecated: false });
  expect(debian.data.map(({ id }) => id)).toEqual(["linode/debian11", "linode/debian12", "linode/debian13"]);
  expect(emulator.log.count({ operation: "get-images" })).toBe(1);
});

test("every exception to the description is still needed, and every operation is described", async () => {
  const answers = await describedAnswers();
  expect(answers.unused.map(({ about }) => about)).toEqual([]);
  const { routes } = await import("./linode/routes.ts");
  const undescribed = routes.filter(({ operation }) => answers.operation(operation) === undefined);
  expect(undescribed.map(({ operation }) => operation)).toEqual([]);
  for (const { operation, method } of routes) expect(answers.operation(operation)?.method).toBe(method);
});

test("an invalid answer fails whoever disposes the emulator", async () => {
  const emulator = await started();
  emulator.control.addImage({ id: "private/1", size: 1.5 });
  await getImage("private/1");
  expect(emulator.violations[0]).toContain("get-image 200: /size must be integer");
  expect(async () => await emulator[Symbol.asyncDispose]()).toThrow("/size must be integer");
});

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
