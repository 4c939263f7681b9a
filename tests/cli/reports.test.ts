import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { appendFile, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { disk, has, random } from "../core/format/tools.ts";
import { BRIEF, run, TestDirectory } from "../harness.ts";

// What users of other tools have reported of the images that they fetch, each done with the program as it is shipped, at sizes above all of
// its buffers; whether nothing is left to do is asked of the same code in this process. Short names: bpg#N is
// bpg/terraform-provider-proxmox, packer#N hashicorp/packer, quickemu#N quickemu-project/quickemu, lima#N lima-vm/lima, CDI#N
// kubevirt/containerized-data-importer, minikube#N kubernetes/minikube.

setDefaultTimeout(300_000);

const IMAGES = resolve("dist/images");
const built = await Bun.file(IMAGES).exists();
/** Sizes that the geometry of a vhd can say: 17 MiB where bytes are converted, more than a reader may keep; 3 MiB where it is about places and digests. */
const [LARGE, SMALL] = [16 * 63 * 512 * 34, 16 * 63 * 512 * 6];
const large = disk(LARGE, 21);
const raw = large.subarray(0, SMALL);
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const [ofLarge, ofRaw] = [sha256(large), sha256(raw)];

const report = (name: string, tools: readonly string[], act: (place: Place) => Promise<void>): void => {
  const missing = [...(built ? [] : ["dist/images"]), ...tools.filter((tool) => !has(tool))];
  const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} is not there)`;
  test.skipIf(missing.length > 0)(`${name}${why}`, async () => {
    await using place = await Place.make();
    await act(place);
  });
};

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A directory with images.toml and a store, and a server on which things are published. */
class Place implements AsyncDisposable {
  readonly directory: TestDirectory;
  /** By path; a function for what no file says. */
  readonly files = new Map<string, Uint8Array<ArrayBuffer> | string | ((asked: Request) => Response)>();
  readonly asked: string[] = [];
  readonly #server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (asked) => this.#answer(asked) });

  private constructor(directory: TestDirectory) {
    this.directory = directory;
  }

  static async make(): Promise<Place> {
    return new Place(await TestDirectory.make({ "disk.raw": "" }));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** Times that the bytes at a path were asked for. */
  gets(path: string): number {
    return this.asked.filter((one) => one === `GET ${path}`).length;
  }

  #answer(asked: Request): Response {
    const { pathname } = new URL(asked.url);
    this.asked.push(`${asked.method} ${pathname}`);
    const found = this.files.get(pathname);
    if (typeof found === "function") return found(asked);
    return found === undefined ? new Response("not here", { status: 404 }) : new Response(found);
  }

  /** What a shell makes of disk.raw, in `out`. */
  async made(command: string, bytes: Uint8Array = large): Promise<Uint8Array<ArrayBuffer>> {
    await Bun.write(this.directory.at("disk.raw"), bytes);
    const child = Bun.spawnSync(["sh", "-c", command], { cwd: this.directory.path, stderr: "pipe" });
    if (child.exitCode !== 0) throw new Error(`${command}: ${child.stderr.toString()}`);
    return await Bun.file(this.directory.at("out")).bytes();
  }

  async declare(image: string): Promise<void> {
    const store = '[settings]\nname = "reports"\n[backend.store]\nplugin = "local"\npath = "./store"\ngrace = "0s"\n';
    await this.directory.write("images.toml", `${store}[image.a]\n${image}\n`);
  }

  async run(...args: readonly string[]): Promise<Run> {
    const own = { IMAGES_CACHE: this.directory.at("cache"), HOME: this.directory.path, NO_COLOR: "1" };
    const env = { ...process.env, ...BRIEF, ...own };
    const child = Bun.spawn([IMAGES, ...args], { cwd: this.directory.path, env, stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, out, err };
  }

  async ends(code: number, ...args: readonly string[]): Promise<Run> {
    const said = await this.run(...args);
    if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.err}\n${said.out}`);
    return said;
  }

  /** sha256 of the image in the store. */
  async stored(): Promise<string> {
    const [name = ""] = await Array.fromAsync(new Bun.Glob("a.*").scan(this.directory.at("store", "files")));
    return sha256(await readFile(this.directory.at("store", "files", name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
    await this.directory[Symbol.asyncDispose]();
  }
}

const settled = async (place: Place): Promise<void> => {
  const { code, stdout, stderr } = await run(place.directory, ["plan", "--detailed-exitcode"]);
  expect([code, stdout, stderr]).toEqual([0, expect.stringContaining("No changes."), stderr]);
};

for (const [name, path, command] of [
  ["bpg#1680: xz (Talos publishes raw.xz)", "/metal-amd64.raw.xz", "xz -1 < disk.raw > out"],
  ["bpg#860: bz2 (OPNsense publishes img.bz2)", "/OPNsense-vga-amd64.img.bz2", "bzip2 -9 < disk.raw > out"],
] as const)
  report(`${name} is decompressed, from a URL`, [command.split(" ")[0] ?? ""], async (place) => {
    // Four blocks of bzip2 -9, and three times the dictionary of xz -1.
    place.files.set(path, await place.made(command, raw));
    await place.declare(`source = { url = "${place.url}${path}", decompress = true }\nformat = "raw"`);
    await place.ends(0, "apply", "--yes");
    expect(await place.stored()).toBe(ofRaw);
    await settled(place);
  });

report(
  "bpg#2208, CDI#2288: qcow2.xz (Fedora CoreOS) is a qcow2 or a raw disk, from a URL",
  ["xz", "qemu-img"],
  async (place) => {
    const packed = await place.made("qemu-img convert -f raw -O qcow2 disk.raw q.qcow2 && xz -0 -T2 < q.qcow2 > out");
    const path = "/fedora-coreos-42.20250901.3.0-qemu.x86_64.qcow2.xz";
    place.files.set(path, packed);
    const qcow2 = await readFile(place.directory.at("q.qcow2"));
    for (const [format, digest] of [
      ["qcow2", sha256(qcow2)],
      ["raw", ofLarge],
    ] as const) {
      await place.declare(`source = { url = "${place.url}${path}", decompress = true }\nformat = "${format}"`);
      await place.ends(0, "apply", "--yes");
      expect(await place.stored()).toBe(digest);
      await settled(place);
    }
  },
);

report("bpg#1881: gz with bytes behind its end (OpenWrt) is unpacked, with a warning", ["gzip"], async (place) => {
  await place.made("gzip -1 < disk.raw > out");
  await appendFile(place.directory.at("out"), new Uint8Array(300).fill(7));
  place.files.set("/openwrt.img.gz", await Bun.file(place.directory.at("out")).bytes());
  await place.declare(`source = { url = "${place.url}/openwrt.img.gz", decompress = true }\nformat = "raw"`);
  const said = await place.ends(0, "apply", "--yes");
  expect(said.err).toContain("300 bytes after the end of the gzip data are ignored");
  expect(await place.stored()).toBe(ofLarge);
  await settled(place);
});

report("bpg#1516: what follow = false pins is not fetched again, whatever its size upstream", [], async (place) => {
  place.files.set("/noble.img", new Uint8Array(raw));
  await place.declare(`source = { url = "${place.url}/noble.img", follow = false }`);
  await place.ends(0, "apply", "--yes");
  place.files.set("/noble.img", new Uint8Array(SMALL * 2).fill(1));
  place.asked.length = 0;
  await settled(place);
  await place.ends(0, "apply", "--yes");
  expect(place.gets("/noble.img")).toBe(0);
  expect(await place.stored()).toBe(ofRaw);
});

report(
  "bpg#1516: another size upstream is no change where a digest or the file says what counts",
  [],
  async (place) => {
    place.files.set("/noble.img", new Uint8Array(raw));
    const source = (more = "") => `source = { url = "${place.url}/noble.img"${more} }`;
    await place.declare(source(`, checksum = "sha256:${sha256(raw)}"`));
    await place.ends(0, "apply", "--yes");
    place.files.set("/noble.img", new Uint8Array(SMALL * 2).fill(1));
    await settled(place);
    await place.declare(`${source()}\nignore_changes = ["content"]`);
    await settled(place);
    // Where nothing says so it is a change, and the plan shows it.
    await place.declare(source());
    expect((await place.ends(2, "plan", "--detailed-exitcode")).out).toContain("replace");
  },
);

report("packer#12039: latest-….iso.sha256 names the file behind the redirect (NixOS)", [], async (place) => {
  const name = "nixos-minimal-21.11.337905.902d91def1e-x86_64-linux.iso";
  place.files.set(`/releases/${name}`, new Uint8Array(raw));
  const latest = "/nixos-21.11/latest-nixos-minimal-x86_64-linux.iso";
  const moved = (to: string) => () => Response.redirect(`${place.url}${to}`, 302);
  place.files.set(latest, moved(`/releases/${name}`));
  place.files.set(`${latest}.sha256`, moved(`/releases/${name}.sha256`));
  const wrong = sha256("another image");
  for (const sums of [
    `${sha256(raw)}  ${name}\n`,
    `${wrong}  nixos-graphical.iso\n${sha256(raw)}  ${name}\n`,
    `${sha256(raw)}\n`,
  ]) {
    place.files.set(`/releases/${name}.sha256`, sums);
    await place.declare(`source = { url = "${place.url}${latest}", checksum = "sha256:{url}.sha256" }`);
    await place.ends(0, "apply", "--yes");
    await settled(place);
  }
  expect(await place.stored()).toBe(ofRaw);
  place.files.set(`/releases/${name}.sha256`, `${wrong}  ${name}\n`);
  expect((await place.ends(1, "apply", "--yes")).err).toContain("checksum mismatch");
});

report("quickemu#1806: sums of SourceForge (…/x.iso/download), sha256sums.txt, and .md5", [], async (place) => {
  const iso = "archcraft-2024.07.01-x86_64.iso";
  place.files.set(`/projects/archcraft/files/v24/${iso}/download`, () =>
    Response.redirect(`${place.url}/mirror/${iso}?viasf=1`, 302),
  );
  place.files.set(`/mirror/${iso}`, new Uint8Array(raw));
  const other = `${sha256("other")}  other.iso\n`;
  place.files.set(`/projects/archcraft/files/v24/${iso}.sha256sum/download`, `${sha256(raw)}  ${iso}\n`);
  place.files.set("/mirror/sha256sums.txt", `${other}${sha256(raw)} *./${iso}\n`);
  place.files.set(`/mirror/${iso}.md5`, `${createHash("md5").update(raw).digest("hex")}  ${iso}\n`);
  const download = `${place.url}/projects/archcraft/files/v24/${iso}`;
  for (const [url, checksum] of [
    [`${download}/download`, `sha256:${download}.sha256sum/download`],
    [`${download}/download`, `sha256:${place.url}/mirror/sha256sums.txt`],
    [`${place.url}/mirror/${iso}`, "sha256:{directory}/sha256sums.txt"],
    [`${place.url}/mirror/${iso}`, "md5:{url}.md5"],
  ]) {
    await place.declare(`source = { url = "${url}", checksum = "${checksum}" }`);
    await place.ends(0, "apply", "--yes");
    expect(await place.stored()).toBe(ofRaw);
    await settled(place);
  }
});

report("lima#2902: a moved Last-Modified is fetched once, recorded, and then known", [], async (place) => {
  const at = { modified: "Wed, 09 Oct 2024 00:31:27 GMT" };
  const answer = () => new Response(new Uint8Array(raw), { headers: { "last-modified": at.modified } });
  place.files.set("/noble.img", answer);
  await place.declare(`source = { url = "${place.url}/noble.img" }`);
  await place.ends(0, "apply", "--yes");
  const before = (await place.ends(0, "state", "list", "--json")).out;
  at.modified = "Thu, 07 Nov 2024 14:31:23 GMT";
  place.asked.length = 0;
  expect((await place.ends(0, "apply", "--yes")).out).toContain("1 verified");
  expect(place.gets("/noble.img")).toBe(1);
  expect((await place.ends(0, "state", "list", "--json")).out).toBe(before);
  await settled(place);
  // Another image of the same URL takes it out of the cache.
  await Bun.write(
    place.directory.at("images.toml"),
    `${await readFile(place.directory.at("images.toml"), "utf8")}[image.b]\nsource = { url = "${place.url}/noble.img" }\n`,
  );
  await place.ends(0, "apply", "--yes");
  expect(place.gets("/noble.img")).toBe(1);
});

report("lima#5184: a cached copy without a digest is held to a checksum that is declared later", [], async (place) => {
  place.files.set("/noble.img", new Uint8Array(raw));
  await place.declare(`source = { url = "${place.url}/noble.img" }`);
  await place.ends(0, "apply", "--yes");
  await place.ends(0, "destroy", "--yes");
  // The server fails from now on: nothing but the copy is there.
  place.files.set("/noble.img", () => new Response("down", { status: 503 }));
  await place.declare(`source = { url = "${place.url}/noble.img", checksum = "sha256:${sha256("other")}" }`);
  await place.ends(1, "apply", "--yes");
  expect((await place.ends(0, "state", "list")).out.trim()).toBe("");
  await place.declare(`source = { url = "${place.url}/noble.img", checksum = "sha256:${sha256(raw)}" }`);
  await place.ends(0, "apply", "--yes");
  expect(await place.stored()).toBe(ofRaw);
});

for (const [name, options] of [
  ["vmdk", "vmdk"],
  ["vmdk, stream-optimised", "vmdk -o subformat=streamOptimized"],
  ["vhd", "vpc -o force_size=on"],
  ["vhdx", "vhdx"],
  ["vdi", "vdi"],
] as const)
  report(`CDI#2748: ${name} becomes a raw disk and a qcow2, from a URL`, ["qemu-img"], async (place) => {
    const path = `/disk.${name.slice(0, 4).replace(",", "")}`;
    place.files.set(path, await place.made(`qemu-img convert -f raw -O ${options} disk.raw out`));
    const source = `source = { url = "${place.url}${path}" }`;
    await place.declare(`${source}\nformat = "raw"\n[image.b]\n${source}\nformat = "qcow2"`);
    await place.ends(0, "apply", "--yes");
    expect(await place.stored()).toBe(ofLarge);
    const qcow2 = place.directory.at("store", "files", "b.qcow2");
    const compare = ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", place.directory.at("disk.raw"), qcow2];
    expect(Bun.spawnSync(compare).stdout.toString()).toBe("Images are identical.\n");
    await settled(place);
  });

report(
  "minikube#471: a page in HTML with status 200 is no image, and a damaged copy is not used",
  [],
  async (place) => {
    place.files.set("/minikube.iso", "<html><body>sign in to the proxy</body></html>");
    for (const more of [
      `, checksum = "sha256:${sha256(raw)}" }`,
      ', member = "disk.raw" }',
      ', decompress = true }\nformat = "qcow2"\ncompression = "none"',
    ]) {
      await place.declare(`source = { url = "${place.url}/minikube.iso"${more}`);
      const said = await place.run("apply", "--yes");
      if (more.includes("qcow2")) continue;
      expect([more, said.code]).toEqual([more, 1]);
      expect((await place.ends(0, "state", "list")).out.trim()).toBe("");
    }
    await place.ends(0, "destroy", "--yes");
    place.files.set("/minikube.iso", new Uint8Array(raw));
    await place.declare(`source = { url = "${place.url}/minikube.iso", checksum = "sha256:${sha256(raw)}" }`);
    await place.ends(0, "apply", "--yes");
    await place.ends(0, "destroy", "--yes");
    // Damage in the cache.
    const blobs = await Array.fromAsync(new Bun.Glob("**/*").scan(place.directory.at("cache")));
    const next = random(3);
    for (const name of blobs) {
      const path = place.directory.at("cache", name);
      const bytes = await Bun.file(path).bytes();
      if (bytes.length !== SMALL) continue;
      const at = next() % SMALL;
      bytes[at] = (bytes[at] ?? 0) ^ 0x5a;
      await Bun.write(path, bytes);
    }
    const first = await place.run("apply", "--yes");
    if (first.code !== 0) await place.ends(0, "apply", "--yes");
    expect(await place.stored()).toBe(ofRaw);
  },
);

report("minikube#17169: the first mirror has no checksum file: the next one's is used", [], async (place) => {
  place.files.set("/builds/minikube-v1.31.0-amd64.iso", new Uint8Array(raw));
  place.files.set("/releases/minikube-v1.31.0-amd64.iso", new Uint8Array(raw));
  place.files.set("/releases/minikube-v1.31.0-amd64.iso.sha256", sha256(raw));
  const [one, two] = [`${place.url}/builds`, `${place.url}/releases`].map((at) => `${at}/minikube-v1.31.0-amd64.iso`);
  for (const checksum of [
    '"sha256:{url}.sha256"',
    '{ sums = "{url}.sha256" }',
    `{ sums = ["sha256:${one}.sha256", "sha256:${two}.sha256"] }`,
  ]) {
    await place.declare(`source = { urls = ["${one}", "${two}"], checksum = ${checksum} }`);
    const said = await place.ends(0, "apply", "--yes");
    expect(said.err).toContain(`${one}.sha256`);
    expect(said.err).toContain("trying the next location");
    expect(await place.stored()).toBe(ofRaw);
    await settled(place);
  }
});
