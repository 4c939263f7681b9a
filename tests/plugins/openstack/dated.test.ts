import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { utimes } from "node:fs/promises";
import { bytes, existing, staged } from "./stage.ts";

// The date of the source in the properties of a new image, as openstack-image-manager has it for what is called latest.

setDefaultTimeout(300_000);

const sum = (text: string) => createHash("sha256").update(text).digest("hex");
const block = (source: string, more = "") =>
  `[image.a]\nbackend = "x"\ndisk_format = "raw"\nsource = ${source}\nupstream_date = true\n${more}\n`;

/** Upstream's server: an image that is always called the same, beside the list of its checksums. */
function upstream() {
  const now: { text: string; date: string | undefined } = { text: bytes, date: "Fri, 21 Aug 2026 10:00:00 GMT" };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      if (url.endsWith("/SHA256SUMS")) return new Response(`${sum(now.text)}  disk.img\n`);
      return new Response(now.text, now.date === undefined ? {} : { headers: { "last-modified": now.date } });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const latest = `{ url = "${url}/disk.img", checksum = "sha256:${url}/SHA256SUMS" }`;
  return { now, latest, url, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("a version that is called latest has its date, and the one before it keeps its own in its name", async () => {
  await using web = upstream();
  await using stage = await staged(block(web.latest, 'retain = { last = 2, name = "{name} ({version})" }'));
  const named = () => new Map([...stage.glance.images.values()].map((image) => [image["name"], image]));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect(named().get("a")).toMatchObject({ internal_version: "20260821", image_build_date: "2026-08-21" });
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
  web.now.text = "next\n".repeat(500);
  web.now.date = "Wed, 02 Sep 2026 23:59:59 GMT";
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stdout.includes("internal_version")]).toEqual([0, false]);
  expect(named().get("a")).toMatchObject({ internal_version: "20260902", image_build_date: "2026-09-02" });
  expect(named().get("a (20260821)")).toMatchObject({ internal_version: "20260821", image_build_date: "2026-08-21" });
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("properties of the file win, and a file has the time of its last change", async () => {
  await using stage = await staged(
    block('{ file = "./disk.img" }', 'properties = { image_build_date = "2020-01-01", os_distro = "debian" }'),
  );
  await utimes(stage.directory.at("disk.img"), new Date(), new Date("2026-02-03T04:05:06Z"));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...stage.glance.images.values()]).toMatchObject([
    { internal_version: "20260203", image_build_date: "2020-01-01", os_distro: "debian" },
  ]);
});

test("a server that reports no date: a note, and no properties", async () => {
  await using web = upstream();
  web.now.date = undefined;
  await using stage = await staged(block(web.latest));
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("the date of the source is not known")]);
  const [image] = stage.glance.images.values();
  expect(image).not.toHaveProperty("internal_version");
});

test("a version and a date that an image was given by others are not carried over to other bytes", async () => {
  for (const asked of [true, false]) {
    await using web = upstream();
    const text = block(web.latest).replace("true", String(asked));
    await using stage = await staged(text);
    const given = { internal_version: "20200101", image_build_date: "2020-01-01", upstream_checksum: "1", os_x: "y" };
    stage.glance.images.set("i1", existing("i1", { name: "a", ...given }));
    expect((await stage.images("import", "x/a", "i1")).code).toBe(0);
    expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
    web.now.text = "next\n".repeat(500);
    const plan = await stage.images("plan");
    expect(plan.stdout.includes("the property internal_version")).toBe(!asked);
    expect((await stage.images("apply", "--yes")).code).toBe(0);
    const [image] = stage.glance.images.values();
    expect([image?.["internal_version"], image?.["upstream_checksum"], image?.["os_x"]]).toEqual([
      asked ? "20260821" : undefined,
      undefined,
      "y",
    ]);
  }
});

test("a kept version that is called latest has the date of its image in its name, as with openstack-image-manager", async () => {
  await using web = upstream();
  await using stage = await staged(block(web.latest, 'retain = { last = 2, name = "{name} ({version})" }'));
  const then = { internal_version: "latest", created_at: "2026-07-05T01:02:03Z" };
  stage.glance.images.set("i1", existing("i1", { name: "a", ...then }));
  expect((await stage.images("import", "x/a", "i1")).code).toBe(0);
  web.now.text = "next\n".repeat(500);
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...stage.glance.images.values()].map(({ name }) => String(name)).sort()).toEqual(["a", "a (20260705)"]);
});

test("--from-image-manager writes it for a version that is called latest", async () => {
  await using web = upstream();
  await using stage = await staged("");
  await stage.directory.write(
    "etc.yml",
    `images: [{name: Ubuntu, format: raw, login: u, visibility: private, multi: true, meta: {os_distro: ubuntu, uuid_validity: last-3}, versions: [{version: latest, url: '${web.url}/disk.img', checksums_url: '${web.url}/SHA256SUMS'}]}]`,
  );
  expect((await stage.images("import", "--from-image-manager", "etc.yml")).code).toBe(0);
  const toml = await Bun.file(stage.directory.at("images.toml")).text();
  expect(toml).toContain("upstream_date = true");
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...stage.glance.images.values()]).toMatchObject([{ name: "Ubuntu", internal_version: "20260821" }]);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});
