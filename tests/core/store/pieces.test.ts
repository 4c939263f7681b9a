import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { piecesOf } from "../../../src/core/disk/pieces.ts";
import type { State } from "../../../src/core/model/state.ts";
import { parseState, showState } from "../../../src/core/store/document.ts";
import { fileStorage } from "../../../src/core/store/file.ts";
import { hashing, joined, LARGE, readByPieces } from "../../../src/core/store/pieces.ts";
import { openStore } from "../../../src/core/store/state.ts";

const signal = new AbortController().signal;

/** A document of about so many bytes. */
function document(bytes: number, more = ""): string {
  const row = (i: number) =>
    `    "b/i${i}": {
      "backend": "b",
      "plugin": "local",
      "want": { "description": "ü },\\n    \\"b/x\\": {" },
      "protect": false,
      "onRemove": "delete",
      "status": "ready",
      "id": "id${i}",
      "have": {}${more}
    }`;
  const count = Math.ceil(bytes / row(1000).length);
  const rows = Array.from({ length: count }, (_, i) => row(i));
  return showState(
    parseState(`{"version":1,"lineage":"l-1","serial":7,"images":{${rows.join(",\n")}}}`, { where: "x" }),
  );
}

async function withFile<T>(text: string | Buffer, work: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "pieces-"));
  try {
    await writeFile(join(directory, "s.json"), text);
    return await work(join(directory, "s.json"));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const pieces = (text: string | Buffer) =>
  withFile(text, async (path) => {
    await using file = await open(path);
    return await readByPieces(piecesOf(file, LARGE));
  });

const stored = (text: string | Buffer) =>
  withFile(text, async (path) => {
    const storage = fileStorage(path);
    await using store = await openStore({ storage, operation: "plan", write: false, signal });
    return store.state;
  });

for (const [what, bytes] of [
  ["one row", 1],
  ["one piece", 100_000],
  ["many pieces", 5_000_000],
] as const)
  test(`a document of ${what} says the same in pieces, under the same tag`, async () => {
    const text = document(bytes);
    const read = await pieces(text);
    const whole: State = parseState(text, { where: "x" });
    expect(read).toEqual(whole);
    expect(Object.keys(read?.images ?? {})).toEqual(Object.keys(whole.images));
    // Whatever it comes in: as from a socket.
    const torn = Array.from({ length: Math.ceil(text.length / 50_000) }, (_, i) =>
      text.slice(i * 50_000, (i + 1) * 50_000),
    );
    const hash = createHash("sha256");
    const socket = Readable.from(torn.map((one) => Buffer.from(one)));
    expect(await readByPieces(hashing(joined(socket), hash))).toEqual(whole);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(text).digest("hex"));
  });

const large = document(2_500_000);
const at = large.lastIndexOf("\n    },\n") + "\n    },\n".length;

test.each([
  ["another layout", JSON.stringify(JSON.parse(large))],
  ["an end that is missing", large.slice(0, -3)],
  ["more after the end", `${large}{}\n`],
  ["a row that is torn", large.slice(0, at + 30)],
  ["a row that is broken", large.replace(/"id700"/, "7")],
  ["a row at no address", large.replace('"b/i900"', '"b"')],
  ["a row of another backend", large.replace('"b/i900"', '"c/i900"')],
  ["__proto__", large.replace('"b/i900"', '"__proto__"')],
  ["a newer version", large.replace('"version": 1', '"version": 2')],
  ["a serial that is none", large.replace('"serial": 7', '"serial": 7.5')],
  ["a key of another kind", large.replace('  "images"', '  "moved": "there",\n  "images"')],
  ["bytes that are no text", Buffer.from(large.replace("id800", "id8\u00e90"), "latin1")],
])("%s is left to those who say what is wrong", async (_, text) => expect(await pieces(text)).toBeUndefined());

test("a large state in a file is what its document says, whatever its layout", async () => {
  const whole = parseState(large, { where: "x" });
  expect(await stored(large)).toEqual(whole);
  expect(await stored(JSON.stringify(JSON.parse(large)))).toEqual(whole);
});

test("what is wrong with a large document has its place", async () => {
  await expect(stored(large.replace(/"id700"/, "7"))).rejects.toMatchObject({
    code: "state.broken",
    message: expect.stringContaining("expected a string"),
    at: { line: large.slice(0, large.indexOf('"id700"')).split("\n").length },
  });
  await expect(stored(large.slice(0, at + 30))).rejects.toMatchObject({ code: "state.broken" });
});

test("the last of two rows at one address counts, as in JSON", async () => {
  const twice = large.replace('"b/i900"', '"b/i1"');
  expect(await pieces(twice)).toEqual(parseState(twice, { where: "x" }));
});

test("a large state that was read in pieces is written, and refused when another program has changed it", async () => {
  await withFile(large, async (path) => {
    const storage = fileStorage(path);
    const store = await openStore({ storage, operation: "apply", write: true, signal });
    const [address] = Object.keys(store.state.images).filter((one): one is keyof State["images"] => one === "b/i3");
    if (address === undefined) throw new Error("there is no such row");
    await store.put(address, undefined);
    await writeFile(path, large.replace('"serial": 7', '"serial": 8'));
    await expect(store[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "state.conflict" });
  });
  await withFile(large, async (path) => {
    const storage = fileStorage(path);
    {
      await using store = await openStore({ storage, operation: "apply", write: true, signal });
      const [address] = Object.keys(store.state.images).filter((one): one is keyof State["images"] => one === "b/i3");
      if (address !== undefined) await store.put(address, undefined);
    }
    await using again = await openStore({ storage, operation: "plan", write: false, signal });
    expect(again.state.serial).toBe(8);
    expect(Object.hasOwn(again.state.images, "b/i3")).toBe(false);
  });
});

test("what rows have in common is kept once, and only what is equal", async () => {
  const content = (n: number, size: number) =>
    `"content": { "where": "/a", "digest": "sha256:${String(n).repeat(64)}", "size": ${size} }`;
  const one = (i: number, more: string, text = "same") =>
    `"b/i${i}": { "backend": "b", "plugin": "local", "want": { "description": "${text}" }, "protect": false,
      "onRemove": "delete", "status": "ready", "id": "id${i}", "have": {}, ${more} }`;
  const rows = [one(0, content(1, 1)), one(1, content(2, 1)), one(2, content(1, 1)), one(3, content(1, 9), "other")];
  const text = showState(
    parseState(`{"version":1,"lineage":"l-1","serial":7,"images":{${rows.join(",")}}}`, { where: "x" }),
  );
  const found = await pieces(text);
  const [a, b, c, d] = Object.values(found?.images ?? {});
  expect(c?.content).toBe(a?.content);
  expect(b?.want).toBe(a?.want);
  expect(b?.content).not.toEqual(a?.content);
  expect(d?.content?.size).toBe(9);
  expect(d?.want).toEqual({ description: "other" });
  expect(found).toEqual(parseState(text, { where: "x" }));
});
