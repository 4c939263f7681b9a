import { expect, setDefaultTimeout, test } from "bun:test";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

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
  for (const text of ["carried over", "by hand", "cost", "987654321098", "0002"]) expect(stdout).toContain(text);
  await play.apply();
  const [now] = play.own();
  expect(now?.ImageId).not.toBe(old?.ImageId ?? "");
  expect(now).toMatchObject({
    Description: "by hand",
    PermissionsToLaunch: { AccountIds: ["123456789012", "987654321098"], GlobalPermission: false },
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
  expect(stderr).toContain("return to 0002");
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

test("live values that are written down, and taken out again, are no change; an imported image that differs is one", async () => {
  await using play = await Scene.open();
  const { snapshot } = play.control.seeded;
  const volume = (bsu: string) => `{ device_name = "/dev/sda1", bsu = { snapshot_id = "${snapshot}"${bsu} } }`;
  const image = (volumes: string, more = "") =>
    `[image.small]\nbackend = "osc"\nroot_device_name = "/dev/sda1"\nblock_device_mappings = [${volumes}]\n${more}\n`;
  await play.declare(image(volume("")));
  await play.apply();
  const [bsu] = play.own().flatMap(({ BlockDeviceMappings }) => BlockDeviceMappings.flatMap(({ Bsu }) => Bsu ?? []));
  const live = `, volume_size = ${bsu?.VolumeSize}, volume_type = "${bsu?.VolumeType}", delete_on_vm_deletion = true`;
  await play.declare(image(volume(live), 'architecture = "x86_64"\nboot_modes = ["legacy"]\ntpm_mandatory = false'));
  await play.settled();
  await play.apply();
  await play.declare(image(volume("")));
  await play.settled();
  const other = await play.control.addImage("other", { BootModes: ["uefi"], TpmMandatory: true, Architecture: "i386" });
  const wanted = 'image_name = "other"\narchitecture = "x86_64"\nboot_modes = ["legacy"]\ntpm_mandatory = false';
  await play.declare(ofVm(play, wanted, "taken"), "");
  await play.ok("import", "osc/taken", other);
  const { code, stdout } = await play.run("plan", "--detailed-exitcode");
  expect(code).toBe(2);
  for (const name of ["architecture", "boot_modes", "tpm_mandatory"]) expect(stdout).toContain(name);
});
