import { describe, expect, test } from "bun:test";
import { lutimes, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { address, backendName, imageName } from "../../../src/core/model/name.ts";
import { storeFeed } from "../../../src/plugins/local/feed.ts";
import { Pages } from "../../../src/plugins/local/pages.ts";
import { productVersions } from "../../../src/plugins/local/streams.ts";
import { World } from "../../cli/world.ts";
import { fails } from "../../pages/markup.ts";
import { entryOf, FEW, pageOf } from "../../pages/stores.ts";

const A = '[image.a]\nsource = "./a.img"\n';
const HIDDEN = '[image.cellar]\nsource = "./b.img"\ndescription = "of the secret project"\naliases = ["codename"]\n';
const PAGES = ["index.html", "feed.xml", "robots.txt"] as const;

const at = (world: World, ...parts: readonly string[]) => world.directory.at("store", ...parts);
const text = async (world: World, ...parts: readonly string[]) => await readFile(at(world, ...parts), "utf8");
const exists = async (world: World, ...parts: readonly string[]) =>
  (await stat(at(world, ...parts)).catch(() => undefined)) !== undefined;

describe("the page of a store", () => {
  test("is written with the other indexes, and can be read without a script", async () => {
    await using world = await World.make(
      `${A}aliases = ["a/1"]\nos = "Debian"\nrelease = "12"\ndescription = "An image"\n`,
    );
    await world.ends(0, "apply", "--yes");
    const { disk } = Object(await world.record("a"));
    const page = await text(world, "index.html");
    expect(fails(page)).toEqual([]);
    const bare = page.replace(/<script>[\s\S]*?<\/script>/, "").replace(/<[^>]*>/g, " ");
    for (const said of ["a/1", "Debian 12 amd64", "An image", disk.sha256, `${disk.size} bytes`, "1.1 KiB"])
      expect(bare).toContain(said);
    for (const command of [
      "incus remote add mirror https://MIRROR/ --protocol=simplestreams",
      "curl -fsSL https://MIRROR/SHA256SUMS | sha256sum -c --ignore-missing",
      `curl -fLO https://MIRROR/files/a.img &amp;&amp; echo &quot;${disk.sha256}  a.img&quot; | sha256sum -c`,
      `source = { url = &quot;https://MIRROR/files/a.img&quot;, checksum = &quot;sha256:${disk.sha256}&quot; }`,
    ])
      expect(bare).toContain(command);
    expect(page).toContain('<a href="files/a.img">');
    expect(page).toContain('@media (scripting: none) { [role="search"] { display: none; } }');
    expect(await text(world, "robots.txt")).toStartWith("User-agent: *\nDisallow: /blobs/\n");
  });

  test("has the address of the store where it is declared", async () => {
    await using world = await World.make(A, "");
    const store = await readFile(world.directory.at("images.toml"), "utf8");
    await world.directory.write("images.toml", store.replace('grace = "0s"', 'url = "https://m.example.org/x"'));
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "index.html")).toContain("curl -fLO https://m.example.org/x/files/a.img");
    expect((await text(world, "index.html")).replace(/<script>[\s\S]*<\/script>/, "")).not.toContain("MIRROR");
    expect(await text(world, "feed.xml")).toContain('href="https://m.example.org/x/feed.xml"');
    await world.directory.write("images.toml", store.replace('grace = "0s"', "url = 'javascript:alert(1)'"));
    expect((await world.ends(1, "validate")).stderr).toContain("an http or https URL");
  });

  test("cannot be given markup by what images say of themselves", () => {
    const attacks = [
      "<script>alert(1)</script>",
      '" onmouseover="alert(1)',
      "javascript:alert(1)",
      "</style></script><b>",
      "a\u202eb\u0000\u200b",
      "]]>&-->",
    ];
    for (const attack of attacks) {
      const attributes = {
        description: attack,
        os: attack,
        release: attack,
        architecture: attack,
        variant: attack,
        aliases: [attack],
        tags: [attack],
      };
      const owner = address(backendName("store"), imageName("ubuntu-1"));
      const marker = { file: attack, owner, content: attack, retained: attack };
      const entries = [entryOf(1, { attributes }), entryOf(2, { name: "ubuntu-1", attributes, mark: marker })];
      const page = pageOf(entries);
      expect(fails(page)).toEqual([]);
      expect(page.match(/<script/g)).toHaveLength(1);
      expect(
        fails(
          storeFeed(productVersions(entries), "11111111-2222-4333-8444-555555555555").replace(/^<\?xml[^>]*\?>\n/, ""),
        ),
      ).toEqual([]);
    }
  });

  test("shows earlier versions, and which of them `retain` keeps", async () => {
    await using world = await World.make(`${A}retain = { last = 1 }\n`);
    await world.ends(0, "apply", "--yes");
    const { disk: before } = Object(await world.record("a"));
    await world.directory.write("a.img", "other bytes\n");
    await world.ends(0, "apply", "--yes");
    const page = await text(world, "index.html");
    // The name is that of the newest: what the sums say of it.
    expect(await text(world, "files", "a.img")).toBe("other bytes\n");
    const [, versions = ""] = page.split("Earlier versions:");
    expect(versions).toContain(`<a href="blobs/${before.sha256}">`);
    expect(versions).toMatch(/superseded on <time [^>]*>\d{4}-\d\d-\d\d<\/time>, kept by retain/);
    expect(versions).toContain(`>${before.sha256}</code>`);
    const feed = await text(world, "feed.xml");
    expect(feed.match(/<entry>/g)).toHaveLength(2);
    expect(feed).toContain(`length="${before.size}" href="blobs/${before.sha256}"`);
  });

  test("is not written again when nothing in it has changed", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    const inodes = async () => await Promise.all(PAGES.map(async (name) => (await stat(at(world, name))).ino));
    const before = await inodes();
    await world.declare(`${A}tags = ["x"]\n`);
    await world.ends(0, "apply", "--yes");
    expect(await inodes()).toEqual(before);
  });

  test("a run that died before it wrote the page is made up for by the next", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    const page = await text(world, "index.html");
    await rm(at(world, "index.html"));
    await writeFile(at(world, "tmp", "999999999.stale"), "");
    await symlink(JSON.stringify({ host: "gone", pid: 999999999 }), at(world, "tmp", "999999999.owner"));
    for (const kind of ["stale", "owner"]) await lutimes(at(world, "tmp", `999999999.${kind}`), 0, 0);
    await world.ends(0, "plan");
    expect(await text(world, "index.html")).toBe(page);
  });
});

