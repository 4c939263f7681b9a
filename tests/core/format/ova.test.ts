import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { planTransform, type TransformTarget } from "../../../src/core/format/plan.ts";
import { identifyFile, transform } from "../../../src/core/format/transform.ts";
import { all, codeOf, digestOf, disk, FIXTURES, folder, pieces, run } from "./tools.ts";

setDefaultTimeout(300_000);

const RAW: TransformTarget = { formats: ["raw"], compressions: ["none"] };

const ovf = (...disks: string[]): string => `<?xml version="1.0"?>
<Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References>
    <File ovf:href="notes.iso" ovf:id="cd" />
    ${disks.map((name, index) => `<File ovf:id="file${index}" ovf:href="${name}" ovf:size="1"/>`).join("\n")}
  </References>
  <DiskSection>
    ${disks.map((_, index) => `<Disk ovf:capacity="1" ovf:diskId="vmdisk${index}" ovf:fileRef="file${index}"/>`).join("\n")}
  </DiskSection>
</Envelope>`;

/** An OVA with these files behind its description. */
async function ova(at: string, description: string, files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const root = join(at, "files");
  await mkdir(root);
  await Bun.write(join(root, "machine.ovf"), description);
  for (const [name, bytes] of Object.entries(files)) await Bun.write(join(root, name), bytes);
  run(["tar", "-C", root, "--format=ustar", "-cf", join(at, "machine.ova"), "machine.ovf", ...Object.keys(files)]);
  return join(at, "machine.ova");
}

test("the disk of an OVA is found by itself, behind its other files", async () => {
  await using at = await folder();
  const raw = disk(3 << 20, 8);
  const qcow2 = await Bun.file(join(FIXTURES, "v3.qcow2")).bytes();
  const path = await ova(at.path, ovf("disk&amp;1.img"), { "notes.iso": disk(2 << 20), "disk&1.img": raw });
  const detected = await identifyFile(path);
  const plan = planTransform(detected, RAW);
  const options = { target: RAW, directory: at.path };
  expect(digestOf(await all(transform({ kind: "file", path }, plan, options)))).toBe(digestOf(raw));
  const stream = { kind: "stream", bytes: pieces(await Bun.file(path).bytes(), 70_000) } as const;
  expect(digestOf(await all(transform(stream, plan, options)))).toBe(digestOf(raw));
  await using other = await folder();
  const second = await ova(other.path, ovf("disk.qcow2"), { "disk.qcow2": qcow2 });
  expect(planTransform(await identifyFile(second), RAW).steps).toEqual(["untar", "qcow2->raw"]);
});

test("where a tar archive is taken, an OVA is passed on as it is", async () => {
  await using at = await folder();
  const path = await ova(at.path, ovf("disk.img"), { "disk.img": disk(5000) });
  const detected = await identifyFile(path);
  expect(planTransform(detected, { formats: "any", compressions: "any" })).toMatchObject({ steps: [], format: "tar" });
});

test("two disks, none, and one that needs other files", async () => {
  await using two = await folder();
  const path = await ova(two.path, ovf("a.img", "b.img"), { "a.img": disk(5000), "b.img": disk(6000) });
  expect(await codeOf((async () => planTransform(await identifyFile(path), RAW))())).toBe("source.format");
  await expect(identifyFile(path, { member: true })).rejects.toMatchObject({
    code: "source.member",
    hint: expect.stringContaining('"a.img", "b.img"'),
  });
  expect(planTransform(await identifyFile(path, { member: "b.img" }), RAW).steps).toEqual(["untar"]);
  await using none = await folder();
  const empty = await ova(none.path, ovf(), { "a.img": disk(5000) });
  expect(await codeOf(identifyFile(empty, { member: true }))).toBe("source.member");
  await using unsafe = await folder();
  const qcow2 = new Uint8Array(await Bun.file(join(FIXTURES, "v3.qcow2")).arrayBuffer());
  new DataView(qcow2.buffer).setUint32(76, 4);
  const wrong = await ova(unsafe.path, ovf("disk.qcow2"), { "disk.qcow2": qcow2 });
  expect(await codeOf(identifyFile(wrong))).toBe("source.format");
});
