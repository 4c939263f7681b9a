import { expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { UrlSource } from "../../../src/core/model/source.ts";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { ANY, all, bench, declared, failureOf, hash, hurried, never, noise, opening, urlSource } from "./kit.ts";

setDefaultTimeout(300_000);

// `ca` in every way that people write it, and what servers show.

const TLS = join(import.meta.dir, "../../fixtures/tls");
const pem = (name: string) => Bun.file(join(TLS, name)).text();
const FIXTURES = join(import.meta.dir, "fixtures");
const BYTES = noise(100_000);

async function server(certificates: readonly string[], key: string, answer?: (path: string) => Response) {
  const cert = (await Promise.all(certificates.map(pem))).join("\n");
  const made = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key: await pem(key) },
    fetch: (request): Response => answer?.(new URL(request.url).pathname) ?? new Response(BYTES),
  });
  return { url: made.url.origin, [Symbol.asyncDispose]: () => made.stop(true) };
}

async function got(spec: UrlSource, env: Record<string, string> = {}): Promise<string> {
  await using place = await bench();
  const sources = place.run({
    http: (options) => createHttpClient(options, { redact: (text) => text, maskSecret: () => {}, env, clock: hurried }),
  });
  const read = async () => hash(await all((await sources.open(spec, ANY, opening())).open(never)));
  let found: string | undefined;
  const failure = await failureOf(async () => {
    found = await read();
    throw new Error("read");
  }).catch(() => undefined);
  return found ?? `${failure?.code}: ${failure?.message}`;
}
const GOOD = hash(BYTES);
const CHECKSUM = { checksum: declared(GOOD) };

test("several certificates, CRLF, and text between them", async () => {
  await using place = await bench();
  await using right = await server(["server.crt"], "server.key");
  const [mine, other] = [await pem("ca.crt"), await pem("pinned.crt")];
  const dump = "Certificate:\n    Data:\n        Version: 3 (0x2)\n";
  const texts = [
    `${other}${mine}`,
    `${dump}${other}\n# the next one\n${dump}${mine}trailing words`,
    `${other}${mine}`.replaceAll("\n", "\r\n"),
    `\ufeff${mine}`,
    mine.trimEnd(),
  ];
  for (const [index, text] of texts.entries()) {
    const ca = await place.file(`${index}.pem`, text);
    expect([index, await got(urlSource(`${right.url}/a.img`, { ca, ...CHECKSUM }))]).toEqual([index, GOOD]);
  }
});

test("DER in place of PEM is refused, with the command that converts it", async () => {
  await using place = await bench();
  await using right = await server(["server.crt"], "server.key");
  const ca = await place.file("ca.der", new Uint8Array(new X509Certificate(await pem("ca.crt")).raw));
  const failure = await failureOf(() =>
    place.run().open(urlSource(`${right.url}/a.img`, { ca, ...CHECKSUM }), ANY, opening()),
  );
  expect([failure.code, failure.message]).toEqual(["source.tls", expect.stringContaining("contains no certificate")]);
  expect(failure.hint).toContain("openssl x509 -inform DER");
});

test("an authority that has expired vouches for nothing", async () => {
  await using old = await server(["old.crt"], "old.key");
  const said = await got(urlSource(`${old.url}/a.img`, { ca: join(TLS, "old-ca.crt"), ...CHECKSUM }));
  expect(said).toMatch(/^source\.tls: .*expired/i);
});

test("a server below an authority between: it sends that, or `ca` has it as well", async () => {
  await using place = await bench();
  await using whole = await server(["below.crt", "between.crt"], "below.key");
  await using alone = await server(["below.crt"], "below.key");
  const root = join(TLS, "root.crt");
  expect(await got(urlSource(`${whole.url}/a.img`, { ca: root, ...CHECKSUM }))).toBe(GOOD);
  expect(await got(urlSource(`${alone.url}/a.img`, { ca: root, ...CHECKSUM }))).toMatch(/^source\.tls: /);
  const both = await place.file("both.pem", (await pem("root.crt")) + (await pem("between.crt")));
  expect(await got(urlSource(`${alone.url}/a.img`, { ca: both, ...CHECKSUM }))).toBe(GOOD);
});

test("`ca` is for what belongs to the source on other hosts as well: sums files, and where they redirect to", async () => {
  await using end = await server(["server.crt"], "server.key", (path) =>
    path.endsWith("SUMS") ? new Response(`${GOOD.slice(7)}  a.img\n`) : new Response(BYTES),
  );
  await using first = await server(["server.crt"], "server.key", (path) => Response.redirect(`${end.url}${path}`, 302));
  const checksum = { kind: "sums", algorithm: "sha256", where: `${first.url}/SUMS` } as const;
  const ca = join(TLS, "ca.crt");
  expect(await got(urlSource(`${first.url}/a.img`, { ca, checksum }))).toBe(GOOD);
  expect(await got(urlSource(`${first.url}/a.img`, { checksum }))).toMatch(/^source\.tls: /);
});

test("`ca` is for a signature on another host, and the key beside it is read from this one", async () => {
  const [signed, proof] = await Promise.all(
    ["SUMS", "mini.minisig"].map(async (name) => await Bun.file(join(FIXTURES, name)).bytes()),
  );
  await using signatures = await server(["server.crt"], "server.key", () => new Response(proof));
  await using images = await server(["server.crt"], "server.key", () => new Response(signed));
  const signature = { where: `${signatures.url}/a.img.minisig`, key: join(FIXTURES, "mini.pub") };
  const ca = join(TLS, "ca.crt");
  expect(await got(urlSource(`${images.url}/a.img`, { ca, signature }))).toBe(hash(signed ?? new Uint8Array()));
  // The image comes by HTTP: the signature alone is behind a certificate that nobody knows.
  await using plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(signed) });
  expect(await got(urlSource(`${plain.url.origin}/a.img`, { ca, signature }))).toBe(hash(signed ?? new Uint8Array()));
  expect(await got(urlSource(`${plain.url.origin}/a.img`, { signature }))).toMatch(/^source\.tls: /);
});

test("SSL_CERT_DIR with the names of hashes, and with others; SSL_CERT_FILE beside it", async () => {
  await using place = await bench();
  await using right = await server(["server.crt"], "server.key");
  const spec = urlSource(`${right.url}/a.img`, CHECKSUM);
  for (const name of ["5ed36f99.0", "authority.crt", "no-ending"]) {
    const directory = join(place.directory, name.replace(/\W/g, ""));
    await place.file(`${name.replace(/\W/g, "")}/${name}`, await pem("ca.crt"));
    expect([name, await got(spec, { SSL_CERT_DIR: directory })]).toEqual([name, GOOD]);
    expect(await got(spec, { SSL_CERT_DIR: directory, SSL_CERT_FILE: join(TLS, "pinned.crt") })).toBe(GOOD);
  }
});
