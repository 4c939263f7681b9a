import { expect, test } from "bun:test";
import { run, TestDirectory } from "../harness.ts";
import { api, bytesOf, DIR, facts, type Json, Lab, names, project, unified } from "./incus-kit.ts";

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, remote, images } = await facts();
const env = { SSL_CERT_FILE: images.ca };

const LONG = 120_000;

test(
  "source_image of a stream, with its aliases copied; every argument of the block",
  async () => {
    await using lab = await Lab.open();
    const declare = (more: string) =>
      lab.declare(
        `[image.a]\nbackend = "lab"\naliases = ["mine"]\nsource_image = { remote = "images", name = "alpine/edge", ${more} }\n`,
      );
    await declare('type = "container", architecture = "x86_64", copy_aliases = true');
    await lab.apply();
    await lab.settled();
    const image = await lab.one();
    expect(names(image)).toEqual([
      "alpine/edge",
      "alpine/edge/amd64",
      "alpine/edge/default",
      "alpine/edge/default/amd64",
      "mine",
    ]);
    expect(image.type).toBe("container");
    await declare("copy_aliases = false");
    await lab.apply();
    await lab.settled();
    expect(names(await lab.one())).toEqual(["mine"]);
    await declare('type = "virtual-machine", copy_aliases = false');
    await lab.apply();
    await lab.settled();
    expect((await lab.one()).type).toBe("virtual-machine");
  },
  LONG,
);

test(
  "source = REMOTE:ALIAS with vm, alias, properties, mode",
  async () => {
    await using lab = await Lab.open();
    const declare = (more: string) =>
      lab.declare(`[image.a]\nbackend = "lab"\nsource = "images:alpine/edge"\nalias = "my-alpine"\n${more}`);
    for (const mode of ["pull", "push", "relay"]) {
      await declare(`mode = "${mode}"\nproperties = { os = "Alpine", mode = "${mode}" }\n`);
      await lab.apply("--replace", "lab/a");
      await lab.settled();
      const image = await lab.one();
      expect(image.properties).toMatchObject({ os: "Alpine", mode });
      expect(
        Object.keys(image.properties)
          .filter((key) => !key.startsWith("images."))
          .sort(),
      ).toEqual(["mode", "os"]);
      expect(names(image)).toEqual(["my-alpine"]);
    }
    await declare("vm = true\ncopy_aliases = true\n");
    await lab.apply();
    await lab.settled();
    expect((await lab.one()).type).toBe("virtual-machine");
    await lab.run("destroy", "--yes");
    await declare('vm = true\nmode = "relay"\n');
    await lab.apply();
    await lab.settled();
    expect((await lab.one()).type).toBe("virtual-machine");
  },
  LONG,
);

test(
  "public and private images of another Incus server, by pull and by relay",
  async () => {
    await using lab = await Lab.open();
    for (const [name, mode] of [
      ["pub", "pull"],
      ["priv", "pull"],
      ["pub", "relay"],
      ["priv", "relay"],
    ]) {
      await lab.declare(`[image.a]\nbackend = "lab"\nsource = "remote:${name}"\nmode = "${mode}"\n`);
      await lab.apply();
      await lab.settled();
      const { target } = await api(remote.socket, "GET", `/1.0/images/aliases/${name}`);
      expect((await lab.one()).fingerprint).toBe(target);
      await lab.run("destroy", "--yes");
    }
  },
  LONG,
);

