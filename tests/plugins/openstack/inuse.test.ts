import { expect, setDefaultTimeout, test } from "bun:test";
import { declared, type Stage, staged } from "./stage.ts";

// What Nova says, or does not say, of images that are to go.

// They wait for servers that are broken: side by side.
setDefaultTimeout(300_000);

const both = declared("a") + declared("b");
const names = ({ glance }: Stage) => [...glance.images.values()].map(({ name }) => name).sort();
const refused = (status: number) => () => Response.json({ error: { message: "no" } }, { status });

test.concurrent.each([
  ["refuses connections", undefined],
  ["is not let in", refused(401)],
  ["forbids it", refused(403)],
  ["does not know the call", refused(404)],
  ["is broken", refused(500)],
  ["answers something else", () => Response.json({ hello: 1 })],
])("a Nova that %s blocks the delete, and nothing else", async (_, nova) => {
  await using stage = await staged(both);
  const { cloud } = stage;
  if (nova === undefined) cloud.novaUrl = "http://127.0.0.1:1/v2.1";
  else cloud.nova = nova;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.declare(declared("a", "min_disk_gb = 3"));
  const plan = await stage.images("plan");
  expect(plan.stdout + plan.stderr).toContain("whether the image is in use is unknown");
  expect(plan.stdout + plan.stderr).not.toContain("navailable");
  await stage.images("apply", "--yes");
  expect(names(stage)).toEqual(["a", "b"]);
  await stage.declare(declared("a", "min_disk_gb = 4") + declared("b"));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...stage.glance.images.values()].map(({ min_disk }) => min_disk).sort()).toEqual([0, 4]);
});

test.concurrent("an image that a server uses is not deleted, and one that none uses is", async () => {
  await using stage = await staged(both);
  stage.cloud.nova = ({ query }) => {
    const image = stage.glance.images.get(query.get("image") ?? "");
    return Response.json({ servers: image?.["name"] === "b" ? [{ id: "vm-1" }] : [] });
  };
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.declare("");
  const plan = await stage.images("plan");
  expect(plan.stdout + plan.stderr).toContain("vm-1");
  await stage.images("apply", "--yes");
  expect(names(stage)).toContain("b");
});

test.concurrent.each([
  ["refuses", refused(401)],
  ["is broken", refused(500)],
  ["does not know the call", refused(406)],
  ["answers something else", () => Response.json({ hello: 1 })],
])("a Cinder that %s blocks the delete, and nothing else", async (_, cinder) => {
  await using stage = await staged(both);
  stage.cloud.cinder = cinder;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.declare(declared("a", "min_disk_gb = 3"));
  const plan = await stage.images("plan");
  expect(plan.stdout + plan.stderr).toContain("whether the image is in use is unknown");
  await stage.images("apply", "--yes");
  expect(names(stage)).toEqual(["a", "b"]);
});

test.concurrent.each([
  ["filters by the image", true],
  ["lists every volume, page by page", false],
])("an image of a volume is not deleted, and another is: a Cinder that %s", async (_, filters) => {
  await using stage = await staged(both);
  stage.cloud.cinder = ({ query, headers }) => {
    expect(headers.get("openstack-api-version")).toBe("volume 3.4");
    const of = (name: string) => [...stage.glance.images.values()].find((one) => one["name"] === name)?.["id"];
    const [first, second] = [
      { id: "v0", volume_image_metadata: null },
      { id: "v1", volume_image_metadata: { image_id: of("b") } },
    ];
    if (filters) {
      const { image_id } = JSON.parse(query.get("glance_metadata") ?? "{}");
      return Response.json({ volumes: image_id === of("b") ? [second] : [] });
    }
    if (query.get("marker") === "v0") return Response.json({ volumes: [second] });
    const href = "http://cinder.internal:8776/v3/p1/volumes/detail?marker=v0";
    return Response.json({ volumes: [first], volumes_links: [{ rel: "next", href }] });
  };
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.declare("");
  const plan = await stage.images("plan");
  expect(plan.stdout + plan.stderr).toContain("the volume v1");
  await stage.images("apply", "--yes");
  expect(names(stage)).toEqual(["b"]);
});

test.concurrent("protection on the backend blocks the replace before anything is sent", async () => {
  await using stage = await staged(declared("a", "protected = true"));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.directory.write("disk.img", "other\n".repeat(1000));
  stage.cloud.heard.length = 0;
  const plan = await stage.images("plan");
  expect(plan.stdout + plan.stderr).toContain("protected on the backend");
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  expect(stage.cloud.asked.filter((call) => !call.startsWith("GET"))).toEqual([]);
});

test.concurrent.each([
  ["hide", { os_hidden: true }],
  ["deactivate", { status: "deactivated" }],
])("what on_remove = %s took out of use is back when its block is", async (how, retired) => {
  const block = declared("a", `on_remove = "${how}"`);
  await using stage = await staged(block);
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [id = ""] = stage.glance.images.keys();
  await stage.declare("");
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect(stage.glance.images.get(id)).toMatchObject(retired);
  await stage.declare(block);
  const said = await stage.images("apply", "--yes");
  expect([said.code, stage.glance.images.size]).toEqual([0, 1]);
  expect(stage.glance.images.get(id)).toMatchObject({ os_hidden: false, status: "active", images_self: id });
  expect(Object.keys(stage.glance.images.get(id) ?? {})).not.toContain("images_declares");
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test.concurrent("new bytes for an image that a server uses are blocked before they are sent, and so is its removal with kept versions", async () => {
  const block = (retain: string) => declared("a", retain);
  await using stage = await staged(block(""));
  let used: string | undefined;
  stage.cloud.nova = ({ query }) => Response.json({ servers: query.get("image") === used ? [{ id: "vm-1" }] : [] });
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [first = ""] = stage.glance.images.keys();
  used = first;
  await stage.directory.write("disk.img", "other\n".repeat(1000));
  stage.cloud.heard.length = 0;
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  expect(stage.cloud.asked.filter((call) => !call.startsWith("GET"))).toEqual([]);
  await stage.declare(block("retain = { last = 1 }"));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...stage.glance.images.keys()]).toContain(first);
  await stage.declare("");
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  expect([...stage.glance.images.keys()]).toContain(first);
});
