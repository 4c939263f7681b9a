import { expect, setDefaultTimeout, test } from "bun:test";
import { declared, type Stage, staged } from "./stage.ts";

// What people gave to an image in Glance, when a new image takes its place.

setDefaultTimeout(300_000);

async function replaced(more: string, by: (stage: Stage, id: string) => void, plugin = "openstack") {
  const stage = await staged(declared("a", more), { plugin });
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [id = ""] = stage.glance.images.keys();
  by(stage, id);
  await stage.directory.write("disk.img", "other bytes\n".repeat(500));
  const plan = await stage.images("plan");
  expect(plan.code).toBe(0);
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  const [now = ""] = stage.glance.images.keys();
  expect(stage.glance.images.size).toBe(1);
  expect(now).not.toBe(id);
  const again = await stage.images("plan", "--detailed-exitcode");
  expect([again.code, again.code === 0 ? "" : again.stdout]).toEqual([0, ""]);
  return { stage, plan: plan.stdout, image: stage.glance.images.get(now), members: stage.glance.members.get(now) };
}

const give = (more: Readonly<Record<string, unknown>>) => (stage: Stage, id: string) =>
  void stage.glance.images.set(id, { ...stage.glance.images.get(id), ...more });

for (const plugin of ["openstack", "vkcs"])
  test(`${plugin}: tags, members, properties, limits and the visibility that were given by hand are carried over`, async () => {
    const { stage, plan, image, members } = await replaced(
      'properties = { os_distro = "debian" }',
      (stage, id) => {
        give({ tags: ["gold"], hw_disk_bus: "scsi", min_disk: 7, min_ram: 512, visibility: "shared" })(stage, id);
        stage.glance.members.set(id, new Map([["p7", "accepted"], ["p8", "pending"]])); // biome-ignore format: a table
      },
      plugin,
    );
    await using _ = stage;
    expect(image).toMatchObject({
      tags: ["gold"],
      hw_disk_bus: "scsi",
      os_distro: "debian",
      min_disk: 7,
      min_ram: 512,
    });
    expect(image).toMatchObject({ visibility: "shared" });
    expect([...(members?.keys() ?? [])]).toEqual(["p7", "p8"]);
    expect(plan).toContain("added by others, and carried over:");
    expect(plan).toContain("lost: the status of the member p7 (accepted): the member must accept again");
    expect(plan).not.toContain("member p8");
  });

test("what is declared is no addition: hand-made changes of it are drift, and go", async () => {
  const { stage, plan, image } = await replaced('tags = ["a"]\nmin_disk_gb = 1', give({ tags: ["b"], min_disk: 9 }));
  await using _ = stage;
  expect(image).toMatchObject({ tags: ["a"], min_disk: 1 });
  expect(plan).not.toContain("carried over");
});

test("what cannot be given to a new image is in the plan, a line each", async () => {
  const by = give({ visibility: "public", status: "deactivated", img_signature: "abc", img_signature_key_type: "RSA" });
  const { stage, plan, image } = await replaced("", by);
  await using _ = stage;
  expect(plan.match(/lost: .*/g)).toEqual([
    "lost: visibility public, which an administrator set: declare it, or set it again",
    "lost: status deactivated: the new image is active",
    "lost: the property img_signature: it describes the bytes of the old image",
    "lost: the property img_signature_key_type: it describes the bytes of the old image",
  ]);
  expect(image).toMatchObject({ visibility: "shared", status: "active" });
  expect(image).not.toHaveProperty("img_signature");
});

test("members of an image that is to be private are lost, and the plan says which", async () => {
  const { stage, plan, members } = await replaced('visibility = "private"', (stage, id) => {
    give({ visibility: "shared" })(stage, id);
    stage.glance.members.set(id, new Map([["p7", "accepted"]]));
  });
  await using _ = stage;
  expect(plan).toContain("lost: the member p7: the new image is not shared");
  expect(members?.size ?? 0).toBe(0);
});

test("members in ignore_changes are carried over in the place of the declared ones", async () => {
  const { stage, members } = await replaced('members = ["p7"]\nignore_changes = ["members"]', (stage, id) => {
    stage.glance.members.set(id, new Map([["p9", "pending"]]));
  });
  await using _ = stage;
  expect([...(members?.keys() ?? [])]).toEqual(["p9"]);
});

test("a name that was given by hand is carried over; one that a replace gave for its duration is not", async () => {
  const { stage, image } = await replaced("", give({ name: "golden" }));
  await using _ = stage;
  expect(image).toMatchObject({ name: "golden" });
  const passing = await replaced("", give({ name: "a (replaced)" }));
  await using __ = passing.stage;
  expect(passing.image).toMatchObject({ name: "a" });
});
