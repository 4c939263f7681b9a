import { expect, test } from "bun:test";
import { appendFile, cp } from "node:fs/promises";
import { api, bytesOf, DIR, facts, type Json, Lab, names, unified } from "./incus-kit.ts";

// What the incus client can do as well: instances of other projects, remotes with several addresses, any image by any name.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, images } = await facts();
const LONG = 120_000;

test(
  "an instance of another project: its image is made there for a moment, and kept here; killed or failing, nothing is left there",
  async () => {
    await using lab = await Lab.open();
    const there = async (): Promise<readonly Json[]> => await api(main.socket, "GET", "/1.0/images?recursion=1");
    const before = (await there()).length;
    const block = (more: string) =>
      lab.declare(
        `[image.a]\nbackend = "lab"\nalias = "published"\nsource_instance = { name = "c1", snapshot = "s0", project = "default" }\n${more}`,
      );
    await block(`fingerprint = "${"0".repeat(12)}"\n`);
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect([await lab.images(), (await there()).length]).toEqual([[], before]);
    await block('properties = { os = "P" }\n');
    await lab.apply();
    await lab.settled();
    const image = await lab.one();
    expect([names(image), image.properties.os, (await there()).length]).toEqual([["published"], "P", before]);
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
  },
  LONG,
);

test(
  "all addresses of a remote are tried",
  async () => {
    await using lab = await Lab.open();
    await cp(`${DIR}/conf`, lab.directory.at("conf"), { recursive: true });
    const dead = "https://127.0.0.1:1";
    await appendFile(
      lab.directory.at("conf", "config.yml"),
      `  several: {addrs: ["${dead}", "${main.url}"], protocol: incus}\n  mirrors: {addrs: ["${dead}", "${images.url}"], protocol: simplestreams, public: true}\n`,
    );
    await cp(`${DIR}/conf/servercerts/main.crt`, lab.directory.at("conf", "servercerts", "several.crt"));
    lab.settings = `remote = "several"\nconfig = "${lab.directory.at("conf")}"\nproject = "${lab.project.name}"\n`;
    await lab.declare('[image.a]\nbackend = "lab"\nsource = "mirrors:alpine/edge"\nalias = "x"\n');
    await lab.apply();
    await lab.settled();
    expect(names(await lab.one())).toEqual(["x"]);
  },
  LONG,
);

test(
  "export and info of any image, by an alias, a fingerprint or the beginning of it",
  async () => {
    await using lab = await Lab.open();
    const bytes = await unified("any");
    const at = `project=${lab.project.name}`;
    const { fingerprint } = await api(main.socket, "POST", `/1.0/images?${at}`, bytes);
    await api(main.socket, "POST", `/1.0/images/aliases?${at}`, { name: "some/one", target: fingerprint });
    await lab.declare("");
    for (const name of ["some/one", fingerprint, fingerprint.slice(0, 12)]) {
      const said = await lab.run("export", `lab/${name}`, "--out", "out.tar");
      expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
      expect(Buffer.from(await Bun.file(lab.directory.at("out.tar")).bytes()).equals(bytes)).toBe(true);
      const [found] = JSON.parse((await lab.run("info", "lab", name, "--json")).stdout);
      expect([found.attributes.fingerprint, found.ours]).toEqual([fingerprint, false]);
    }
    const none = await lab.run("export", "lab/no/thing");
    expect([none.code, none.stderr.includes("there is no image lab/no/thing")]).toEqual([1, true]);
  },
  LONG,
);

