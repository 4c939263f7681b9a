import { expect, setDefaultTimeout, test } from "bun:test";
import type { LinodeOptions } from "../../emulators/linode/start.ts";
import { Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const ofDisk = (linode: number, disk: number | undefined, name = "small") =>
  `[image.${name}]\nbackend = "lin"\nlinode_id = ${linode}\ndisk_id = ${disk}\n`;

async function scene(options: LinodeOptions = {}) {
  return await Scene.open({ pace: { polls: 1 }, ...options });
}

test("a disk that is not ready yet, and a busy Linode, are waited for", async () => {
  await using play = await scene();
  const { id, disks } = play.control.addInstance({ disks: [{ ready: { polls: 3 } }] });
  await play.declare(ofDisk(id, disks[0]));
  play.control.setBusy(id, true);
  const refused = play.emulator.log.until({ method: "POST", status: 400 }).then(() => play.control.setBusy(id, false));
  await play.apply();
  await refused;
  expect(play.control.images()).toMatchObject([{ label: "small", status: "available", size: 366 }]);
  await play.settled();
});

test("disks of one Linode take turns", async () => {
  await using play = await scene();
  const { id, disks } = play.control.addInstance({ disks: [{}, {}, {}] });
  await play.declare(disks.map((disk, i) => ofDisk(id, disk, `small${i}`)).join("\n"));
  await play.apply();
  expect(play.control.images().map(({ status }) => status)).toEqual(["available", "available", "available"]);
  expect(play.asked().filter((one) => one.startsWith("POST"))).toEqual(disks.map(() => "POST /images 200"));
  await play.settled();
});

test("another disk, or another Linode, makes a new image, with the reason", async () => {
  await using play = await scene();
  const first = play.control.addInstance({ disks: [{}] });
  const second = play.control.addInstance({ disks: [{ used: 500 }] });
  await play.declare(ofDisk(first.id, first.disks[0]));
  await play.apply();
  const [before] = play.control.images();
  await play.declare(ofDisk(second.id, second.disks[0]));
  const plan = await play.run("plan");
  for (const reason of ["disk_id", "linode_id"]) expect(plan.stdout).toContain(reason);
  expect(plan.stdout).toContain("1 to add, 0 to change, 1 to destroy");
  await play.apply();
  expect(play.control.images()).toMatchObject([{ size: 500 }]);
  expect(play.control.images()[0]?.id).not.toBe(before?.id);
  await play.settled();
});

test("what does not exist is told, and a disk that is too large is explained by its event", async () => {
  await using play = await scene();
  const { id, disks } = play.control.addInstance({ disks: [{ size: 80_000, used: 7000 }] });
  const fails = async (images: string) => {
    await play.declare(images);
    const said = await play.run("apply", "--yes");
    expect(said.code).toBe(1);
    expect(play.control.images()).toEqual([]);
    return said.stderr;
  };
  expect(await fails(ofDisk(1, 2))).toContain("there is no Linode 1");
  expect(await fails(ofDisk(id, 2))).toContain(`Linode ${id} has no disk 2`);
  expect(await fails(ofDisk(id, disks[0]))).toContain("Disk is too large: 7000 > 6144");
});

test("a plan asks nothing about disks", async () => {
  await using play = await scene();
  const { id, disks } = play.control.addInstance();
  await play.declare(ofDisk(id, disks[0]));
  await play.apply();
  play.asked();
  await play.settled();
  expect(play.asked()).toEqual([`GET /images/${play.control.images()[0]?.id} 200`]);
});
