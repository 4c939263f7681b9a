import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { resolve } from "node:path";
import { type LocalServer, listen, servePage, serveStore } from "../../src/cli/serving.ts";
import { World } from "./world.ts";

const PUBLIC = '[image.a]\nsource = "./a.img"\n';
const PRIVATE = '[image.hidden]\nsource = "./b.img"\nvisibility = "private"\n';

/** The status of a request whose path and host are sent as they are; `fetch` would tidy them up. */
async function raw(url: string, path: string, host = new URL(url).host, method = "GET"): Promise<number> {
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const piece of socket) text += piece;
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

describe("a served store", () => {
  let world: World;
  let server: LocalServer;
  const get = async (path: string) => await fetch(new URL(path, server.url));

  beforeAll(async () => {
    world = await World.make(PUBLIC + PRIVATE);
    await world.ends(0, "apply", "--yes");
    server = listen(serveStore(world.directory.at("store")), 0);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  test("has its page, its indexes, and the files that they name", async () => {
    expect(new URL(server.url).hostname).toBe("127.0.0.1");
    for (const [path, type] of [
      ["", "text/html; charset=utf-8"],
      ["index.html", "text/html; charset=utf-8"],
      ["feed.xml", "application/atom+xml; charset=utf-8"],
      ["robots.txt", "text/plain; charset=utf-8"],
      ["SHA256SUMS", "text/plain; charset=utf-8"],
      ["streams/v1/index.json", "application/json"],
      ["files/a.img", "application/octet-stream"],
    ] as const) {
      const said = await get(path);
      expect([path, said.status, said.headers.get("content-type")]).toEqual([path, 200, type]);
      expect(said.headers.get("x-content-type-options")).toBe("nosniff");
      expect(said.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }
    expect(await (await get("files/a.img")).bytes()).toEqual(await Bun.file(world.directory.at("a.img")).bytes());
    expect((await fetch(server.url, { method: "HEAD" })).status).toBe(200);
  });

  test("has nothing of a private image, and nothing of the store's own", async () => {
    const { disk, id } = Object(await world.record("hidden"));
    const own = ["images-store.json", "wrote/blobs/", "tmp/", "images/", "blobs/", "files/", "images/index.html"];
    const hidden = [`blobs/${disk.sha256}`, `images/${id}.json`, "files/hidden.img", `wrote/blobs/${disk.sha256}`];
    const wrote = await readdir(world.directory.at("store", "wrote", "files"));
    expect(wrote).not.toContain("hidden.img");
    for (const path of [...own, ...hidden]) expect([path, (await get(path)).status]).toEqual([path, 404]);
  });

  test("gives nothing outside of it, however a path is written", async () => {
    for (const path of [
      "/../images.toml",
      "/files/../../images.toml",
      "/files/..%2f..%2fimages.toml",
      "/%2e%2e/images.toml",
      "/files/%2e%2e/images-store.json",
      "//etc/passwd",
      "/..\\images.toml",
      "/files/a.img%00",
      "/%",
      "/toString",
      "/__proto__",
      "/constructor",
      "/hasOwnProperty",
    ])
      expect([path, await raw(server.url, path)]).toEqual([path, 404]);
  });

  test("answers nobody who asks by another name, and changes nothing", async () => {
    const { port } = new URL(server.url);
    expect(await raw(server.url, "/", "evil.example.org")).toBe(421);
    expect(await raw(server.url, "/", `evil.example.org:${port}`)).toBe(421);
    expect(await raw(server.url, "/", `127.0.0.1.evil.example.org:${port}`)).toBe(421);
    expect(await raw(server.url, "/", "127.0.0.1:1")).toBe(421);
    expect(await raw(server.url, "/", `localhost:${port}`)).toBe(200);
    for (const method of ["POST", "PUT", "DELETE"]) expect(await raw(server.url, "/", undefined, method)).toBe(405);
  });

  test("follows no symbolic link", async () => {
    const file = world.directory.at("store", "files", "a.img");
    await rename(file, `${file}.kept`);
    await symlink(world.directory.at("images.toml"), file);
    expect((await get("files/a.img")).status).toBe(404);
    await rm(file);
    await rename(`${file}.kept`, file);
    await rename(world.directory.at("store", "files"), world.directory.at("elsewhere"));
    await symlink(world.directory.at("elsewhere"), world.directory.at("store", "files"));
    expect((await get("files/a.img")).status).toBe(404);
    await rm(world.directory.at("store", "files"));
    await rename(world.directory.at("elsewhere"), world.directory.at("store", "files"));
    expect((await get("files/a.img")).status).toBe(200);
  });
});

test("a port that is taken, or is none, is a plain error", async () => {
  await using world = await World.make(PUBLIC);
  await world.ends(0, "apply", "--yes");
  await using server = listen(servePage("x"), 0);
  const { port } = new URL(server.url);
  expect((await world.ends(64, "serve", "--port", port)).stderr).toContain(`cannot listen on 127.0.0.1:${port}`);
  expect((await world.ends(64, "serve", "--port", "70000")).stderr).toContain("at most 65535");
});

test("what is no store is not served", async () => {
  await using world = await World.make(PUBLIC);
  expect((await world.ends(64, "serve", ".")).stderr).toContain("is not a store");
  expect((await world.ends(64, "serve", "nothing")).stderr).toContain("no local store");
  expect((await world.ends(64, "serve")).stderr).toContain("is not a store");
  expect((await world.ends(1, "serve", "a.img")).stderr).toContain("not a plan");
  await world.ends(0, "apply", "--yes");
  await rm(world.directory.at("store", "index.html"));
  expect((await world.ends(1, "serve", "store")).stderr).toContain("has no index.html yet");
});

for (const [what, words] of [
  ["the only store of images.toml", []],
  ["a store by its name", ["store"]],
  ["a directory", ["./store"]],
  ["a saved plan", ["plan.json"]],
] as const) {
  test(`images serve: ${what}, until Ctrl-C`, async () => {
    await using world = await World.make(PUBLIC);
    if (words[0] === "plan.json") await world.ends(0, "plan", "--out", "plan.json");
    else await world.ends(0, "apply", "--yes");
    const main = resolve(import.meta.dir, "../../src/cli/main.ts");
    const served = Bun.spawn([process.execPath, main, "serve", ...words], {
      cwd: world.directory.path,
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = served.stdout.getReader();
    const url = new TextDecoder().decode((await reader.read()).value).trim();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await (await fetch(url)).text();
    expect(page).toContain(words[0] === "plan.json" ? "<h1>images plan</h1>" : 'id="image-a"');
    served.kill("SIGINT");
    expect(await served.exited).toBe(0);
    expect(await new Response(served.stderr).text()).toBe("Press Ctrl-C to stop.\n\nstopped\n");
    await expect(fetch(url)).rejects.toThrow();
  });
}

test("a page of somebody's own names what is served", async () => {
  await using world = await World.make(PUBLIC + PRIVATE);
  await world.ends(0, "apply", "--yes");
  await writeFile(
    world.directory.at("store", "index.html"),
    '<a href="files/..">x</a><a href="files/../../images.toml">y</a>',
  );
  await using server = listen(serveStore(world.directory.at("store")), 0);
  expect(await raw(server.url, "/files/..")).toBe(200);
  expect(await raw(server.url, "/files/%2e.")).toBe(200);
  expect(await raw(server.url, "/files/a.img")).toBe(404);
});
