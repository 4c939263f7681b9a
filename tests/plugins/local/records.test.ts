import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { imageId } from "../../../src/core/model/name.ts";
import { Directory } from "../../../src/plugins/local/client.ts";
import type { StoreEntry } from "../../../src/plugins/local/record.ts";
import { TestDirectory } from "../../harness.ts";

const [A, B, C] = ["a", "b", "c"].map((letter) => letter.repeat(64));

const entry = (name: string, sha256 = "", description = "d"): StoreEntry => ({
  id: imageId(name),
  name,
  attributes: { visibility: "public", description },
  disk: { sha256, size: 5 },
  fingerprint: sha256,
  format: "raw",
  compression: "none",
  created: "2026-01-01T00:00:00.000Z",
});

/** A store with 300 records of three blobs, by turns: so many are read without a thread. */
async function store(directory: TestDirectory) {
  const made = new Directory(directory.path, 0);
  await made.prepare();
  for (const sha256 of [A, B, C]) await writeFile(made.at("blobs", `${sha256}`), "bytes");
  for (let i = 0; i < 300; i++) await made.putEntry(entry(`i${i}`, [A, B, C][i % 3]));
  return made;
}

async function listed(made: Directory) {
  const notes: string[] = [];
  const all = (await Array.fromAsync(made.list((text) => notes.push(text)))).flat();
  return { notes, all: new Map(all.map((one) => [String(one.entry.id), one])) };
}

test("a blob that many images have is whole or not for each of them, and looked at again by the next listing", async () => {
  await using directory = await TestDirectory.make();
  const made = await store(directory);
  const whole = async () => [...(await listed(made)).all.values()].filter(({ isWhole }) => isWhole).length;
  expect(await whole()).toBe(300);
  await truncate(made.at("blobs", `${B}`), 4);
  expect(await whole()).toBe(200);
  const odd = [...(await listed(made)).all.values()].filter(({ isWhole }) => !isWhole);
  expect(odd.every(({ entry }) => entry.disk.sha256 === B)).toBe(true);
  await writeFile(made.at("blobs", `${B}`), "bytes");
  expect(await whole()).toBe(300);
});

test("among thousands of records a large one is read whole, and what is no file is skipped with a warning", async () => {
  await using directory = await TestDirectory.make();
  const made = await store(directory);
  const large = entry("large", A, "é".repeat(30_000));
  await made.putEntry(large);
  await made.putEntry(entry("i0", A, "x".repeat(16_384)));
  execFileSync("mkfifo", [made.at("images", "pipe.json")]);
  await mkdir(made.at("images", "place.json"));
  await symlink(made.at("images", "i1.json"), made.at("images", "link.json"));
  await writeFile(made.at("images", "empty.json"), "");
  await writeFile(made.at("images", "half.json"), JSON.stringify(entry("half", A)).slice(0, -1));
  const { all, notes } = await listed(made);
  expect(all.size).toBe(301);
  expect(all.get("large")?.entry).toEqual(large);
  expect(all.get("i0")?.entry.attributes.description?.length).toBe(16_384);
  const skipped = (file: string, why: string) => `warning: ${made.at("images", file)} is skipped: ${why}`;
  expect(notes.sort()).toEqual([
    skipped("empty.json", "not JSON"),
    skipped("half.json", "not JSON"),
    skipped("link.json", "a symbolic link"),
    skipped("pipe.json", "not readable"),
    skipped("place.json", "not readable"),
  ]);
});
