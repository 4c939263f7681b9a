import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import type { UrlSource } from "../../../src/core/model/source.ts";
import { authorities } from "../../../src/core/net/authorities.ts";
import { createHttpClient } from "../../../src/core/net/http.ts";
import type { SourceContext } from "../../../src/core/source/context.ts";
import {
  ANY,
  all,
  bench,
  declared,
  failureOf,
  fileSource,
  hash,
  hurried,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

setDefaultTimeout(300_000);

const pem = (name: string) => Bun.file(join(import.meta.dir, "../../fixtures/tls", name)).text();
const BYTES = noise(100_000);

for (const [what, certificate, isGood] of [
  ["shows the right certificate", "server", true],
  ["signed its certificate itself", "pinned", false],
  ["shows a certificate of another name", "elsewhere", false],
] as const)
  test(`a server that ${what} ${isGood ? "is believed" : "gets no request and gives no byte"}`, async () => {
    await using place = await bench();
    let asked = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: await pem(`${certificate}.crt`), key: await pem(`${certificate}.key`) },
      fetch: () => {
        asked++;
        return new Response(BYTES);
      },
    });
    try {
      const ca = await pem("ca.crt");
      const sources = place.run({
        http: (options) =>
          createHttpClient(
            { ...options, tls: { ca } },
            { redact: (text) => text, maskSecret: () => {}, env: {}, clock: hurried },
          ),
      });
      const spec = urlSource(`https://127.0.0.1:${server.port}/a.img`, { checksum: declared(hash(BYTES)) });
      const get = async () => await all((await sources.open(spec, ANY, opening())).open(never));
      if (isGood) expect((await get()).equals(Buffer.from(BYTES))).toBe(true);
      else {
        const failure = await failureOf(get);
        expect([failure.code, asked]).toEqual(["source.tls", 0]);
        expect(await readdir(join(place.cache, "blobs"))).toEqual([]);
      }
    } finally {
      await server.stop(true);
    }
  });

/** A server with a certificate of the authority of the fixtures. */
async function secure(answer: (path: string) => Response = () => new Response(BYTES)) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: await pem("server.crt"), key: await pem("server.key") },
    fetch: (request): Response => answer(new URL(request.url).pathname),
  });
  return { url: server.url.origin, [Symbol.asyncDispose]: () => server.stop(true) };
}
const doorOf =
  (env: Record<string, string>): SourceContext["http"] =>
  (options) =>
    createHttpClient(options, { redact: (text) => text, maskSecret: () => {}, env, clock: hurried });
const CA = join(import.meta.dir, "../../fixtures/tls/ca.crt");
const CHECKSUM = { checksum: declared(hash(BYTES)) };

test("`ca` of a source is trusted for it and its sums file, besides the usual authorities; for another source it is not", async () => {
  await using place = await bench();
  const sums = `${hash(BYTES).slice(7)}  a.img\n`;
  await using server = await secure((path) => new Response(path === "/SUMS" ? sums : BYTES));
  const sources = place.run({ http: doorOf({}) });
  const get = async (spec: UrlSource) => await all((await sources.open(spec, ANY, opening())).open(never));
  const checksum = { kind: "sums", algorithm: "sha256", where: `${server.url}/SUMS` } as const;
  const spec = urlSource(`${server.url}/a.img`, { ca: CA, checksum });
  expect((await get(spec)).equals(Buffer.from(BYTES))).toBe(true);
  const failure = await failureOf(() => sources.look(urlSource(`${server.url}/b.img`), undefined, never));
  expect([failure.code, failure.hint]).toEqual(["source.tls", expect.stringContaining("`ca`")]);
});

test("`ca` of a file on this host is for its sums file", async () => {
  await using place = await bench();
  await using server = await secure(() => new Response(`${hash(BYTES).slice(7)}  a.img\n`));
  const checksum = { kind: "sums", algorithm: "sha256", where: `${server.url}/SUMS` } as const;
  const path = await place.file("a.img", BYTES);
  const look = async (more: { readonly ca?: string }) =>
    await place.run({ http: doorOf({}) }).look(fileSource(path, { checksum, ...more }), undefined, never);
  expect((await look({ ca: CA })).digest).toBe(hash(BYTES));
  expect((await failureOf(() => look({}))).code).toBe("source.tls");
});

test("`ca` holds for a mirror and after a redirect to another server", async () => {
  await using place = await bench();
  await using elsewhere = await secure();
  await using first = await secure(() => new Response("no", { status: 404 }));
  await using second = await secure(() => Response.redirect(`${elsewhere.url}/a.img`, 302));
  const spec = urlSource([`${first.url}/a.img`, `${second.url}/a.img`], { ca: CA, ...CHECKSUM });
  const source = await place.run({ http: doorOf({}) }).open(spec, ANY, opening());
  expect((await all(source.open(never))).equals(Buffer.from(BYTES))).toBe(true);
});

test("a `ca` that is missing or none is told with its path", async () => {
  await using place = await bench();
  await using server = await secure();
  const broken = await place.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const none = await place.file("none.pem", "nothing");
  for (const [ca, code, message] of [
    [broken, "source.tls", `${broken}: certificate 1 is not valid`],
    [none, "source.tls", `${none} contains no certificate`],
    [join(place.directory, "gone"), "source.missing", join(place.directory, "gone")],
  ] as const) {
    const spec = urlSource(`${server.url}/a.img`, { ca, ...CHECKSUM });
    const failure = await failureOf(() => place.run({ http: doorOf({}) }).open(spec, ANY, opening()));
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(message)]);
  }
});

test("SSL_CERT_DIR: every certificate of its directories, whatever else is in them", async () => {
  await using place = await bench();
  await using server = await secure();
  await place.file("certs/README", "not a certificate");
  await place.file("certs/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  await place.file("certs/9d66eef0.0", `a bundle\n${await pem("pinned.crt")}\n${await pem("ca.crt")}`);
  await place.file("certs/sub/x.pem", "");
  const spec = urlSource(`${server.url}/a.img`, CHECKSUM);
  const http = doorOf({ SSL_CERT_DIR: `${place.directory}/none:${place.directory}/certs` });
  const source = await place.run({ http }).open(spec, ANY, opening());
  expect((await all(source.open(never))).equals(Buffer.from(BYTES))).toBe(true);
  const without = place.run({ http: doorOf({ SSL_CERT_DIR: `${place.directory}/none` }) });
  expect((await failureOf(() => without.look(urlSource(`${server.url}/c.img`), undefined, never))).code).toBe(
    "source.tls",
  );
});

test("SSL_CERT_FILE: one odd certificate does not spoil the others; a file without any is told", async () => {
  await using place = await bench();
  await using server = await secure();
  const odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const file = await place.file("bundle.pem", odd + (await pem("ca.crt")));
  const look = async (path: string) =>
    await place.run({ http: doorOf({ SSL_CERT_FILE: path }) }).look(urlSource(`${server.url}/a.img`), undefined, never);
  expect((await look(file)).size).toBe(BYTES.length);
  expect((await failureOf(async () => await look(await place.file("odd.pem", odd)))).code).toBe("source.tls");
});

test("the store of the system is trusted", async () => {
  const found = await authorities({}, undefined);
  const own = new Set(getCACertificates("default").map((one) => one.replace(/\s/g, "")));
  const added = getCACertificates("system").filter((one) => !own.has(one.replace(/\s/g, "")));
  for (const one of added) expect(found).toContain(one);
  if (added.length === 0) expect(found).toBeUndefined();
});