describe("an Atom feed", () => {
  test("has what RFC 4287 asks for, the newest version first, and ids that stay", () => {
    const store = "11111111-2222-4333-8444-555555555555";
    const feed = storeFeed(productVersions(FEW), store, "https://m.example.org/");
    expect(fails(feed.replace(/^<\?xml[^>]*\?>\n/, ""))).toEqual([]);
    expect(feed).toStartWith(
      `<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n<id>urn:uuid:${store}</id>\n<title>`,
    );
    const ids = [
      ...feed.matchAll(/<id>(urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})<\/id>/g),
    ];
    expect(new Set(ids.map(([, id]) => id)).size).toBe(FEW.length + 1);
    const times = [...feed.matchAll(/<entry>\n[\s\S]*?<updated>([^<]*)/g)].map(([, time]) => time ?? "");
    expect(times).toEqual(times.toSorted().reverse());
    expect(/<updated>([^<]*)/.exec(feed)?.[1]).toBe(times[0] ?? "");
    expect(storeFeed(productVersions(FEW), store, "https://m.example.org/")).toBe(feed);
    expect(storeFeed([], store)).toContain("<updated>1970-01-01T00:00:00.000Z</updated>");
  });
});

describe("a private image", () => {
  /** All that a web server gives of a store, but for the records, whose names nobody is told. */
  const served = async (world: World) => {
    const names = await readdir(at(world), { recursive: true, withFileTypes: true });
    const files = names.filter((one) => one.isFile() && !/store\/(images|wrote)(\/|$)/.test(one.parentPath));
    const texts = await Promise.all(
      files.map(async (one) => `${one.name}\n${await readFile(join(one.parentPath, one.name), "latin1")}`),
    );
    return texts.join("\n");
  };

  test("is in nothing that is served, by no name, alias, digest or file", async () => {
    await using world = await World.make(`${A}${HIDDEN}visibility = "private"\n`);
    await world.ends(0, "apply", "--yes");
    const { disk } = Object(await world.record("cellar"));
    const all = await served(world);
    expect(all).toContain("a.img");
    for (const word of ["cellar", "codename", "secret project"]) expect(all).not.toContain(word);
    for (const page of [...PAGES, "SHA256SUMS"]) expect(await text(world, page)).not.toContain(disk.sha256);
    expect(await readdir(at(world, "files"))).toEqual(["a.img"]);
    expect(await readdir(at(world, "wrote", "files"))).not.toContain("cellar.img");
    const rows: { name: string; attributes: { path: string } }[] = JSON.parse(
      (await world.ends(0, "info", "store", "--json")).stdout,
    );
    expect(rows.map(({ attributes }) => attributes.path).sort()).toEqual([`blobs/${disk.sha256}`, "files/a.img"]);
    await world.ends(0, "plan", "--detailed-exitcode");
  });

  test("loses its file and its place in the pages as soon as it becomes private, and gets them back", async () => {
    await using world = await World.make(A + HIDDEN);
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "index.html")).toContain("codename");
    await world.declare(`${A}${HIDDEN}visibility = "private"\n`);
    await world.ends(0, "apply", "--yes");
    expect(await served(world)).not.toContain("cellar");
    expect(await exists(world, "files", "cellar.img")).toBe(false);
    await world.declare(A + HIDDEN);
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "files", "cellar.img")).toStartWith("bytes of b");
    expect(await text(world, "index.html")).toContain("codename");
    await world.ends(0, "plan", "--detailed-exitcode");
  });

  test("leaves its file to an earlier version that is public", async () => {
    await using world = await World.make(`${A}retain = { last = 1 }\n`);
    await world.ends(0, "apply", "--yes");
    const first = await text(world, "files", "a.img");
    await world.directory.write("a.img", "second\n");
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "files", "a.img")).toBe("second\n");
    await world.declare(`${A}retain = { last = 1 }\nvisibility = "private"\n`);
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "files", "a.img")).toBe(first);
    const sums = await text(world, "SHA256SUMS");
    expect(sums).toBe(`${new Bun.CryptoHasher("sha256").update(first).digest("hex")}  files/a.img\n`);
  });

  test("is not stopped by a file of somebody's that has its name, and does not touch it", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    await writeFile(at(world, "files", "cellar.img"), "somebody's\n");
    await world.declare(`${A}${HIDDEN}visibility = "private"\n`);
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "files", "cellar.img")).toBe("somebody's\n");
  });
});