test(
  "a moved alias is a plan; with follow = false it is not; aliases move to the new image",
  async () => {
    await using lab = await Lab.open();
    const name = `moving/${Date.now()}`;
    const publish = async (when: number) => {
      const add = Bun.spawn([images.add_version, String(when)], {
        env: { ...process.env, OS: "Moving", RELEASE: name.slice(7), VM: "0" },
        stderr: "ignore",
      });
      expect(await add.exited).toBe(0);
      await Bun.spawn([images.forget]).exited;
    };
    await publish(1_700_000_000);
    const block = (follow: string) =>
      `[image.a]\nbackend = "lab"\nalias = "stays"\n${follow}source_image = { remote = "images", name = "${name}", copy_aliases = false }\n`;
    await lab.declare(block(""));
    await lab.apply();
    await lab.settled();
    const before = await lab.one();
    await publish(1_700_100_000);
    await lab.declare(block("follow = false\n"));
    await lab.settled();
    await lab.declare(block("refresh = true\n"));
    expect((await lab.run("plan", "--detailed-exitcode")).code).toBe(2);
    await lab.declare(block(""));
    const plan = await lab.run("plan", "--detailed-exitcode");
    expect(plan.code).toBe(2);
    const words = plan.stdout.replaceAll(/\s+/g, " ");
    expect(words).toMatch(new RegExp(`content = sha256:${before.fingerprint.slice(0, 12)}\\S* -> sha256:[0-9a-f]{12}`));
    expect(words).toContain(`"name":"${name}"`);
    await lab.apply();
    await lab.settled();
    const after = await lab.one();
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(names(after)).toEqual(["stays"]);
    // The server refreshes an image by itself: it is still ours, and only what was lost is put back.
    await lab.declare(block("auto_update = true\nproperties = { os = 'mine' }\n"));
    await lab.apply("--replace", "lab/a");
    await lab.settled();
    await lab.run("destroy", "--yes");
    await lab.apply();
    await lab.settled();
    const own = await lab.one();
    expect(own.update_source?.alias).toBe(name);
    await publish(1_700_200_000);
    await api(main.socket, "POST", `/1.0/images/${own.fingerprint}/refresh?project=${lab.project.name}`);
    const fresh = await lab.one();
    expect(fresh.fingerprint).not.toBe(own.fingerprint);
    expect(fresh.properties["images.owner"]).toBeUndefined();
    await lab.apply();
    await lab.settled();
    const kept = await lab.one();
    expect(kept.fingerprint).toBe(fresh.fingerprint);
    expect(kept.properties).toMatchObject({ os: "mine" });
    await lab.run("destroy", "--yes");
    expect(await lab.images()).toEqual([]);
  },
  LONG,
);

test(
  "from an instance and from a snapshot of it",
  async () => {
    await using directory = await TestDirectory.make();
    const write = (more: string) =>
      directory.write(
        "images.toml",
        `[backend.lab]\nplugin = "incus"\nsocket = "${main.socket}"\n[image.published]\nbackend = "lab"\n${more}`,
      );
    const ok = async (...args: string[]) => {
      const said = await run(directory, args, { env });
      expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
      return said.stdout;
    };
    for (const more of [
      'source_instance = { name = "c1" }\n',
      'source_instance = { name = "c1", snapshot = "s0" }\ncompression = "none"\nproperties = { os = "P" }\nexpires_at = "2031-01-01T00:00:00Z"\naliases = ["published"]\n',
    ]) {
      await write(more);
      await ok("apply", "--yes");
      await ok("plan", "--detailed-exitcode");
    }
    const found = JSON.parse(await ok("info", "lab", "--json")).filter(({ ours }: Json) => ours);
    expect(found.map(({ attributes }: Json) => attributes.properties)).toEqual([{ os: "P" }]);
    await ok("destroy", "--yes");
  },
  LONG,
);

test(
  "files: unified, split in both types, bare; a fingerprint is checked; they come back verified",
  async () => {
    await using lab = await Lab.open();
    for (const name of ["unified.tar.gz", "meta.tar.xz", "rootfs.squashfs", "vm-meta.tar.xz", "disk.qcow2"])
      await lab.directory.write(name, await bytesOf(name));
    const of = (parts: readonly Uint8Array[]) =>
      parts.reduce((hash, part) => hash.update(part), new Bun.CryptoHasher("sha256")).digest("hex");
    const read = async (...files: string[]) => of(await Promise.all(files.map((name) => bytesOf(name))));
    const kinds = [
      ["{ file = 'unified.tar.gz' }", "container", await read("unified.tar.gz")],
      [
        "{ file = 'rootfs.squashfs', metadata = 'meta.tar.xz' }",
        "container",
        await read("meta.tar.xz", "rootfs.squashfs"),
      ],
      [
        "{ file = 'disk.qcow2', metadata = 'vm-meta.tar.xz' }",
        "virtual-machine",
        await read("vm-meta.tar.xz", "disk.qcow2"),
      ],
      ["{ file = 'rootfs.squashfs' }", "container", undefined],
    ] as const;
    for (const [source, type, fingerprint] of kinds) {
      const declare = (more: string) =>
        lab.declare(`[image.a]\nbackend = "lab"\nsource = ${source}\naliases = ["x"]\n${more}`);
      if (fingerprint !== undefined) {
        await declare(`fingerprint = "${"0".repeat(12)}"\n`);
        const wrong = await lab.run("apply", "--yes");
        expect(wrong.code).toBe(1);
        expect(wrong.stderr).toContain("expected 000000000000");
        expect(await lab.images()).toEqual([]);
      }
      await declare(fingerprint === undefined ? "" : `fingerprint = "${fingerprint}"\n`);
      await lab.apply();
      await lab.settled();
      const image = await lab.one();
      expect([image.type, fingerprint ?? image.fingerprint]).toEqual([type, image.fingerprint]);
      const exported = await lab.run("export", "lab/a", "--out", "out");
      expect([exported.code, exported.stderr.includes("wrote")]).toEqual([0, true]);
      const metadata = Bun.file(lab.directory.at("out.metadata"));
      const parts = [
        ...((await metadata.exists()) ? [await metadata.bytes()] : []),
        await Bun.file(lab.directory.at("out")).bytes(),
      ];
      expect(of(parts)).toBe(image.fingerprint);
      await lab.run("destroy", "--yes");
      await metadata.delete().catch(() => undefined);
    }
  },
  LONG,
);

