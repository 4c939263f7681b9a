import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { api, bytesOf, DIR, facts, type Json, Lab, project, unified } from "./incus-kit.ts";

// What is on the server already, and what two declarations have in common, is seen by the plan and not by apply: whatever the size of
// the bytes, in however many files they are, and however the place is written.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main } = await facts();
const LONG = 120_000;
const LARGE = 70 << 20;
const [meta, rootfs] = await Promise.all([bytesOf("meta.tar.xz"), bytesOf("rootfs.squashfs")]);

const block = (name: string, ...lines: readonly string[]) =>
  `[image.${name}]\nbackend = "lab"\n${lines.map((line) => `${line}\n`).join("")}`;
const ask = (lab: Lab, method: string, path: string, body?: unknown): Promise<Json> =>
  api(main.socket, method, `${path}${path.includes("?") ? "&" : "?"}project=${lab.project.name}`, body);

/** A tarball of an image that is too large to be read for every plan. */
async function large(): Promise<Uint8Array> {
  const archive = new Bun.Archive({
    "metadata.yaml": "architecture: x86_64\ncreation_date: 1700000000\nproperties: {}\n",
    "rootfs/large": new Uint8Array(randomBytes(LARGE)),
  });
  return new Uint8Array(await archive.bytes());
}
/** What `incus image import METADATA ROOTFS` sends. */
async function split(lab: Lab): Promise<Json> {
  const form = new FormData();
  form.append("metadata", new Blob([new Uint8Array(meta)]), "meta.tar.xz");
  form.append("rootfs", new Blob([new Uint8Array(rootfs)]), "rootfs.squashfs");
  const answer = await fetch(`http://incus/1.0/images?project=${lab.project.name}`, {
    unix: main.socket,
    method: "POST",
    body: form,
  });
  const { operation }: Json = await answer.json();
  const done = await api(main.socket, "GET", `${operation.replace(/\?.*/, "")}/wait`);
  return await ask(lab, "GET", `/1.0/images/${done.metadata.fingerprint}`);
}
async function writeSplit(lab: Lab, suffix = ""): Promise<string> {
  await lab.directory.write(`meta${suffix}.tar.xz`, meta);
  await lab.directory.write(`rootfs${suffix}.squashfs`, rootfs);
  return `source = { file = "./rootfs${suffix}.squashfs", metadata = "./meta${suffix}.tar.xz" }`;
}

/** It is somebody's: the plan and the apply say so and touch nothing, `--adopt` takes it. */
async function seen(lab: Lab): Promise<void> {
  const before = await lab.one();
  for (const args of [["plan"], ["apply", "--yes"]]) {
    const said = await lab.run(...args);
    expect([args, said.code, said.stdout.includes("already exists and is unmanaged")]).toEqual([args, 1, true]);
    expect(said.stdout).toContain(before.fingerprint);
  }
  expect(await lab.one()).toEqual(before);
  await lab.apply("--adopt");
  await lab.settled();
  expect((await lab.one()).fingerprint).toBe(before.fingerprint);
}

/** Two declarations of one image: an error of the plan, with both places, and nothing is made. */
async function twice(lab: Lab): Promise<void> {
  const before = await lab.images();
  for (const args of [["plan"], ["apply", "--yes"]]) {
    const said = await lab.run(...args);
    expect([args, said.code, said.stdout.match(/is the same image on the backend as/g)?.length]).toEqual([args, 1, 2]);
    expect(new Set(said.stdout.match(/images\.toml:\d+:\d+/g)).size).toBe(2);
  }
  expect(await lab.images()).toEqual(before);
}

test(
  "a large local file whose bytes are there already",
  async () => {
    await using lab = await Lab.open();
    const bytes = await large();
    await ask(lab, "POST", "/1.0/images", bytes);
    await lab.directory.write("a.tar", bytes);
    await lab.declare(block("a", 'source = "./a.tar"', 'alias = "mine"'));
    await seen(lab);
  },
  LONG,
);

test(
  "an image in two parts that is there already",
  async () => {
    await using lab = await Lab.open();
    await split(lab);
    await lab.declare(block("a", await writeSplit(lab)));
    await seen(lab);
  },
  LONG,
);

test(
  "bytes that are unpacked on their way, and a checksum of another algorithm",
  async () => {
    for (const source of [
      '{ file = "./a.tar.gz", decompress = true }',
      '{ file = "./a.tar", checksum = "sha512:HEX" }',
    ]) {
      await using lab = await Lab.open();
      const bytes = await unified(lab.project.name);
      await ask(lab, "POST", "/1.0/images", bytes);
      await lab.directory.write("a.tar", bytes);
      await lab.directory.write("a.tar.gz", new Uint8Array(gzipSync(bytes)));
      const hex = createHash("sha512").update(bytes).digest("hex");
      await lab.declare(block("a", `source = ${source.replace("HEX", hex)}`));
      await seen(lab);
    }
  },
  LONG,
);