describe("a page of somebody's own", () => {
  for (const name of PAGES) {
    test(`${name} is left as it is, with a warning, and everything else goes on`, async () => {
      await using world = await World.make(A);
      await world.ends(0, "apply", "--yes");
      await writeFile(at(world, name), "somebody's\n");
      await world.declare(`${A}[image.b]\nsource = "./b.img"\n`);
      const said = await world.ends(0, "apply", "--yes");
      expect(said.stderr).toContain(`warning: ${at(world, name)} was not written by this store, and is left as it is`);
      await world.declare("");
      await world.ends(0, "apply", "--yes");
      expect(await text(world, name)).toBe("somebody's\n");
      for (const other of PAGES) if (other !== name) expect(await text(world, other)).toContain("images-store sha256:");
    });
  }

  test("a page of ours that was edited is somebody's own; one that is gone is written again", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    const edited = (await text(world, "index.html")).replace("Machine images", "Our images");
    await writeFile(at(world, "index.html"), edited);
    await rm(at(world, "feed.xml"));
    await world.declare(`${A}[image.b]\nsource = "./b.img"\n`);
    await world.ends(0, "apply", "--yes");
    expect(await text(world, "index.html")).toBe(edited);
    expect(await text(world, "feed.xml")).toContain("<feed");
  });

  test("a symbolic link is not followed, nor replaced", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    await world.directory.write("elsewhere.html", await text(world, "index.html"));
    await rm(at(world, "index.html"));
    await symlink(world.directory.at("elsewhere.html"), at(world, "index.html"));
    const before = await readFile(world.directory.at("elsewhere.html"), "utf8");
    await world.declare(`${A}[image.b]\nsource = "./b.img"\n`);
    await world.ends(0, "apply", "--yes");
    expect(await readFile(world.directory.at("elsewhere.html"), "utf8")).toBe(before);
  });

  test("one that comes while ours is written stays", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    await rm(at(world, "index.html"));
    const pages = new Pages(at(world), () => {
      // Between the look and the link: the last moment in which somebody can come.
      Bun.spawnSync(["sh", "-c", 'printf theirs >"$0"', at(world, "index.html")]);
      return at(world, "tmp", "x");
    });
    await pages.put("index.html", "ours");
    expect(await text(world, "index.html")).toBe("theirs");
  });

  test("several writers take turns, whoever wrote last", async () => {
    await using world = await World.make(A);
    await world.ends(0, "apply", "--yes");
    let n = 0;
    const [one, two] = [0, 1].map(() => new Pages(at(world), () => at(world, "tmp", `t${n++}`)));
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : two)?.put("index.html", `page ${i}\n`)),
    );
    await one?.put("index.html", "last\n");
    expect(await text(world, "index.html")).toStartWith("last\n<!-- images-store sha256:");
    expect(await one?.foreign()).toEqual([]);
  });
});

test("an empty page stands where a listing would show what is inside, and stays empty", async () => {
  await using world = await World.make(A);
  await world.ends(0, "apply", "--yes");
  const guarded = ["blobs", "images", "tmp", "wrote", "wrote/blobs", "wrote/files", "wrote/indexes"];
  for (const directory of guarded)
    expect([directory, await text(world, directory, "index.html")]).toEqual([directory, ""]);
  await writeFile(at(world, "blobs", "index.html"), "somebody's\n");
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect(await text(world, "blobs", "index.html")).toBe("somebody's\n");
  for (const directory of guarded.slice(1)) expect(await exists(world, directory, "index.html")).toBe(true);
});
