import { expect, setDefaultTimeout, test } from "bun:test";
import type { Checksum, Signature } from "../../../src/core/model/source.ts";
import { Minisign } from "../apply/published.ts";
import { type Asked, file, type Hostile, hostile, type Reply } from "./hostile.ts";
import {
  ANY,
  attempt,
  type Bench,
  bench,
  failureOf,
  fileSource,
  hash,
  never,
  noise,
  opening,
  urlSource,
} from "./kit.ts";

// Sums files and signatures on several mirrors: one that has none, or none that holds, is named, and the next is asked
// (kubernetes/minikube#17169: "Error downloading checksum file: bad response code: 404" of the first of two mirrors).

setDefaultTimeout(300_000);

const BYTES = noise(20_000);
const MINE = hash(BYTES).slice(7);
const OTHER = hash("other").slice(7);
const text = (body: string): Reply => ({ body: new TextEncoder().encode(body) });
const GOOD = `${OTHER}  b.img\n${MINE}  a.img\n`;

/** Gives the image; anything else as it is said. */
const mirror = (rest: (asked: Asked, turn: number) => Reply) =>
  hostile((asked, turn) => (asked.path === "/pub/a.img" ? file(asked, BYTES) : rest(asked, turn)));
const sums = (where: string, ...elsewhere: string[]): Checksum => ({ kind: "sums", where, elsewhere });

async function fetched(place: Bench, servers: readonly Hostile[], checksum?: Checksum, signature?: Signature) {
  const spec = urlSource(
    servers.map(({ url }) => `${url}/pub/a.img`),
    { ...(checksum && { checksum }), ...(signature && { signature }) },
  );
  const looked = await place.run().look(spec, undefined, never);
  const source = await place.run().open(spec, ANY, opening());
  const { got, failure } = await attempt(source.open(never));
  return { digest: looked.digest, isRight: got.equals(BYTES), failure };
}

const BAD: readonly (readonly [name: string, reply: Reply, says: string])[] = [
  ["404", { status: 404 }, "404"],
  ["410", { status: 410 }, "410"],
  ["401", { status: 401 }, "401"],
  ["403", { status: 403 }, "403"],
  ["500", { status: 500 }, "500"],
  ["502", { status: 502 }, "502"],
  ["503 that asks for an hour", { status: 503, headers: { "retry-after": "3600" } }, "503"],
  ["429", { status: 429 }, "429"],
  ["an answer that never comes", { stallHeader: 0 }, "no response"],
  ["a body that stalls", { ...text(GOOD), stall: 10 }, "SUMS"],
  ["a body that breaks off", { ...text(GOOD), cut: 10 }, "SUMS"],
  ["a closed connection", { hangUp: true }, "closed"],
  ["no line for the file", text(`${OTHER}  b.img\n${hash("third").slice(7)}  c.img\n`), "has no digest of a.img"],
  ["one line for another file", text(`${OTHER}  b.img\n`), "has no digest of a.img"],
  ["two digests for the file", text(`${OTHER}  x/a.img\n${MINE}  y/a.img\n`), "has several digests for a.img"],
  ["a page in HTML", text("<html>not here</html>"), "contains no digests"],
  ["nothing", text(""), "contains no digests"],
  ["more than any sums file has", { body: new Uint8Array((16 << 20) + 1) }, "is larger than"],
];

for (const [name, reply, says] of BAD)
  test(`minikube#17169: the first mirror's sums: ${name}; those of the next one are used, and the run says so`, async () => {
    await using place = await bench(/stalls|never/.test(name) ? { idle: 0.5 } : {});
    await using first = await mirror(() => reply);
    await using second = await mirror(() => text(GOOD));
    const found = await fetched(place, [first, second], sums(`${first.url}/pub/SUMS`, `${second.url}/pub/SUMS`));
    expect(found).toEqual({ digest: hash(BYTES), isRight: true, failure: undefined });
    const told = place.notes.filter((note) => note.includes(says));
    expect(told.length).toBeGreaterThan(0);
    expect(told[0]).toEndWith("; trying the next location");
    expect(place.notes.join()).not.toContain(`${second.url}/pub/SUMS`);
  });

test("the bytes of a mirror without sums are held to the sums of the other", async () => {
  await using place = await bench();
  const stale = noise(20_000);
  await using first = await hostile((asked) => (asked.path === "/pub/a.img" ? file(asked, stale) : { status: 404 }));
  await using second = await mirror(() => text(GOOD));
  const found = await fetched(place, [first, second], sums(`${first.url}/pub/SUMS`, `${second.url}/pub/SUMS`));
  expect(found.isRight).toBe(true);
  expect(place.notes.join()).toContain(`${first.url}/pub/a.img: checksum mismatch`);
});

test("none has any: each is named", async () => {
  await using place = await bench();
  await using first = await mirror(() => ({ status: 404 }));
  await using second = await mirror(() => text(`${OTHER}  b.img\n${hash("third").slice(7)}  c.img\n`));
  const failure = await failureOf(() =>
    fetched(place, [first, second], sums(`${first.url}/pub/SUMS`, `${second.url}/pub/SUMS`)),
  );
  expect(failure.message).toStartWith("none of 2 locations could be used: ");
  expect(failure.message).toContain(`${first.url}/pub/SUMS`);
  expect(failure.message).toContain(`${second.url}/pub/SUMS has no digest of a.img`);
});

