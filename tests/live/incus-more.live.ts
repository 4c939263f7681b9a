import { expect, test } from "bun:test";
import { appendFile, cp } from "node:fs/promises";
import { api, DIR, facts, type Json, Lab, names, unified } from "./incus-kit.ts";

// What the incus client can do as well: instances of other projects, remotes with several addresses, any image by any name.

if (DIR === undefined) throw new Error("INCUS_LIVE names the folder that tests/live/incus-up was given");
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
    await cp(`${DIR}/conf`, lab.folder.at("conf"), { recursive: true });
    const dead = "https://127.0.0.1:1";
    await appendFile(
      lab.folder.at("conf", "config.yml"),
      `  several: {addrs: ["${dead}", "${main.url}"], protocol: incus}\n  mirrors: {addrs: ["${dead}", "${images.url}"], protocol: simplestreams, public: true}\n`,
    );
    await cp(`${DIR}/conf/servercerts/main.crt`, lab.folder.at("conf", "servercerts", "several.crt"));
    lab.settings = `remote = "several"\nconfig = "${lab.folder.at("conf")}"\nproject = "${lab.project.name}"\n`;
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
      expect(Buffer.from(await Bun.file(lab.folder.at("out.tar")).bytes()).equals(bytes)).toBe(true);
      const [found] = JSON.parse((await lab.run("info", "lab", name, "--json")).stdout);
      expect([found.attributes.fingerprint, found.ours]).toEqual([fingerprint, false]);
    }
    const none = await lab.run("export", "lab/no/thing");
    expect([none.code, none.stderr.includes("there is no image lab/no/thing")]).toEqual([1, true]);
  },
  LONG,
);
