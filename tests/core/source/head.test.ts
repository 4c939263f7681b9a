import { expect, setDefaultTimeout, test } from "bun:test";
import { compareContent } from "../../../src/core/source/content.ts";
import { file, hostile, type Reply } from "./hostile.ts";
import { ANY, attempt, bench, failureOf, never, noise, opening, urlSource } from "./kit.ts";

// What servers get wrong about HEAD and about ETags, while GET works.

setDefaultTimeout(300_000);
const BYTES = noise(50_000);

const WRONG: readonly (readonly [string, Reply])[] = [
  ...[400, 401, 403, 404, 405, 406, 410, 418, 429, 500, 501, 502, 503, 504, 599].map((status): [string, Reply] => [
    `answers ${status}`,
    { status },
  ]),
  ["hangs up", { hangUp: true }],
  ["answers with half a header", { stallHeader: 12 }],
  ["redirects to nowhere", { status: 302 }],
  ["redirects in a circle", { status: 302, headers: { location: "/a.img" } }],
  ["says that there are no bytes", { status: 200, headers: { "content-length": "0" } }],
];

for (const [name, reply] of WRONG)
  test(`a server that ${name} to HEAD is asked by GET`, async () => {
    await using place = await bench({ idle: 1 });
    await using server = await hostile((asked) => (asked.method === "HEAD" ? reply : file(asked, BYTES)));
    const spec = urlSource(`${server.url}/a.img`);
    const found = await place.run().look(spec, undefined, never);
    expect(found.validators).toEqual({ etag: '"v1"', length: BYTES.length });
    const source = await place.run().open(spec, ANY, opening({ expected: found }));
    expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
    expect(server.log[0]?.method).toBe("HEAD");
    expect(server.log[1]).toMatchObject({ method: "GET", headers: { range: "bytes=0-0" } });
  });

test("a server that does not exist is not asked twice", async () => {
  await using place = await bench();
  const server = await hostile(() => ({}));
  await server[Symbol.asyncDispose]();
  const failure = await failureOf(() => place.run().look(urlSource(`${server.url}/a.img`), undefined, never));
  expect(failure.code).toBe("source.unreachable");
});

const MODIFIED = "Tue, 03 Jan 2023 00:00:00 GMT";
/** Two machines behind one URL: the same file, each with an ETag of its own. */
const behindOne = (modified: (turn: number) => string, bytes: (turn: number) => Uint8Array) =>
  hostile((asked, turn) => {
    const reply = file(asked, bytes(turn), `"machine-${turn}"`);
    return { ...reply, headers: { ...reply.headers, "last-modified": modified(turn) } };
  });

test("an ETag that alone differs is no change, neither for a plan nor while it is applied", async () => {
  await using place = await bench();
  await using server = await behindOne(
    () => MODIFIED,
    () => BYTES,
  );
  const spec = urlSource(`${server.url}/a.img`);
  const first = await place.run().look(spec, undefined, never);
  expect(compareContent(first, await place.run().look(spec, first, never))).toEqual({ kind: "same" });
  const source = await place.run().open(spec, ANY, opening({ expected: first }));
  expect((await attempt(source.open(never))).got.equals(BYTES)).toBe(true);
});

for (const [name, modified, bytes] of [
  ["time", (turn: number) => `Tue, 03 Jan 2023 00:00:0${turn} GMT`, () => BYTES],
  ["length", () => MODIFIED, (turn: number) => BYTES.subarray(turn)],
] as const)
  test(`an ETag that differs together with the ${name} is a change`, async () => {
    await using place = await bench();
    await using server = await behindOne(modified, bytes);
    const spec = urlSource(`${server.url}/a.img`);
    const first = await place.run().look(spec, undefined, never);
    expect(compareContent(first, await place.run().look(spec, first, never)).kind).toBe("changed");
    const source = place.run().open(spec, ANY, opening({ expected: first }));
    expect((await failureOf(async () => await source)).code).toBe("source.changed");
  });

test("a copy in the cache is not taken for a file with another ETag", async () => {
  await using place = await bench();
  const other = noise(BYTES.length);
  let now = BYTES;
  await using server = await hostile((asked) => {
    const reply = file(asked, now, now === BYTES ? '"one"' : '"two"');
    return { ...reply, headers: { ...reply.headers, "last-modified": MODIFIED } };
  });
  const read = async () => {
    const source = await place.run().open(urlSource(`${server.url}/a.img`), ANY, opening());
    return (await attempt(source.open(never))).got;
  };
  expect((await read()).equals(BYTES)).toBe(true);
  now = other;
  expect((await read()).equals(other)).toBe(true);
});
