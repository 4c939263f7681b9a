import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { UrlSource } from "../../../src/core/model/source.ts";
import { type Asked, file, type Hostile, hostile, type Reply } from "./hostile.ts";
import { ANY, attempt, type Bench, bench, declared, failureOf, hash, never, noise, opening, urlSource } from "./kit.ts";

// A busy machine is slow; nothing here waits long by itself.
setDefaultTimeout(300_000);

const BYTES = noise(3 * (1 << 20) + 1234);
const OTHER = noise(BYTES.length);

interface Fetched {
  readonly code?: string;
  readonly message?: string;
  readonly got: Buffer;
}

/** One run that opens the source and reads it to the end, as an upload would. */
async function fetched(place: Bench, spec: UrlSource): Promise<Fetched> {
  await using sources = place.run();
  let source: Awaited<ReturnType<typeof sources.open>>;
  try {
    source = await sources.open(spec, ANY, opening());
  } catch (thrown) {
    const { code, message } = await failureOf(async () => {
      throw thrown;
    });
    return { code, message, got: Buffer.alloc(0) };
  }
  const { got, failure } = await attempt(source.open(never));
  return failure === undefined ? { got } : { code: failure.code, message: failure.message, got };
}

const proven = (server: Hostile): UrlSource => urlSource(`${server.url}/a.img`, { checksum: declared(hash(BYTES)) });
const unproven = (server: Hostile): UrlSource => urlSource(`${server.url}/a.img`);
const BOTH = [
  ["with a checksum", proven],
  ["without one", unproven],
] as const;

/** Nothing of a failed download may look like an image: no blob, and no reader that had all of the bytes. */
async function nothingUsable(place: Bench, { got }: Fetched): Promise<void> {
  expect(await readdir(join(place.cache, "blobs"))).toEqual([]);
  expect(got.length).toBeLessThan(BYTES.length);
}

const once = (first: Reply, then: (asked: Asked) => Reply) => (asked: Asked, turn: number) =>
  turn === 0 ? first : then(asked);
const good = (asked: Asked): Reply => file(asked, BYTES);

const CUTS: readonly (readonly [string, Reply])[] = [
  ["before the answer", { hangUp: true }],
  ["before the first byte", { ...file({ method: "GET", path: "", headers: {} }, BYTES), cut: 0 }],
  ...[1, 511, 65_536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, BYTES.length - 1].map(
    (cut) => [`after ${cut} bytes`, { ...file({ method: "GET", path: "", headers: {} }, BYTES), cut }] as const,
  ),
];
for (const [kind, spec] of BOTH)
  for (const [where, reply] of CUTS)
    test(`cut ${where}, ${kind}: taken up, no byte comes twice`, async () => {
      await using place = await bench();
      await using server = await hostile(once(reply, good));
      const { code, got } = await fetched(place, spec(server));
      expect(code).toBeUndefined();
      expect(got.equals(BYTES)).toBe(true);
      expect(server.sent()).toBe(BYTES.length);
      const [, second] = server.gets();
      const cut = reply.cut ?? 0;
      expect([second?.headers["range"], second?.headers["if-range"]]).toEqual(
        cut === 0 ? [undefined, undefined] : [`bytes=${cut}-`, '"v1"'],
      );
    });

test("cut at every request, a little further each time: it still ends", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => ({ ...good(asked), cut: 300_000 }));
  expect((await fetched(place, proven(server))).got.equals(BYTES)).toBe(true);
  expect(server.sent()).toBe(BYTES.length);
});

test("cut at every request without progress: a clear failure, and the part is kept", async () => {
  await using place = await bench();
  await using server = await hostile((asked, turn) => ({ ...good(asked), cut: turn === 0 ? 2_000_000 : 10 }));
  const result = await fetched(place, proven(server));
  expect(result.code).toBe("net.short");
  expect(result.message).toContain("2000030 of 3146962 bytes were received and are kept for the next try");
  await nothingUsable(place, result);
  await using mended = await hostile(good);
  expect((await fetched(place, proven(mended))).got.equals(BYTES)).toBe(true);
  expect(mended.sent()).toBe(BYTES.length - 2_000_030);
});

test("a stall in the body is left for another connection", async () => {
  await using place = await bench({ idle: 0.4 });
  await using server = await hostile((asked, turn) =>
    turn === 0 ? { ...good(asked), stall: 1_500_000 } : good(asked),
  );
  expect((await fetched(place, proven(server))).got.equals(BYTES)).toBe(true);
  expect(server.gets().length).toBeGreaterThan(1);
});

