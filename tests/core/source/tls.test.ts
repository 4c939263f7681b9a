import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openDoor } from "../../../src/core/net/http.ts";
import { ANY, all, bench, declared, failureOf, hash, hurried, never, noise, opening, urlSource } from "./kit.ts";

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
        door: (options) =>
          openDoor({ ...options, tls: { ca } }, { redact: (text) => text, conceal: () => {}, env: {}, clock: hurried }),
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