test("all fail for a moment: they are asked once more", async () => {
  await using place = await bench();
  const once = (_: Asked, turn: number): Reply => (turn === 0 ? { hangUp: true } : text(GOOD));
  await using first = await mirror(once);
  await using second = await mirror(() => ({ status: 404 }));
  const found = await fetched(place, [first, second], sums(`${first.url}/pub/SUMS`, `${second.url}/pub/SUMS`));
  expect(found.isRight).toBe(true);
});

test("the only entry counts once no file has one of the name, in whatever request they are", async () => {
  for (const request of [0, 1]) {
    await using place = await bench();
    await using one = await mirror(() => text(`${OTHER}  other.img\n`));
    await using two = await mirror(() => text(GOOD));
    const [a = one, b = two] = request === 0 ? [one, two] : [two, one];
    const found = await fetched(place, [a, b], sums(`${a.url}/pub/SUMS`, `${b.url}/pub/SUMS`));
    expect(found.digest).toBe(hash(BYTES));
  }
  await using place = await bench();
  await using one = await mirror(() => ({ status: 404 }));
  await using two = await mirror(() => text(`${MINE}  renamed.img\n`));
  expect((await fetched(place, [one, two], sums(`${one.url}/S`, `${two.url}/S`))).isRight).toBe(true);
});

test("sums of a file of this host, the first of them not there", async () => {
  await using place = await bench();
  const path = await place.file("a.img", BYTES);
  const there = await place.file("SUMS", GOOD);
  const checksum = sums(`${place.directory}/NONE`, there);
  expect((await place.run().look(fileSource(path, { checksum }), undefined, never)).digest).toBe(hash(BYTES));
  expect(place.notes.join()).toContain(`${place.directory}/NONE`);
});

const SIGNED = [
  ["404", () => ({ status: 404 })],
  ["500", () => ({ status: 500 })],
  ["a closed connection", () => ({ hangUp: true })],
  ["a page in HTML", () => text("<html>not here</html>")],
  ["a signature of other bytes", (of: Minisign) => text(of.sign("other"))],
  ["a signature of another key", (_: Minisign) => text(new Minisign("1111111111111111").sign(GOOD))],
] as const;
for (const [name, reply] of SIGNED)
  test(`minikube#17169: the signature of the sums on the first mirror: ${name}; the next one's is used`, async () => {
    await using place = await bench();
    const key = new Minisign();
    await using first = await mirror((asked) => (asked.path.endsWith(".minisig") ? reply(key) : text(GOOD)));
    await using second = await mirror((asked) => text(asked.path.endsWith(".minisig") ? key.sign(GOOD) : GOOD));
    const [one, two] = [`${first.url}/pub/SUMS`, `${second.url}/pub/SUMS`];
    const signature = { where: `${one}.minisig`, elsewhere: [`${two}.minisig`], key: key.key };
    const found = await fetched(place, [first, second], sums(one, two), signature);
    expect(found).toEqual({ digest: hash(BYTES), isRight: true, failure: undefined });
    expect(place.notes.join("\n")).toContain("; trying the next location");
  });

test("sums that no signature holds for are never used, however many mirrors have them", async () => {
  await using place = await bench();
  const key = new Minisign();
  const forged = `${OTHER}  a.img\n`;
  await using first = await mirror((asked) => text(asked.path.endsWith(".minisig") ? key.sign(GOOD) : forged));
  await using second = await mirror((asked) => text(asked.path.endsWith(".minisig") ? key.sign(GOOD) : forged));
  const [one, two] = [`${first.url}/pub/SUMS`, `${second.url}/pub/SUMS`];
  const signature = { where: `${one}.minisig`, elsewhere: [`${two}.minisig`], key: key.key };
  const failure = await failureOf(() => fetched(place, [first, second], sums(one, two), signature));
  expect(failure.code).toBe("source.signature");
});

for (const env of [{}, { IMAGES_CACHE_MAX: "0" }])
  for (const [name, reply] of SIGNED.slice(0, 4))
    test(`the signature over the bytes on the first mirror: ${name}; the next one's is used (${JSON.stringify(env)})`, async () => {
      await using place = await bench({ env });
      const key = new Minisign();
      await using first = await mirror(() => reply(key));
      await using second = await mirror(() => text(key.sign(BYTES)));
      const signature = { where: `${first.url}/a.minisig`, elsewhere: [`${second.url}/a.minisig`], key: key.key };
      const found = await fetched(place, [first, second], undefined, signature);
      expect(found).toMatchObject({ isRight: true, failure: undefined });
      expect(place.notes.join("\n")).toContain("; trying the next location");
    });

test("a key that cannot be read is no fault of a mirror", async () => {
  await using place = await bench();
  await using server = await mirror(() => text(GOOD));
  const where = `${server.url}/a.minisig`;
  const key = await place.file("key.pub", "this is no key");
  const spec = urlSource(`${server.url}/pub/a.img`, { signature: { where, elsewhere: [where], key } });
  const failure = await failureOf(async () => {
    const source = await place.run().open(spec, ANY, opening());
    throw (await attempt(source.open(never))).failure ?? new Error("nothing was wrong");
  });
  expect(failure.code).toBe("source.key");
  expect(place.notes).toEqual([]);
});
