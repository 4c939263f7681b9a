import { expect, setDefaultTimeout, test } from "bun:test";
import { rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { compareContent } from "../../../src/core/source/content.ts";
import { file, hostile } from "./hostile.ts";
import { AT, bench, declared, failureOf, fileSource, hash, LAB, never, noise, urlSource } from "./kit.ts";

setDefaultTimeout(300_000);
const BYTES = noise(50_000);

test("a file is known by its digest, and not read again while nobody touches it", async () => {
  await using place = await bench();
  const path = await place.file("a.img", BYTES);
  const first = await place.run().look(fileSource(path), undefined, never);
  expect(first).toEqual({
    where: path,
    digest: hash(BYTES),
    size: BYTES.length,
    stat: { size: BYTES.length, mtime: expect.any(String), inode: expect.any(String) },
  });
  // A digest that nobody made shows that the file was not read.
  const trusted = { ...first, digest: hash("another") };
  expect(await place.run().look(fileSource(path), trusted, never)).toEqual(trusted);
});

test("a touched file is read again; its bytes decide", async () => {
  await using place = await bench();
  const path = await place.file("a.img", BYTES);
  const first = await place.run().look(fileSource(path), undefined, never);
  await utimes(path, new Date(), new Date(0));
  const touched = await place.run().look(fileSource(path), first, never);
  expect(compareContent(first, touched)).toEqual({ kind: "same" });
  await place.file("b.img", noise(BYTES.length));
  await rename(join(place.directory, "b.img"), path);
  const changed = await place.run().look(fileSource(path), touched, never);
  expect(compareContent(touched, changed).kind).toBe("changed");
});

test("a file with a declared digest costs no reading, and need not be there once it was taken", async () => {
  await using place = await bench();
  const path = await place.file("a.img", BYTES);
  const spec = fileSource(path, { checksum: declared(hash("other", "sha512")) });
  const first = await place.run().look(spec, undefined, never);
  expect(first).toMatchObject({ where: path, digest: hash("other", "sha512") });
  await rm(path);
  expect(compareContent(first, await place.run().look(spec, first, never))).toEqual({ kind: "same" });
  expect((await failureOf(() => place.run().look(spec, undefined, never))).code).toBe("source.missing");
});

test("the metadata of a split image is part of its content", async () => {
  await using place = await bench();
  const path = await place.file("rootfs.squashfs", BYTES);
  const metadata = await place.file("metadata.tar.xz", "one");
  const spec = fileSource(path, { metadata });
  const first = await place.run().look(spec, undefined, never);
  expect(compareContent(first, await place.run().look(spec, first, never))).toEqual({ kind: "same" });
  await place.file("metadata.tar.xz", "two");
  expect(compareContent(first, await place.run().look(spec, first, never)).kind).toBe("changed");
});

test("a digest that is written out asks nobody", async () => {
  await using place = await bench();
  const spec = urlSource("http://127.0.0.1:1/a.img", { checksum: declared(hash(BYTES)) });
  expect(await place.run().look(spec, undefined, never)).toEqual({
    where: "http://127.0.0.1:1/a.img",
    digest: hash(BYTES),
  });
});

test("a sums file is asked for once, however many images it is for", async () => {
  await using place = await bench();
  const sums = `${hash("a").slice(7)}  a.img\n${hash("b").slice(7)}  b.img\n`;
  await using server = await hostile(() => ({ body: new TextEncoder().encode(sums) }));
  const spec = (name: string) =>
    urlSource(`${server.url}/${name}`, {
      checksum: { kind: "sums", algorithm: "sha256", where: `${server.url}/SHA256SUMS` },
    });
  const sources = place.run();
  const [a, b] = await Promise.all(["a.img", "b.img"].map((name) => sources.look(spec(name), undefined, never)));
  expect([a?.digest, b?.digest]).toEqual([hash("a"), hash("b")]);
  expect(server.log.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /SHA256SUMS"]);
  const failure = await failureOf(() => sources.look(spec("c.img"), undefined, never));
  expect([failure.code, failure.message]).toEqual([
    "source.sums",
    `${server.url}/SHA256SUMS has no digest of c.img; it has: a.img, b.img`,
  ]);
});

test("a sums file can lie beside: by path", async () => {
  await using place = await bench();
  const path = await place.file("a.img", BYTES);
  const where = await place.file("MD5SUMS", `MD5 (a.img) = ${hash(BYTES, "md5").slice(4)}\n`);
  const spec = fileSource(path, { checksum: { kind: "sums", algorithm: "md5", where } });
  expect((await place.run().look(spec, undefined, never)).digest).toBe(hash(BYTES, "md5"));
});

test("without a checksum one HEAD tells the validators, for all who ask", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, BYTES));
  const sources = place.run();
  const looks = await Promise.all(
    [1, 2, 3].map(() => sources.look(urlSource(`${server.url}/a.img`), undefined, never)),
  );
  expect(looks[2]).toEqual({
    where: `${server.url}/a.img`,
    size: BYTES.length,
    validators: { etag: '"v1"', length: BYTES.length },
  });
  expect(server.log.map(({ method }) => method)).toEqual(["HEAD"]);
});

test("a server that knows no HEAD is asked for one byte", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => (asked.method === "HEAD" ? { status: 403 } : file(asked, BYTES)));
  const look = await place.run().look(urlSource(`${server.url}/a.img`), undefined, never);
  expect(look.validators).toEqual({ etag: '"v1"', length: BYTES.length });
  expect(server.log.map(({ method, headers }) => `${method} ${headers["range"] ?? ""}`)).toEqual([
    "HEAD ",
    "GET bytes=0-0",
  ]);
  expect(server.sent()).toBe(1);
});

test("follow = false keeps what was taken, as long as it is asked for in the same way", async () => {
  await using place = await bench();
  const url = "http://127.0.0.1:1/a.img";
  const before = { where: url, digest: hash(BYTES), validators: { etag: '"v1"' } };
  expect(await place.run().look(urlSource(url, { follow: false }), before, never)).toEqual(before);
  const other = urlSource("http://127.0.0.1:1/b.img", { follow: false });
  await failureOf(() => place.run().look(other, before, never));
});

test("the mirror that was asked before is asked first; another one of the same length is no change", async () => {
  await using place = await bench();
  let isDown = false;
  await using first = await hostile((asked) => file(asked, BYTES, '"first"'));
  await using second = await hostile((asked) => (isDown ? { status: 404 } : file(asked, BYTES, '"second"')));
  const two = urlSource([`${second.url}/a.img`]);
  const before = await place.run().look(two, undefined, never);
  const both = urlSource([`${first.url}/a.img`, `${second.url}/a.img`]);
  expect(await place.run().look(both, before, never)).toEqual(before);
  isDown = true;
  expect(await place.run().look(both, before, never)).toEqual(before);
  expect((await place.run().look(both, undefined, never)).where).toBe(`${first.url}/a.img`);
});

test("the bytes of another address are known by its name", async () => {
  await using place = await bench();
  const spec = { kind: "image", at: AT, address: LAB, follow: true } as const;
  expect(await place.run().look(spec, undefined, never)).toEqual({ where: "lab/debian" });
});
