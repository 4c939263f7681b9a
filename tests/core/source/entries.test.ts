import { expect, setDefaultTimeout, test } from "bun:test";
import type { Checksum } from "../../../src/core/model/source.ts";
import { file, hostile, type Reply } from "./hostile.ts";
import { ANY, attempt, bench, failureOf, fileSource, hash, never, noise, opening, urlSource } from "./kit.ts";

// Which entry of a sums file is that of a source.

setDefaultTimeout(300_000);
const BYTES = noise(20_000);
const MINE = hash(BYTES).slice(7);
const OTHER = hash("other").slice(7);
const sums = (where: string, more: Partial<Extract<Checksum, { kind: "sums" }>> = {}): Checksum => ({
  kind: "sums",
  algorithm: "sha256",
  where,
  ...more,
});
const text = (body: string): Reply => ({ body: new TextEncoder().encode(body) });

const CASES: readonly (readonly [name: string, path: string, headers: Record<string, string>, entries: string])[] = [
  ["the name in the URL", "/a.img", {}, `${MINE}  a.img\n${OTHER}  b.img\n`],
  ["the name after a redirect", "/latest.iso", {}, `${MINE}  v1.iso\n${OTHER}  v2.iso\n`],
  ["the name after two redirects", "/newest.iso", {}, `${MINE}  v1.iso\n${OTHER}  v2.iso\n`],
  [
    "Content-Disposition",
    "/get",
    { "content-disposition": 'attachment; filename="x.img"' },
    `${OTHER}  y\n${MINE}  x.img\n`,
  ],
  [
    "Content-Disposition, extended",
    "/get",
    { "content-disposition": "attachment; filename=\"y\"; filename*=UTF-8''x%20%C3%BC.img" },
    `${OTHER}  y\n${MINE}  x ü.img\n`,
  ],
  [
    "Content-Disposition with directories",
    "/get",
    { "content-disposition": "attachment; filename=..\\..\\x.img" },
    `${OTHER}  y\n${MINE}  x.img\n`,
  ],
  ["a value of the query", "/dl.php?file=x.img&v=2", {}, `${OTHER}  y\n${MINE}  x.img\n`],
  ["a path in the query", "/dl.php?file=pub/x.img", {}, `${OTHER}  old/x.img\n${MINE}  pub/x.img\n`],
  ["a directory of the URL (SourceForge)", "/projects/x.img/download", {}, `${OTHER}  y\n${MINE}  x.img\n`],
  ["the only entry", "/get", {}, `${MINE}  whatever.img\n`],
  ["one digest alone", "/get", {}, `${MINE}\n`],
];
for (const [name, path, headers, entries] of CASES)
  test(`the entry is found by ${name}`, async () => {
    await using place = await bench();
    await using server = await hostile((asked) => {
      if (asked.path === "/SUMS") return text(entries);
      if (asked.path === "/newest.iso") return { status: 301, headers: { location: "/latest.iso" } };
      if (asked.path === "/latest.iso") return { status: 302, headers: { location: "/pub/v1.iso" } };
      const reply = file(asked, BYTES);
      return { ...reply, headers: { ...reply.headers, ...headers } };
    });
    const spec = urlSource(`${server.url}${path}`, { checksum: sums(`${server.url}/SUMS`) });
    expect((await place.run().look(spec, undefined, never)).digest).toBe(hash(BYTES));
    const source = await place.run().open(spec, ANY, opening());
    expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
  });

test("an entry is said, for a URL and for a file; one that does not exist is told", async () => {
  await using place = await bench();
  await using server = await hostile((asked) =>
    asked.path === "/SUMS" ? text(`${OTHER}  a.img\n${MINE}  pub/other.img\n`) : file(asked, BYTES),
  );
  const where = `${server.url}/SUMS`;
  const checksum = sums(where, { name: "other.img" });
  const path = await place.file("a.img", BYTES);
  for (const spec of [urlSource(`${server.url}/a.img`, { checksum }), fileSource(path, { checksum })]) {
    expect((await place.run().look(spec, undefined, never)).digest).toBe(hash(BYTES));
    const source = await place.run().open(spec, ANY, opening());
    expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
  }
  const wrong = urlSource(`${server.url}/a.img`, { checksum: sums(where, { name: "none.img" }) });
  const failure = await failureOf(() => place.run().look(wrong, undefined, never));
  expect(failure.message).toBe(`${where} has no digest of none.img; it has: a.img, pub/other.img`);
});

test("an entry that is said with its directory is that one, and no other of its name", async () => {
  await using place = await bench();
  const where = await place.file("SUMS", `${OTHER}  ./amd64/a.img\n${MINE}  ./arm64/a.img\n`);
  const path = await place.file("a.img", BYTES);
  const look = async (name: string) =>
    (await place.run().look(fileSource(path, { checksum: sums(where, { name }) }), undefined, never)).digest;
  expect(await look("arm64/a.img")).toBe(hash(BYTES));
  expect((await failureOf(() => look("riscv/a.img"))).message).toContain("has no digest of a.img");
  expect((await failureOf(() => look("a.img"))).message).toContain("has several digests for a.img");
});

test("an entry of another file is a mismatch, never accepted", async () => {
  await using place = await bench();
  await using server = await hostile((asked) =>
    asked.path === "/SUMS" ? text(`${OTHER}  else.img\n`) : file(asked, BYTES),
  );
  const spec = urlSource(`${server.url}/a.img`, { checksum: sums(`${server.url}/SUMS`) });
  const failure = await failureOf(async () => {
    const source = await place.run().open(spec, ANY, opening());
    throw (await attempt(source.open(never))).failure ?? new Error("nothing was wrong");
  });
  expect(failure.code).toBe("source.checksum");
});

test("every name that was tried is told; a server that says nothing of the file is no reason to stop", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => {
    if (asked.path === "/SUMS") return text(`${MINE}  x.img\n${OTHER}  y.img\n`);
    return asked.path === "/a.img" ? { status: 302, headers: { location: "/b.img" } } : file(asked, BYTES);
  });
  const checksum = sums(`${server.url}/SUMS`);
  const told = await failureOf(() =>
    place.run().look(urlSource(`${server.url}/a.img`, { checksum }), undefined, never),
  );
  expect(told.message).toContain("has no digest of a.img or b.img; it has: x.img, y.img");
  const down = urlSource("http://127.0.0.1:1/q.img", { checksum });
  expect((await failureOf(() => place.run().look(down, undefined, never))).message).toContain("no digest of q.img");
});

test("sha224, declared and by a sums file", async () => {
  await using place = await bench();
  const hex = new Bun.CryptoHasher("sha224").update(BYTES).digest("hex");
  await using server = await hostile((asked) =>
    asked.path === "/SUMS" ? text(`${hex}  a.img\n`) : file(asked, BYTES),
  );
  for (const algorithm of ["sha224", undefined]) {
    const checksum: Checksum = { kind: "sums", where: `${server.url}/SUMS`, ...(algorithm && { algorithm }) };
    const source = await place.run().open(urlSource(`${server.url}/a.img`, { checksum }), ANY, opening());
    expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
  }
});
