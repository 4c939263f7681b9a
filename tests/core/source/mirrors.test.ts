import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { UrlSource } from "../../../src/core/model/source.ts";
import { file, hostile } from "./hostile.ts";
import {
  ANY,
  all,
  attempt,
  type Bench,
  bench,
  declared,
  failureOf,
  hash,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

setDefaultTimeout(300_000);

const BYTES = noise(2_000_000);
const CHECKSUM = { checksum: declared(hash(BYTES)) };

async function get(place: Bench, spec: UrlSource) {
  await using sources = place.run();
  const source = await sources.open(spec, ANY, opening());
  return await attempt(source.open(never));
}

test("a mirror that does not have it is left for the next", async () => {
  await using place = await bench();
  await using empty = await hostile(() => ({ status: 404 }));
  await using full = await hostile((asked) => file(asked, BYTES));
  const { got } = await get(place, urlSource([`${empty.url}/a.img`, `${full.url}/a.img`], CHECKSUM));
  expect(got.equals(BYTES)).toBe(true);
});

test("with a checksum the next mirror goes on where the first one ended", async () => {
  await using place = await bench();
  await using first = await hostile((asked, turn) =>
    turn === 0 ? { ...file(asked, BYTES), cut: 1_200_000 } : { status: 404 },
  );
  await using second = await hostile((asked) => file(asked, BYTES, '"other"'));
  const { got, failure } = await get(place, urlSource([`${first.url}/a.img`, `${second.url}/a.img`], CHECKSUM));
  expect(failure).toBeUndefined();
  expect(got.equals(BYTES)).toBe(true);
  expect(second.sent()).toBe(BYTES.length - 1_200_000);
  expect(second.log[0]?.headers["if-range"]).toBeUndefined();
});

test("without one, the next mirror has to show that it has the same bytes", async () => {
  await using place = await bench();
  await using first = await hostile((asked, turn) =>
    turn === 0 ? { ...file(asked, BYTES), cut: 1_200_000 } : { status: 404 },
  );
  await using second = await hostile((asked) => file(asked, BYTES, '"other"'));
  const { got } = await get(place, urlSource([`${first.url}/a.img`, `${second.url}/a.img`]));
  expect(got.equals(BYTES)).toBe(true);
  expect(second.sent()).toBe(BYTES.length);

  await using other = await bench();
  await using third = await hostile((asked, turn) =>
    turn === 0 ? { ...file(asked, BYTES), cut: 1_200_000 } : { status: 404 },
  );
  await using wrong = await hostile((asked) => file(asked, noise(BYTES.length)));
  const spec = urlSource([`${third.url}/a.img`, `${wrong.url}/a.img`]);
  expect((await failureOf(() => get(other, spec))).code).toBe("source.changed");
});

test("all mirrors fail: the last failure, and how many there were", async () => {
  await using place = await bench();
  await using one = await hostile(() => ({ status: 404 }));
  const failure = await failureOf(
    async () => await get(place, urlSource([`${one.url}/a.img`, `${one.url}/b.img`], CHECKSUM)),
  );
  expect(failure.code).toBe("source.missing");
  expect(failure.message).toContain("the last of 2 mirrors");
});

test("credentials go to the servers of the source, and not along with a redirect", async () => {
  await using place = await bench();
  await using elsewhere = await hostile((asked) => file(asked, BYTES));
  const there = elsewhere.url.replace("127.0.0.1", "localhost");
  await using server = await hostile(() => ({ status: 302, headers: { location: `${there}/b.img` } }));
  const spec = urlSource(`${server.url}/a.img`, {
    ...CHECKSUM,
    username: "env:USER",
    password: "env:PASSWORD",
    headers: { "X-Token": "env:TOKEN", "x-plain": "plain" },
  });
  expect((await get(place, spec)).got.equals(BYTES)).toBe(true);
  expect(server.log[0]?.headers).toMatchObject({
    authorization: `Basic ${btoa("secret-USER:secret-PASSWORD")}`,
    "x-token": "secret-TOKEN",
    "x-plain": "plain",
  });
  expect(JSON.stringify(elsewhere.log)).not.toMatch(/secret|authorization|x-token/i);
  for (const directory of ["blobs", "index"])
    for (const name of await readdir(join(place.cache, directory)))
      if (name.endsWith(".json"))
        expect(await Bun.file(join(place.cache, directory, name)).text()).not.toContain("secret");
});

const LOGIN = { username: "me", password: "env:PASSWORD", headers: { "X-Token": "env:TOKEN" } };

test("credentials are for the first of several mirrors, and the refusal of another says how they are for it as well", async () => {
  await using place = await bench();
  await using own = await hostile(() => ({ status: 404 }));
  await using free = await hostile((asked) => file(asked, BYTES));
  const spec = urlSource([`${own.url}/a.img`, `${free.url}/a.img`], { ...CHECKSUM, ...LOGIN });
  expect((await get(place, spec)).got.equals(BYTES)).toBe(true);
  expect(own.log.length).toBeGreaterThan(0);
  for (const { headers } of own.log) expect(headers).toHaveProperty("x-token");
  expect(free.log.length).toBeGreaterThan(0);
  expect(JSON.stringify(free.log)).not.toMatch(/secret|authorization|x-token/i);
  await using closed = await hostile(() => ({ status: 401 }));
  const refused = await failureOf(() =>
    get(place, { ...spec, urls: [`${own.url}/b.img`, `${closed.url}/b.img`], checksum: declared(hash("b")) }),
  );
  expect(refused.hint).toContain(`hosts = […, "${new URL(closed.url).host}"]`);
  expect(JSON.stringify(closed.log)).not.toMatch(/secret|authorization|x-token/i);
});

test("`hosts` says whom the credentials are for: a mirror, a server of sums, and nobody else", async () => {
  await using place = await bench();
  await using first = await hostile(() => ({ status: 404 }));
  await using second = await hostile((asked) => file(asked, BYTES));
  await using sums = await hostile(() => ({ body: new TextEncoder().encode(`${hash(BYTES).slice(7)}  a.img\n`) }));
  const spec = urlSource([`${first.url}/a.img`, `${second.url}/a.img`], {
    ...LOGIN,
    hosts: [new URL(second.url).host, new URL(sums.url).host],
    checksum: { kind: "sums", algorithm: "sha256", where: `${sums.url}/SUMS` },
  });
  expect((await get(place, spec)).got.equals(BYTES)).toBe(true);
  expect(JSON.stringify(first.log)).not.toMatch(/secret|authorization|x-token/i);
  for (const { headers } of [...second.log, ...sums.log]) expect(headers).toHaveProperty("x-token", "secret-TOKEN");
});

test("a redirect from one mirror to another takes no credentials along, and none come back", async () => {
  await using place = await bench();
  let back = "";
  await using elsewhere = await hostile(() => ({ status: 307, headers: { location: `${back}/b.img` } }));
  await using server = await hostile((asked) =>
    asked.path === "/a.img" ? { status: 302, headers: { location: `${elsewhere.url}/x` } } : file(asked, BYTES),
  );
  back = server.url;
  expect((await get(place, urlSource(`${server.url}/a.img`, { ...CHECKSUM, ...LOGIN }))).got.equals(BYTES)).toBe(true);
  expect(JSON.stringify(elsewhere.log)).not.toMatch(/secret|authorization|x-token/i);
  const sentBack = server.log.filter(({ path }) => path === "/b.img");
  expect(sentBack.length).toBeGreaterThan(0);
  expect(JSON.stringify(sentBack)).not.toMatch(/secret|authorization|x-token/i);
});

test("a sums file on another server gets no credentials", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, BYTES));
  await using sums = await hostile(() => ({ body: new TextEncoder().encode(`${hash(BYTES).slice(7)}  a.img\n`) }));
  const where = sums.url.replace("127.0.0.1", "localhost");
  const spec = urlSource(`${server.url}/a.img`, {
    username: "me",
    password: "env:PASSWORD",
    checksum: { kind: "sums", algorithm: "sha256", where: `${where}/SHA256SUMS` },
  });
  expect((await get(place, spec)).got.equals(BYTES)).toBe(true);
  expect(server.log[0]?.headers["authorization"]).toBeDefined();
  expect(sums.log[0]?.headers["authorization"]).toBeUndefined();
});

