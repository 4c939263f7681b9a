import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { UrlSource } from "../../../src/core/model/source.ts";
import { type Asked, file, hostile, type Reply } from "./hostile.ts";
import { ANY, attempt, type Bench, bench, declared, failureOf, hash, never, noise, opening, urlSource } from "./kit.ts";

// Answers that are not the file, or not all of it, and pass for it if nobody compares what the server says with what it said.

setDefaultTimeout(300_000);

const BYTES = noise((1 << 20) + 1234);
const OTHER = noise(BYTES.length);
const GZ = gzipSync(BYTES);
const HALF = 600_000;
const good = (asked: Asked): Reply => file(asked, BYTES);
const WAYS = [
  ["with the cache", {}],
  ["without the cache", { IMAGES_CACHE_MAX: "0" }],
] as const;

/** A plan, then its apply. */
async function planned(place: Bench, spec: UrlSource) {
  const expected = await place.run().look(spec, undefined, never);
  try {
    const source = await place.run().open(spec, ANY, opening({ expected }));
    return await attempt(source.open(never));
  } catch (thrown) {
    const failure = await failureOf(async () => {
      throw thrown;
    });
    return { got: Buffer.alloc(0), failure };
  }
}

const range = (from: number, to: number) => ({ "content-range": `bytes ${from}-${to - 1}/${BYTES.length}` });

for (const [way, env] of WAYS) {
  test(`a body without a length is as long as the plan was told, ${way}`, async () => {
    await using place = await bench({ env });
    await using server = await hostile((asked) =>
      asked.method === "HEAD" ? good(asked) : { ...good(asked), body: BYTES, status: 200, length: "none", cut: HALF },
    );
    await using ranges = await hostile((asked) =>
      asked.method === "HEAD" ? good(asked) : { ...good(asked), length: "none", cut: HALF },
    );
    const whole = await planned(place, urlSource(`${ranges.url}/a.img`));
    expect(whole.got.equals(BYTES)).toBe(true);
    const { got, failure } = await planned(place, urlSource(`${server.url}/a.img`));
    expect(failure).toMatchObject({ code: "net.short" });
    expect(failure?.message).toContain(`${HALF} of ${BYTES.length} bytes`);
    expect(got.length).toBeLessThan(BYTES.length);
  });

  test(`a part that nobody asked for never becomes the file, ${way}`, async () => {
    await using place = await bench({ env });
    await using server = await hostile((asked) =>
      asked.method === "HEAD"
        ? good(asked)
        : { status: 206, headers: { etag: '"v1"', ...range(0, HALF) }, body: BYTES.subarray(0, HALF) },
    );
    const { got, failure } = await planned(place, urlSource(`${server.url}/a.img`));
    expect(failure?.code).toBe("net.short");
    expect(got.length).toBeLessThan(BYTES.length);
  });

  test(`a part of which nothing says that it is of the same version, ${way}: the whole file is fetched`, async () => {
    await using place = await bench({ env });
    await using server = await hostile((asked, turn) => {
      if (asked.method === "HEAD") return good(asked);
      if (turn === 1) return { ...good(asked), cut: HALF };
      if (asked.headers["range"] === undefined) return good(asked);
      return { status: 206, headers: range(HALF, BYTES.length), body: OTHER.subarray(HALF) };
    });
    const { got, failure } = await planned(place, urlSource(`${server.url}/a.img`));
    expect(failure).toBeUndefined();
    expect(got.equals(BYTES)).toBe(true);
  });

  for (const status of [202, 204])
    test(`status ${status} is not the file, ${way}`, async () => {
      await using place = await bench({ env });
      await using server = await hostile((asked) => ({
        ...good(asked),
        status: asked.method === "HEAD" ? 200 : status,
      }));
      const { failure } = await planned(place, urlSource(`${server.url}/a.img`));
      expect(failure?.message).toContain(`expected the file, got status ${status}`);
    });

  test(`bytes that a server has compressed on the way are refused, ${way}: another mirror may have the file`, async () => {
    await using place = await bench({ env });
    const coded = (asked: Asked): Reply =>
      asked.method === "HEAD" ? good(asked) : { headers: { "content-encoding": "gzip" }, body: BYTES.subarray(0) };
    await using server = await hostile(coded);
    await using plain = await hostile(good);
    const { failure } = await planned(place, urlSource(`${server.url}/a.img`));
    expect(failure).toMatchObject({ code: "source.encoding" });
    expect(failure?.hint).toContain("checksum");
    const { got } = await planned(place, urlSource([`${server.url}/a.img`, `${plain.url}/a.img`]));
    expect(got.equals(BYTES)).toBe(true);
  });

  test(`a checksum says that the bytes as they are sent are meant, ${way}`, async () => {
    await using place = await bench({ env });
    await using server = await hostile(() => ({ headers: { "content-encoding": "gzip" }, body: GZ }));
    const sent = await planned(place, urlSource(`${server.url}/a.img`, { checksum: declared(hash(GZ)) }));
    expect(sent.got.equals(GZ)).toBe(true);
    const { failure } = await planned(place, urlSource(`${server.url}/b.img`, { checksum: declared(hash(BYTES)) }));
    expect(failure?.code).toBe("source.checksum");
    expect(place.notes.join()).toContain("/b.img is sent with Content-Encoding: gzip");
  });
}

for (const [name, headers] of [
  ["/a.img.gz", {}],
  ["/a.tgz", {}],
  ["/get?id=1", { "content-disposition": 'attachment; filename="a.img.gz"' }],
] as const)
  test(`${name} ${JSON.stringify(headers)} is a gzip file, whatever Content-Encoding says of it`, async () => {
    await using place = await bench();
    const reply = { headers: { ...headers, "content-encoding": "x-gzip" }, body: GZ };
    await using server = await hostile(() => reply);
    const { got } = await planned(place, urlSource(`${server.url}${name}`));
    expect(got.equals(GZ)).toBe(true);
  });

test("codings that change no bytes are none", async () => {
  await using place = await bench();
  await using server = await hostile(() => ({ headers: { "content-encoding": "aws-chunked, identity" }, body: BYTES }));
  const { got } = await planned(place, urlSource(`${server.url}/a.img`));
  expect(got.equals(BYTES)).toBe(true);
});

test("what is compressed on the way is refused by the plan, where HEAD tells", async () => {
  await using place = await bench();
  await using server = await hostile(() => ({ headers: { "content-encoding": "br" }, body: GZ }));
  const failure = await failureOf(() => place.run().look(urlSource(`${server.url}/a.img`), undefined, never));
  expect(failure.message).toContain("/a.img is sent with Content-Encoding: br");
});

test("sums are read as they are, however they are sent", async () => {
  await using place = await bench();
  const sums = Buffer.from(`${hash(BYTES).slice("sha256:".length)}  a.img\n`);
  let body = gzipSync(sums);
  await using server = await hostile((asked) =>
    asked.path === "/SUMS" ? { headers: { "content-encoding": "gzip" }, body } : good(asked),
  );
  const spec = urlSource(`${server.url}/a.img`, {
    checksum: { kind: "sums", where: `${server.url}/SUMS`, algorithm: "sha256" },
  });
  expect(await place.run().look(spec, undefined, never)).toMatchObject({ digest: hash(BYTES) });
  body = sums;
  const failure = await failureOf(() => place.run().look(spec, undefined, never));
  expect(failure.message).toContain("/SUMS is sent with Content-Encoding: gzip, and cannot be decompressed");
});
