import { expect, setDefaultTimeout, test } from "bun:test";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

test("tags, permissions, product codes and the description that people gave to an image survive its replacement", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  const [{ ImageId: id, Tags } = { ImageId: "", Tags: [] }] = play.own();
  const PermissionsToLaunch = { AccountIds: ["111111111111"], GlobalPermission: false };
  const given = { PermissionsToLaunch, Description: "golden", ProductCodes: ["0001", "0003"] };
  play.control.changeImage(id, { ...given, Tags: [...Tags, { Key: "theirs", Value: "1" }] });
  await play.settled();
  const { stdout } = await play.ok("plan", "--replace", "osc/small");
  for (const name of ["added by others, and carried over:", "permissions", "product_codes", "theirs"])
    expect(stdout).toContain(name);
  await play.apply("--replace", "osc/small");
  const [now, ...more] = play.own();
  expect(more).toEqual([]);
  const { PermissionsToLaunch: launch, ...rest } = given;
  expect(now).toMatchObject(rest);
  expect(now?.PermissionsToLaunch.AccountIds).toContain(launch.AccountIds[0] ?? "");
  expect(now?.ImageId).not.toBe(id);
  expect(now?.Tags).toContainEqual({ Key: "theirs", Value: "1" });
  await play.settled();
});

test("what was declared, and is not any more, is not carried over as if others had added it", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'tags = { os = "debian" }\ndescription = "words"'));
  await play.apply();
  await play.declare(ofVm(play));
  await play.apply("--replace", "osc/small");
  const [now] = play.own();
  expect(now?.Description).toBe("");
  expect(now?.Tags.map(({ Key }) => Key)).not.toContain("os");
  await play.settled();
});
