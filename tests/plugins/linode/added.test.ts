import { expect, setDefaultTimeout, test } from "bun:test";
import { Scene } from "./kit.ts";

setDefaultTimeout(300_000);

test("tags, the description and the label that people gave to an image survive its replacement; its share groups do not, and the plan says so", async () => {
  await using play = await Scene.open({ pace: { polls: 1 } });
  const { id: linode, disks } = play.control.addInstance({ disks: [{}] });
  await play.declare(`[image.small]\nbackend = "lin"\nlinode_id = ${linode}\ndisk_id = ${disks[0]}\n`);
  await play.apply();
  const [{ id, description } = { id: "", description: "" }] = play.control.images();
  play.control.changeImage(id, { tags: ["gold"], label: "golden", description: `theirs\n${description}` });
  await play.settled();
  const given = { tags: ["gold"], label: "golden" };
  const before = await play.run("plan", "--replace", "lin/small");
  expect(before.stdout).toContain("added by others, and carried over:");
  expect(before.stdout).not.toContain("lost:");
  play.control.shareImage(id, "partners");
  const plan = await play.run("plan", "--replace", "lin/small");
  expect(plan.stdout).toMatch(/lost: share group \d+ \(partners\): add the new image to it/);
  await play.apply("--replace", "lin/small");
  const [now, ...more] = play.control.images().filter((one) => one.id.startsWith("private/"));
  expect(more).toEqual([]);
  expect(now).toMatchObject(given);
  expect(now?.description).toContain("theirs");
  expect(now?.id).not.toBe(id);
  await play.settled();
});
