import { expect, test } from "bun:test";
import { linesOf, pack, unpack, versionIn, withRun, withVersion } from "../../../src/core/store/http/archive.ts";
import { KEPT_RUNS, KEPT_VERSIONS } from "../../../src/core/store/storage.ts";

const me = { id: "run-1", operation: "apply", user: "u", host: "h", pid: 1, since: "2026-11-27T20:00:00.000Z" };
const NONE = unpack("").archive;
// With a table of the key's name in it, as properties of an image may have one.
const TEXT = `${JSON.stringify({ version: 1, images: { "a/b": { have: { archive: { versions: [], runs: [] } } } } }, undefined, 2)}\n`;

test("a document comes back as it was written, with what is kept, also from a server that lays JSON out in its own way", () => {
  const kept = withRun(withVersion(NONE, "former\n", "tag", TEXT.length), me, 3);
  const full = pack(TEXT, kept);
  expect(unpack(full)).toEqual({ text: TEXT, archive: kept });
  for (const layout of [undefined, 2, 4]) {
    const other = unpack(JSON.stringify(JSON.parse(full), undefined, layout));
    expect([JSON.parse(other.text), other.archive]).toEqual([JSON.parse(TEXT), kept]);
  }
  expect(unpack(TEXT)).toEqual({ text: TEXT, archive: NONE });
  expect(unpack(TEXT.replaceAll(/\s/g, "")).archive).toEqual(NONE);
  expect(versionIn(kept, kept.versions[0]?.id ?? "")).toBe("former\n");
  expect(linesOf(kept.runs[0] ?? { ...me, run: "", began: "", wrote: "", serial: 0 }, false).length).toBe(2);
});

test("what is kept is bounded: by number, and by the length of the document", () => {
  let kept = NONE;
  const noise = (seed: number) =>
    Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * seed * 7919) % 251)).toString("hex");
  for (let i = 1; i < 60; i++) kept = withRun(withVersion(kept, `${i}`, "tag", 10), { ...me, id: `run-${i}` }, i);
  expect([kept.versions.length, kept.runs.length]).toEqual([KEPT_VERSIONS, KEPT_RUNS]);
  expect(versionIn(kept, kept.versions.at(-1)?.id ?? "")).toBe("59");
  for (let i = 1; i < 60; i++)
    kept = withVersion(kept, noise(i) + crypto.getRandomValues(Buffer.alloc(30_000)).toString("hex"), "tag", 10);
  expect(kept.versions.reduce((sum, { gz }) => sum + gz.length, 0)).toBeLessThanOrEqual(64 << 10);
  expect(versionIn({ versions: [{ id: "x", gz: "broken" }], runs: [] }, "x")).toBeUndefined();
});
