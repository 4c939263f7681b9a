import { expect, setDefaultTimeout, test } from "bun:test";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(120_000);

// An account in which other people work as well.

test("tags, permissions and a description that others gave to an image are carried over by a replace, and the plan says so", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  const [old] = play.own();
  play.control.changeImage(old?.ImageId ?? "", {
    Description: "by hand",
    ProductCodes: ["0002"],
    Tags: [...(old?.Tags ?? []), { Key: "cost", Value: "42" }],
    PermissionsToLaunch: { AccountIds: ["987654321098"], GlobalPermission: false },
  });
  await play.declare(ofVm(play, "no_reboot = true"));
  const { stdout } = await play.ok("plan");
  for (const text of ["carried over", "by hand", "cost", "987654321098", "lost: product codes 0002"])
    expect(stdout).toContain(text);
  await play.apply();
  const [now] = play.own();
  expect(now?.ImageId).not.toBe(old?.ImageId ?? "");
  expect(now).toMatchObject({
    Description: "by hand",
    PermissionsToLaunch: { AccountIds: ["987654321098"], GlobalPermission: false },
  });
  expect(now?.Tags).toContainEqual({ Key: "cost", Value: "42" });
  await play.settled();
});

test("product_codes that are not declared any more: a copy goes back to those of its source, and a note says so", async () => {
  await using play = await Scene.open();
  const windows = await play.control.addImage("windows", { ProductCodes: ["0002"] });
  const copy = `[image.small]\nbackend = "osc"\nsource_image_id = "${windows}"\nsource_region_name = "eu-west-2"\n`;
  const codes = () => play.own().find(({ ImageName }) => ImageName === "small")?.ProductCodes;
  await play.declare(`${copy}product_codes = ["0002", "0003"]`);
  await play.apply();
  expect(codes()).toEqual(["0002", "0003"]);
  await play.declare(copy);
  const { stderr } = await play.apply();
  expect(stderr).toContain("go back to 0002");
  expect(codes()).toEqual(["0002"]);
  await play.settled();
});

test("an image is imported by its name, and another account's image of that name is not", async () => {
  await using play = await Scene.open();
  const id = await play.control.addImage("golden image");
  await play.declare(ofVm(play, 'image_name = "golden image"'));
  await play.ok("import", "osc/small", "golden image");
  expect((await play.ok("state", "show", "osc/small")).stdout).toContain(id);
});