test(
  "the same bytes for two addresses, a foreign image with them, an alias that is not ours: told, and nothing is touched",
  async () => {
    await using lab = await Lab.open();
    const same = await unified("same");
    await lab.directory.write("a.tar", same);
    await lab.declare(
      '[image.a]\nbackend = "lab"\nsource = "./a.tar"\n[image.b]\nbackend = "lab"\nsource = "./a.tar"\n',
    );
    const both = await lab.run("apply", "--yes", "--parallelism", "1");
    expect(both.code).toBe(1);
    // Seen by plan, with both places.
    expect(both.stderr).toMatch(/lab\/b \(\S*images\.toml:\d+:1\).*\(\S*images\.toml:\d+:1\)/);
    expect((await lab.run("plan")).code).toBe(1);
    expect(await lab.images()).toEqual([]);
    await lab.declare("");
    await lab.apply();
    expect(await lab.images()).toEqual([]);
    const { fingerprint } = await api(main.socket, "POST", `/1.0/images?project=${lab.project.name}`, same);
    await api(main.socket, "POST", `/1.0/images/aliases?project=${lab.project.name}`, {
      name: "theirs",
      target: fingerprint,
    });
    await lab.declare('[image.a]\nbackend = "lab"\nsource = "./a.tar"\n');
    const foreign = await lab.run("plan");
    expect([foreign.code, foreign.stdout.includes(`theirs (${fingerprint}) already exists and is unmanaged`)]).toEqual([
      1,
      true,
    ]);
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect(names(await lab.one())).toEqual(["theirs"]);
    await lab.directory.write("b.tar", await unified("another"));
    await lab.declare('[image.a]\nbackend = "lab"\nsource = "./b.tar"\naliases = ["theirs"]\n');
    const blocked = await lab.run("plan");
    expect(blocked.stdout + blocked.stderr).toContain("--adopt");
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    // Imported by its alias, then by the beginning of its fingerprint.
    await lab.declare('[image.a]\nbackend = "lab"\nsource = "./a.tar"\naliases = ["theirs"]\n');
    for (const id of ["theirs", fingerprint.slice(0, 12)]) {
      const said = await lab.run("import", "lab/a", id);
      expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
      await lab.settled();
      await lab.run("state", "rm", "lab/a");
    }
    await lab.declare('[image.a]\nbackend = "lab"\nalias = "theirs"\nstate = "absent"\n');
    // The state has no record of it: it is not deleted, until it has been taken into the state.
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect((await lab.images()).length).toBe(1);
    await lab.apply("--adopt");
    expect((await lab.images()).length).toBe(1);
    await lab.apply();
    expect(await lab.images()).toEqual([]);
  },
  LONG,
);

test(
  "project, target_project and remote put an image elsewhere, and it is found there again",
  async () => {
    await using lab = await Lab.open();
    await using second = await project(main.socket);
    await using third = await project(remote.socket);
    await lab.directory.write("a.tar", await unified(second.name));
    const at = async (socket: string, name: string) => (await api(socket, "GET", `/1.0/images?project=${name}`)).length;
    await lab.declare(`[image.a]\nbackend = "lab"\nsource = "./a.tar"\naliases = ["x"]\nproject = "${second.name}"\n`);
    await lab.apply();
    await lab.settled();
    expect([await at(main.socket, lab.project.name), await at(main.socket, second.name)]).toEqual([0, 1]);
    await lab.declare(
      `[image.a]\nbackend = "lab"\nsource = "./a.tar"\naliases = ["x"]\nremote = "remote"\nproject = "${third.name}"\n`,
    );
    await lab.apply();
    await lab.settled();
    expect([await at(remote.socket, third.name), await at(main.socket, second.name)]).toEqual([1, 0]);
    await lab.declare(
      `[image.a]\nbackend = "lab"\nsource = "main:base"\nproject = "default"\ntarget_project = "${second.name}"\n`,
    );
    await lab.apply();
    await lab.settled();
    expect([await at(remote.socket, third.name), await at(main.socket, second.name)]).toEqual([0, 1]);
    await lab.declare("");
    await lab.apply();
    expect(await at(main.socket, second.name)).toBe(0);
  },
  LONG,
);