const HOPELESS: readonly (readonly [string, (asked: Asked, turn: number) => Reply, string])[] = [
  ["stalls in the header", () => ({ stallHeader: 20 }), "net.timeout"],
  ["stalls before the body", (asked) => ({ ...good(asked), stall: 0 }), "net.timeout"],
  ["drips", (asked) => ({ ...good(asked), drip: { bytes: 50, ms: 20 } }), "net.slow"],
  ["announces more than it has", (asked) => longer(asked), "net.short"],
  ["is broken", () => ({ status: 500 }), "source.failed"],
  ["is busy for ever", () => ({ status: 429, headers: { "retry-after": "1" } }), "source.busy"],
  ["does not have it", () => ({ status: 404 }), "source.missing"],
  ["does not let us in", () => ({ status: 401 }), "source.denied"],
  ["redirects in a circle", ({ path }) => ({ status: 302, headers: { location: path } }), "net.redirect"],
  ["redirects for ever", ({ path }) => ({ status: 302, headers: { location: `${path}x` } }), "net.redirect"],
  ["hangs up", () => ({ hangUp: true }), "net.broken"],
  ["gives other bytes", (asked) => file(asked, OTHER), "source.checksum"],
  ["gives fewer bytes", (asked) => file(asked, BYTES.subarray(0, 2_000_000)), "source.checksum"],
  ["gives an error page", () => ({ body: new TextEncoder().encode("<html>please log in</html>") }), "source.checksum"],
  ["gives nothing", () => ({ body: new Uint8Array(0) }), "source.checksum"],
];
const DRIPS = { slow: { bytes: 4096, seconds: 0.3 } };
const longer = (asked: Asked): Reply => ({
  ...file(asked, BYTES),
  status: 200,
  headers: { "content-length": String(BYTES.length + 5) },
  cut: BYTES.length,
});
for (const [what, answer, code] of HOPELESS)
  test.concurrent(`a server that ${what}: ${code}, nothing usable`, async () => {
    await using place = await bench(/stalls/.test(what) ? { idle: 0.4 } : /drips/.test(what) ? DRIPS : {});
    await using server = await hostile(answer);
    const result = await fetched(place, proven(server));
    expect(result.code).toBe(code);
    await nothingUsable(place, result);
    if (code === "source.checksum") expect(await readdir(join(place.cache, "partial"))).toEqual([]);
  });

const PASSING: readonly (readonly [string, Reply])[] = [
  ["429 with Retry-After", { status: 429, headers: { "retry-after": "1" } }],
  ["500", { status: 500 }],
  ["503", { status: 503 }],
  ["a redirect", { status: 302, headers: { location: "/b.img" } }],
];
for (const [what, reply] of PASSING)
  test(`${what}, and then the file`, async () => {
    await using place = await bench();
    await using server = await hostile(once(reply, good));
    expect((await fetched(place, proven(server))).got.equals(BYTES)).toBe(true);
  });

const cutFirst = (then: (asked: Asked) => Reply) => (asked: Asked, turn: number) =>
  turn === 0 ? { ...good(asked), cut: 2_000_000 } : then(asked);
const part = (range: string, body: Uint8Array, etag = '"v1"'): Reply => ({
  status: 206,
  headers: { etag, "content-range": range },
  body,
});
const REST = BYTES.subarray(2_000_000);
/** Asked for the rest, the server gives something else; asked for the whole, it gives that. */
const odd = (reply: Reply) => cutFirst((asked) => (asked.headers["range"] === undefined ? good(asked) : reply));
const total = BYTES.length;
const ODD: readonly (readonly [string, Reply])[] = [
  ["a part that begins elsewhere", part(`bytes 0-${total - 1}/${total}`, BYTES)],
  ["a part of another length", part(`bytes 2000000-${total}/${total + 1}`, REST)],
  ["a part that says nothing", { status: 206, headers: { etag: '"v1"' }, body: REST }],
  ["a part that says nonsense", part("bytes x-y/z", REST)],
  ["a part of another version", part(`bytes 2000000-${total - 1}/${total}`, OTHER.subarray(2_000_000), '"v2"')],
  ["416", { status: 416, headers: { "content-range": `bytes */${total}` } }],
  ["the whole, as servers without ranges do", { headers: { etag: '"v1"' }, body: BYTES }],
  ["more than the part", part(`bytes 2000000-${total - 1}/${total}`, Buffer.concat([REST, REST]))],
];
for (const [kind, spec] of BOTH)
  for (const [what, reply] of ODD)
    test(`asked for the rest, it gives ${what}, ${kind}: the right bytes all the same`, async () => {
      await using place = await bench();
      await using server = await hostile(odd(reply));
      const { code, message, got } = await fetched(place, spec(server));
      expect([code, message]).toEqual([undefined, undefined]);
      expect(got.equals(BYTES)).toBe(true);
    });

test("a file that changes while it is fetched is never put together of two", async () => {
  await using place = await bench();
  await using server = await hostile(cutFirst((asked) => file(asked, OTHER, '"v2"')));
  const result = await fetched(place, unproven(server));
  expect(result.code).toBe("source.changed");
  await nothingUsable(place, result);
  expect((await fetched(place, unproven(server))).got.equals(OTHER)).toBe(true);
});

test("a file that changes between two runs is begun anew", async () => {
  await using place = await bench();
  let isNew = false;
  await using server = await hostile((asked, turn) =>
    isNew ? file(asked, OTHER, '"v2"') : { ...good(asked), cut: turn === 0 ? 2_000_000 : 0 },
  );
  expect((await fetched(place, unproven(server))).code).toBe("net.short");
  const before = server.sent();
  isNew = true;
  expect((await fetched(place, unproven(server))).got.equals(OTHER)).toBe(true);
  expect(server.gets().at(-1)?.headers).toMatchObject({ range: "bytes=2000000-", "if-range": '"v1"' });
  expect(server.sent() - before).toBe(OTHER.length);
});

test("no length at all: the end of the connection is the end, and the checksum tells", async () => {
  await using place = await bench();
  await using server = await hostile((asked) => ({ ...good(asked), length: "chunked" }));
  expect((await fetched(place, proven(server))).got.equals(BYTES)).toBe(true);
  await using other = await bench();
  await using closing = await hostile((asked) => ({ ...good(asked), length: "none", cut: 1_500_000 }));
  const result = await fetched(other, proven(closing));
  expect(result.code).toBe("source.checksum");
  await nothingUsable(other, result);
});
