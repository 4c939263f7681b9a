import { expect, test } from "bun:test";
import { appendFile, chown, cp, mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { api, bytesOf, DIR, facts, type Json, Lab, names, tarball, unified } from "./incus-kit.ts";

// What hosts have that nobody thinks of: images without properties, remotes without TLS, two runs at the same instant.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { remote } = await facts();
const PROGRAM = process.env["IMAGES_BINARY"]?.split(" ") ?? [process.execPath, resolve("src/cli/main.ts")];
const LONG = 300_000;
const block = (name: string, ...lines: readonly string[]) =>
  `[image.${name}]\nbackend = "lab"\n${lines.map((line) => `${line}\n`).join("")}`;

test(
  "an image whose metadata has no properties: uploaded and copied, and the server lives on",
  async () => {
    for (const metadata of ["", "properties: null\n", "properties: {}\n"]) {
      await using lab = await Lab.open();
      const { name } = lab.project;
      await lab.directory.write("a.tar", await tarball(metadata, name));
      await lab.directory.write("meta.tar", await tarball(metadata, `${name} in two`));
      await lab.directory.write("rootfs.squashfs", await bytesOf("rootfs.squashfs"));
      const { fingerprint } = await api(remote.socket, "POST", "/1.0/images", await tarball(metadata, `${name} far`));
      await api(remote.socket, "POST", "/1.0/images/aliases", { name, target: fingerprint });
      await lab.declare(
        block("a", 'source = "./a.tar"', 'alias = "a"') +
          block("b", 'source = { file = "./rootfs.squashfs", metadata = "./meta.tar" }', 'alias = "b"') +
          block("c", `source = "remote:${name}"`, 'mode = "push"', 'alias = "c"'),
      );
      await lab.apply();
      await lab.settled();
      expect((await lab.images()).flatMap(names).sort()).toEqual(["a", "b", "c"]);
      const owners = (await lab.images()).map(({ properties }) => properties["images.owner"]);
      expect(owners.sort()).toEqual(["lab/a", "lab/b", "lab/c"]);
      await api(remote.socket, "DELETE", `/1.0/images/${fingerprint}`);
    }
  },
  LONG,
);

test("[policy] requires https: a remote of the client's own configuration that is not is refused by the plan", async () => {
  await using lab = await Lab.open();
  await cp(`${DIR}/conf`, lab.directory.at("conf"), { recursive: true });
  const plain = '  plain: {addr: "http://127.0.0.1:1", protocol: simplestreams, public: true}\n';
  const several = '  several: {addrs: ["https://127.0.0.1:1", "http://127.0.0.1:1"], protocol: simplestreams}\n';
  await appendFile(lab.directory.at("conf", "config.yml"), plain + several);
  lab.settings = lab.settings.replace(`${DIR}/conf`, lab.directory.at("conf"));
  const policy = '[policy]\nrequire = ["https"]\n';
  for (const from of ["plain", "several"]) {
    await lab.declare(block("a", `source = "${from}:alpine/edge"`) + policy);
    const said = await lab.run("plan");
    expect([from, said.code, said.stdout.includes("is not https")]).toEqual([from, 1, true]);
  }
  await lab.declare(block("a", 'source = "images:alpine/edge"') + policy);
  await lab.apply();
  await lab.settled();
}, 60_000);

test("a directory with metadata.yaml and rootfs is an image, and what changes in it is seen", async () => {
  await using lab = await Lab.open();
  for (const path of ["image/rootfs/etc", "image/templates"]) await mkdir(lab.directory.at(path), { recursive: true });
  await lab.directory.write("image/metadata.yaml", "architecture: x86_64\ncreation_date: 1700000000\n");
  await lab.directory.write("image/rootfs/etc/hostname", lab.project.name);
  await chown(lab.directory.at("image/rootfs/etc/hostname"), 1234, 1234);
  await lab.declare(block("a", 'source = "./image"', 'alias = "x"'));
  await lab.apply();
  await lab.settled();
  const before = await lab.one();
  expect([before.type, names(before)]).toEqual(["container", ["x"]]);
  expect((await lab.run("export", "lab/a", "--out", lab.directory.at("out.tar"))).code).toBe(0);
  const listed = Bun.spawnSync(["tar", "--numeric-owner", "-tvf", lab.directory.at("out.tar")]).stdout.toString();
  expect(listed).toMatch(/1234\/1234 .*rootfs\/etc\/hostname/);
  await lab.directory.write("image/rootfs/etc/hostname", "another");
  expect((await lab.run("plan", "--detailed-exitcode")).code).toBe(2);
  await lab.apply();
  await lab.settled();
  expect((await lab.one()).fingerprint).not.toBe(before.fingerprint);
  await mkdir(lab.directory.at("empty"));
  await lab.declare(block("a", 'source = "./empty"', 'alias = "x"'));
  const said = await lab.run("plan");
  expect(`${said.stdout}${said.stderr}`).toContain("without metadata.yaml and rootfs");
}, 60_000);

/** Both apply at the same instant. */
async function together(labs: readonly Lab[]): Promise<readonly { code: number; text: string }[]> {
  const children = labs.map((lab) => {
    const env = { ...process.env, ...lab.env, HOME: lab.directory.path, XDG_STATE_HOME: lab.directory.at("scratch") };
    return Bun.spawn([...PROGRAM, "apply", "--yes"], {
      cwd: lab.directory.path,
      env: { ...env, IMAGES_CACHE: lab.directory.at("cache") },
      stdio: ["ignore", "pipe", "pipe"],
    });
  });
  return await Promise.all(
    children.map(async (child) => {
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, text: out + err };
    }),
  );
}

test(
  "two runs at the same instant with a state each, for the same bytes: one has the image, the other one says whose it is, and none is lost",
  async () => {
    const sources = ["./a.tar", "./large.tar", "images:alpine/edge"];
    for (let round = 0; round < 2; round++)
      for (const source of sources)
        for (const alias of ["same", `other-${round}`]) {
          await using one = await Lab.open();
          await using two = await Lab.open();
          two.settings = one.settings;
          const bytes = await unified(`${one.project.name} ${source}`, source === "./large.tar" ? 60_000 : 0);
          for (const lab of [one, two]) {
            if (source.startsWith("./")) await lab.directory.write(source.slice(2), bytes);
            await lab.declare(
              `${block("a", `source = "${source}"`, `alias = "${lab === one ? "same" : alias}"`)}[settings]\nname = "${lab.project.name}"\n`,
            );
          }
          const said = await together([one, two]);
          for (const { code, text } of said) {
            expect(text).not.toMatch(/UNIQUE|bug in images|SQL/i);
            if (code !== 0) expect(text).toMatch(/\[(backend\.conflict|plan\.blocked)\]/);
          }
          const codes = said.map(({ code }) => code);
          if (codes.filter((code) => code === 0).length !== 1)
            throw new Error(`${source} ${alias}: ${said.map(({ text }) => text).join("\n-----\n")}`);
          const image: Json = await one.one();
          const winner = codes[0] === 0 ? one : two;
          await winner.settled();
          const loser = winner === one ? two : one;
          // What the other one takes away is not this image.
          const gone = await loser.run("destroy", "--yes");
          if (gone.code !== 0) expect(gone.stdout).toContain("another state");
          const left = (await one.images()).map(({ fingerprint }) => fingerprint);
          if (left[0] !== image.fingerprint || left.length !== 1)
            throw new Error([source, alias, ...left, ...said.map(({ text }) => text), gone.stdout].join("\n-----\n"));
          await winner.settled();
        }
  },
  LONG,
);