test(
  "the same bytes at two addresses: large files, two parts, packed and unpacked, a name on the web that says nothing",
  async () => {
    await using lab = await Lab.open();
    const bytes = await large();
    for (const name of ["a", "b"]) await lab.directory.write(`${name}.tar`, bytes);
    await lab.declare(block("a", 'source = "./a.tar"') + block("b", 'source = "./b.tar"'));
    await twice(lab);
    // One of them is there already, and managed.
    await lab.declare(block("a", 'source = "./a.tar"'));
    await lab.apply();
    await lab.declare(block("a", 'source = "./a.tar"') + block("b", 'source = "./b.tar"'));
    await twice(lab);
    await lab.declare(block("a", await writeSplit(lab)) + block("b", await writeSplit(lab, "2")));
    await twice(lab);
    await lab.declare(block("b", await writeSplit(lab)));
    await lab.apply();
    await lab.declare(block("a", await writeSplit(lab, "2")) + block("b", await writeSplit(lab)));
    await twice(lab);
    const small = await unified(lab.project.name);
    await lab.directory.write("c.tar", small);
    await lab.directory.write("c.tar.gz", new Uint8Array(gzipSync(small)));
    await lab.declare(
      block("a", 'source = "./c.tar"') + block("b", 'source = { file = "./c.tar.gz", decompress = true }'),
    );
    await twice(lab);
  },
  LONG,
);

test(
  "one project written in two ways, one server as two backends, one name at one place",
  async () => {
    await using lab = await Lab.open();
    const { name } = lab.project;
    await lab.directory.write("a.tar", await unified(name));
    const source = 'source = "./a.tar"';
    // A project with images of its own, left out and spelled out; the remote as well.
    for (const place of [`project = "${name}"`, 'remote = "local"', `remote = "local"\nproject = "${name}"`]) {
      await lab.declare(block("a", source) + block("b", source, place));
      await twice(lab);
    }
    const other = `\n[backend.other]\nplugin = "incus"\nsocket = "${main.socket}"\nproject = "${name}"\n`;
    await lab.declare(`${block("a", source)}[image.b]\nbackend = "other"\n${source}\n${other}`);
    await twice(lab);
    // A name of two images at one place.
    await lab.directory.write("b.tar", await unified("other"));
    await lab.declare(
      block("a", source, 'alias = "x"') + block("b", 'source = "./b.tar"', 'alias = "x"', `project = "${name}"`),
    );
    await twice(lab);
    // In another project the same name and bytes are another image.
    await using second = await project(main.socket);
    await lab.declare(
      block("a", source, 'alias = "x"') + block("b", source, 'alias = "x"', `project = "${second.name}"`),
    );
    await lab.apply();
    await lab.settled();
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
  },
  LONG,
);

test(
  "a project without images of its own is the default one",
  async () => {
    await using lab = await Lab.open();
    await lab.directory.write("a.tar", await unified(lab.project.name));
    const source = 'source = "./a.tar"';
    const own = lab.settings;
    const places = ["", 'project = "default"', 'project = "p2"'];
    lab.settings = own.replace(/project = .*\n/, "");
    for (const one of places)
      for (const other of places.filter((place) => place !== one)) {
        await lab.declare(block("a", source, one) + block("b", source, other));
        await twice(lab);
      }
    // The default project is not that of the backend here: one name in each.
    lab.settings = own;
    const alias = `alias = "${lab.project.name}-x"`;
    await lab.declare(block("a", source, alias) + block("b", source, alias, 'project = "default"'));
    await lab.apply();
    await lab.settled();
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
  },
  LONG,
);

test(
  "--adopt and import take no image of other bytes, whatever its size",
  async () => {
    await using lab = await Lab.open();
    const { fingerprint } = await ask(lab, "POST", "/1.0/images", await unified("theirs"));
    await ask(lab, "POST", "/1.0/images/aliases", { name: "x", target: fingerprint });
    const before = await lab.one();
    await lab.directory.write("a.tar", await unified("mine!!"));
    await lab.directory.write("a.tar.gz", new Uint8Array(gzipSync(await unified("mine!!"))));
    for (const source of [
      'source = "./a.tar"',
      'source = { file = "./a.tar.gz", decompress = true }',
      'source = "images:alpine/edge"',
      await writeSplit(lab),
    ]) {
      await lab.declare(block("a", source, 'alias = "x"'));
      const said = await lab.run("apply", "--yes", "--adopt");
      expect([source, said.code, said.stdout.includes("differs")]).toEqual([source, 1, true]);
      const imported = await lab.run("import", "lab/a", fingerprint);
      expect([source, imported.code, imported.stderr.includes("declared")]).toEqual([source, 1, true]);
      expect(await lab.one()).toEqual(before);
    }
  },
  LONG,
);