test(
  "an image in two parts from URLs: proven, followed, and the same image as from files",
  async () => {
    await using lab = await Lab.open();
    const files = new Map<string, Uint8Array>();
    for (const name of ["meta.tar.xz", "rootfs.squashfs", "vm-meta.tar.xz", "disk.qcow2"])
      files.set(name, await bytesOf(name));
    using web = Bun.serve({
      port: 0,
      fetch: ({ url }) => {
        const bytes = files.get(new URL(url).pathname.slice(1));
        const etag = bytes && `"${Bun.hash(bytes)}"`;
        return bytes === undefined
          ? new Response("", { status: 404 })
          : new Response(Buffer.from(bytes), { headers: { etag: etag ?? "" } });
      },
    });
    const at = (name: string) => `http://127.0.0.1:${web.port}/${name}`;
    const sum = (...names: string[]) =>
      names.reduce((hash, name) => hash.update(files.get(name) ?? ""), new Bun.CryptoHasher("sha256")).digest("hex");
    const declare = (disk: string, metadata: string) =>
      lab.declare(
        `[image.a]\nbackend = "lab"\nalias = "x"\nsource = { url = "${at(disk)}", metadata = ${metadata} }\n`,
      );
    for (const [disk, metadata] of [
      ["rootfs.squashfs", "meta.tar.xz"],
      ["disk.qcow2", "vm-meta.tar.xz"],
    ] as const) {
      await declare(disk, `{ url = "${at(metadata)}", checksum = "sha256:${"0".repeat(64)}" }`);
      const wrong = await lab.run("apply", "--yes");
      expect([wrong.code, wrong.stderr.includes("checksum mismatch") || wrong.stderr.includes("declared")]).toEqual([
        1,
        true,
      ]);
      await declare(disk, `{ url = "${at(metadata)}", checksum = "sha256:${sum(metadata)}" }`);
      await lab.apply();
      await lab.settled();
      expect((await lab.one()).fingerprint).toBe(sum(metadata, disk));
      await declare(disk, `"${at(metadata)}"`);
      await lab.apply();
      await lab.settled();
      // Other metadata at the same URL is another image.
      const before = files.get(metadata) ?? new Uint8Array();
      files.set(metadata, await unified(disk));
      expect((await lab.run("plan", "--detailed-exitcode")).code).toBe(2);
      files.set(metadata, before);
      await lab.settled();
      expect((await lab.run("destroy", "--yes")).code).toBe(0);
    }
    for (const wrong of ['"./meta.tar.xz"', "{ }", `{ url = "ftp://x/y" }`]) {
      await declare("disk.qcow2", wrong);
      const said = await lab.run("validate");
      expect([wrong, said.code, `${said.stdout}${said.stderr}`.includes("metadata")]).toEqual([wrong, 1, true]);
    }
  },
  LONG,
);

test(
  "images refresh: the server updates it by itself, and it stays managed, with its aliases and properties",
  async () => {
    await using lab = await Lab.open();
    const release = `${Date.now()}`;
    const publish = async (when: number) => {
      const env = { ...process.env, OS: "Fresh", RELEASE: release, VM: "0" };
      expect(await Bun.spawn([images.add_version, String(when)], { env, stderr: "ignore" }).exited).toBe(0);
      await Bun.spawn([images.forget]).exited;
    };
    await publish(1_700_000_000);
    for (const more of ["", "auto_update = true\n"]) {
      const file = `[image.a]\nbackend = "lab"\nsource = "images:fresh/${release}"\nalias = "x"\nproperties = { os = "mine" }\n`;
      await lab.declare(file + more);
      await lab.apply();
      expect((await lab.run("refresh", "lab/a")).stderr).toContain("Up to date");
      await lab.settled();
      const before = await lab.one();
      await publish(1_700_000_000 + (more === "" ? 100_000 : 200_000));
      const said = await lab.run("refresh", "lab/a");
      expect([said.code, said.stderr.includes("Refreshed")]).toEqual([0, true]);
      await lab.settled();
      const after = await lab.one();
      expect(after.fingerprint).not.toBe(before.fingerprint);
      expect([after.properties.os, after.properties["images.owner"], names(after).includes("x")]).toEqual([
        "mine",
        "lab/a",
        true,
      ]);
      expect((await lab.run("destroy", "--yes")).code).toBe(0);
      expect(await lab.images()).toEqual([]);
    }
    // What was not copied by an alias, and another backend, are told.
    await lab.directory.write("a.tar", await unified("refresh"));
    await lab.declare('[image.a]\nbackend = "lab"\nsource = "./a.tar"\n');
    await lab.apply();
    const none = await lab.run("refresh", "lab/a");
    expect([none.code, none.stderr.includes("did not record the origin")]).toEqual([1, true]);
  },
  LONG,
);