test("netrc lets in where nothing else is declared", async () => {
  await using place = await bench();
  await place.file(".netrc", "machine 127.0.0.1 login me password from-netrc\n");
  await using server = await hostile((asked) => file(asked, BYTES));
  expect((await get(place, urlSource(`${server.url}/a.img`, CHECKSUM))).got.equals(BYTES)).toBe(true);
  expect(server.log[0]?.headers["authorization"]).toBe(`Basic ${btoa("me:from-netrc")}`);
});

test("another user gets another file: what one was given is not shown to the other", async () => {
  await using place = await bench();
  const mine = noise(100_000);
  await using server = await hostile((asked) =>
    file(asked, asked.headers["authorization"] === undefined ? BYTES : mine),
  );
  const spec = urlSource(`${server.url}/a.img`);
  expect((await get(place, spec)).got.equals(BYTES)).toBe(true);
  expect((await get(place, { ...spec, username: "me", password: "env:P" })).got.equals(mine)).toBe(true);
});

test("the user of a URL is sent as a header and shown nowhere", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => file(asked, BYTES));
  await using sources = place.run();
  const spec = urlSource(`${server.url.replace("//", "//me:hidden@")}/a.img?token=hidden2&x=1`);
  const source = await sources.open(spec, ANY, opening());
  await all(source.open(never));
  expect(server.log.every(({ headers }) => headers["authorization"] === `Basic ${btoa("me:hidden")}`)).toBe(true);
  expect((await source.content()).where).toBe(`${server.url}/a.img?token&x=1`);
  expect((await sources.look(spec, undefined, never)).where).toBe(`${server.url}/a.img?token&x=1`);
});
