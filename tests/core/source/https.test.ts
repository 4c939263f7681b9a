import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createHttpClient } from "../../../src/core/net/http.ts";
import type { SourceContext } from "../../../src/core/source/context.ts";
import { file, type Hostile, hostile } from "./hostile.ts";
import { ANY, attempt, bench, declared, failureOf, hash, hurried, never, noise, opening, urlSource } from "./kit.ts";

// `[policy] require = ["https"]`: on the whole way, and not only in what is written.

setDefaultTimeout(300_000);
const BYTES = noise(50_000);
const pem = (name: string) => Bun.file(join(import.meta.dir, "../../fixtures/tls", name)).text();
const SUMS = `${hash(BYTES).slice(7)}  a.img\n`;
const FIXTURES = join(import.meta.dir, "fixtures");

let plain: Hostile;
let server: { readonly url: string; readonly stop: () => Promise<void> };
let door: SourceContext["http"];

/** A server of https: `/down/X` redirects to http, `/far/X` does so after a redirect of its own. */
async function secure(): Promise<typeof server> {
  const made: Bun.Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: await pem("server.crt"), key: await pem("server.key") },
    fetch: (request): Response => {
      const { pathname } = new URL(request.url);
      const [, how, name = ""] = pathname.split("/");
      if (how === "down") return Response.redirect(`${plain.url}/${name}`, 302);
      if (how === "far") return Response.redirect(`${made.url.origin}/down/${name}`, 307);
      return new Response(name === "SUMS" ? SUMS : BYTES);
    },
  });
  return { url: made.url.origin, stop: () => made.stop(true) };
}

beforeAll(async () => {
  plain = await hostile((asked) =>
    asked.path === "/SUMS" ? { body: new TextEncoder().encode(SUMS) } : file(asked, BYTES),
  );
  server = await secure();
  const ca = await pem("ca.crt");
  door = (options) =>
    createHttpClient(
      { ...options, tls: { ca } },
      { redact: (text) => text, maskSecret: () => {}, env: {}, clock: hurried },
    );
});
afterAll(async () => {
  await server.stop();
  await plain[Symbol.asyncDispose]();
});

const literal = { checksum: declared(hash(BYTES)) };
const sums = (where: string) => ({ checksum: { kind: "sums", algorithm: "sha256", where } as const });
const signature = (where: string) => ({ signature: { where, key: join(FIXTURES, "mini.pub") } });

for (const how of ["down", "far"])
  for (const [what, spec] of [
    ["source", () => urlSource(`${server.url}/${how}/a.img`, literal)],
    ["source without a checksum", () => urlSource(`${server.url}/${how}/a.img`)],
    ["sums file", () => urlSource(`${server.url}/x/a.img`, sums(`${server.url}/${how}/SUMS`))],
    ["signature", () => urlSource(`${server.url}/x/a.img`, { ...literal, ...signature(`${server.url}/${how}/a.sig`) })],
    [
      "signature of a sums file",
      () =>
        urlSource(`${server.url}/x/a.img`, { ...sums(`${server.url}/x/SUMS`), ...signature(`${server.url}/${how}/s`) }),
    ],
  ] as const)
    test(`a ${what} that is redirected to http is refused (${how}), and http gets no request`, async () => {
      await using place = await bench();
      plain.log.length = 0;
      const failure = await failureOf(async () => {
        const source = await place.run({ http: door, httpsOnly: true }).open(spec(), ANY, opening());
        throw (await attempt(source.open(never))).failure ?? new Error("nothing was wrong");
      });
      expect(failure.code).toBe("net.https");
      expect(failure.message).toContain(`${plain.url}/`);
      expect(failure.message).toContain("[policy] requires https");
      expect(plain.log).toEqual([]);
    });

test("a look is redirected to http no further than a download", async () => {
  await using place = await bench();
  plain.log.length = 0;
  const look = () =>
    place.run({ http: door, httpsOnly: true }).look(urlSource(`${server.url}/far/a.img`), undefined, never);
  expect((await failureOf(look)).code).toBe("net.https");
  expect(plain.log).toEqual([]);
});

test("a mirror that redirects to http is left for the next; an http URL is refused as it stands", async () => {
  await using place = await bench();
  const spec = urlSource([`${server.url}/down/a.img`, `${server.url}/x/a.img`], literal);
  const source = await place.run({ http: door, httpsOnly: true }).open(spec, ANY, opening());
  expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
  const http = () => place.run({ http: door, httpsOnly: true }).look(urlSource(`${plain.url}/a.img`), undefined, never);
  expect((await failureOf(http)).code).toBe("net.https");
});

test("without the policy the redirect is followed", async () => {
  await using place = await bench();
  const source = await place.run({ http: door }).open(urlSource(`${server.url}/far/a.img`, literal), ANY, opening());
  expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
});
