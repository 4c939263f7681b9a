import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { planTransform, type TransformTarget } from "../../../src/core/format/plan.ts";
import { transform } from "../../../src/core/format/transform.ts";
import { all, codeOf, digestOf, directory, disk, FIXTURES, pieces, run } from "./tools.ts";

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
  await using at = await directory();
  const raw = disk(3 << 20, 8);
  const qcow2 = await Bun.file(join(FIXTURES, "v3.qcow2")).bytes();
  const path = await ova(at.path, ovf("disk&amp;1.img"), { "notes.iso": disk(2 << 20), "disk&1.img": raw });
  const detected = await identifyFile(path);
  const plan = planTransform(detected, RAW);
  const options = { target: RAW, directory: at.path };
  expect(digestOf(await all(transform({ kind: "file", path }, plan, options)))).toBe(digestOf(raw));
  const stream = { kind: "stream", bytes: pieces(await Bun.file(path).bytes(), 70_000) } as const;
  expect(digestOf(await all(transform(stream, plan, options)))).toBe(digestOf(raw));
  await using other = await directory();
  const second = await ova(other.path, ovf("disk.qcow2"), { "disk.qcow2": qcow2 });
  expect(planTransform(await identifyFile(second), RAW).steps).toEqual(["untar", "qcow2->raw"]);
});

test("where a tar archive is taken, an OVA is passed on as it is", async () => {
  await using at = await directory();
  const path = await ova(at.path, ovf("disk.img"), { "disk.img": disk(5000) });
  const detected = await identifyFile(path);
  expect(planTransform(detected, { formats: "any", compressions: "any" })).toMatchObject({ steps: [], format: "tar" });
});

const hexOf = (algorithm: string, bytes: Uint8Array | string): string =>
  createHash(algorithm).update(bytes).digest("hex");
const machine = (path: string, member?: string) => async (): Promise<string> =>
  digestOf(
    await all(
      transform({ kind: "file", path }, planTransform(await identifyFile(path, { member }), RAW), {
        target: RAW,
        member,
      }),
    ),
  );

test("the manifest of an OVA has to agree, before and behind its disk, whoever names the disk", async () => {
  const raw = disk(3 << 20, 8);
  const description = ovf("disk.img");
  for (const algorithm of ["sha1", "sha256", "sha512"])
    for (const request of [
      ["machine.mf", "disk.img"],
      ["disk.img", "machine.mf"],
    ])
      for (const of of ["nothing", "the disk", "the description"])
        for (const member of [undefined, "disk.img"]) {
          await using at = await directory();
          const line = (name: string, bytes: Uint8Array | string) =>
            `${algorithm.toUpperCase()}(${name})= ${hexOf(algorithm, bytes)}\r\n`;
          const manifest =
            line("machine.ovf", of === "the description" ? "another" : description) +
            line("disk.img", of === "the disk" ? "another" : raw) +
            line("other.img", "that was not read");
          const files: Record<string, Uint8Array> = { "disk.img": raw, "machine.mf": Buffer.from(manifest) };
          const path = await ova(
            at.path,
            description,
            Object.fromEntries(request.map((name) => [name, files[name] ?? raw])),
          );
          const made = machine(path, member)();
          if (of === "nothing") expect(await made).toBe(digestOf(raw));
          else
            await expect(made).rejects.toMatchObject({
              code: "source.corrupt",
              message: expect.stringContaining("is not what the manifest of the OVA says: expected"),
            });
        }
});

test("the disk of an OVA is named by a URL, relative to the description", async () => {
  const raw = disk(3 << 20, 8);
  await using at = await directory();
  const path = await ova(at.path, ovf("my%20disk.img"), { "my disk.img": raw });
  expect(await machine(path)()).toBe(digestOf(raw));
  await using below = await directory();
  await mkdir(join(below.path, "vm"));
  await Bun.write(join(below.path, "vm/machine.ovf"), ovf("disk.img"));
  await Bun.write(join(below.path, "vm/disk.img"), raw);
  const other = join(below.path, "machine.ova");
  run(["tar", "-C", below.path, "--format=ustar", "-cf", other, "vm/machine.ovf", "vm/disk.img"]);
  expect(await machine(other)()).toBe(digestOf(raw));
});

test("two disks, none, and one that needs other files", async () => {
  await using two = await directory();
  const path = await ova(two.path, ovf("a.img", "b.img"), { "a.img": disk(5000), "b.img": disk(6000) });
  expect(await codeOf((async () => planTransform(await identifyFile(path), RAW))())).toBe("source.format");
  await expect(identifyFile(path, { member: true })).rejects.toMatchObject({
    code: "source.member",
    hint: expect.stringContaining('"a.img", "b.img"'),
  });
  expect(planTransform(await identifyFile(path, { member: "b.img" }), RAW).steps).toEqual(["untar"]);
  await using none = await directory();
  const empty = await ova(none.path, ovf(), { "a.img": disk(5000) });
  expect(await codeOf(identifyFile(empty, { member: true }))).toBe("source.member");
  await using unsafe = await directory();
  const qcow2 = new Uint8Array(await Bun.file(join(FIXTURES, "v3.qcow2")).arrayBuffer());
  new DataView(qcow2.buffer).setUint32(76, 4);
  const wrong = await ova(unsafe.path, ovf("disk.qcow2"), { "disk.qcow2": qcow2 });
  expect(await codeOf(identifyFile(wrong))).toBe("source.format");
});
