import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileStorage } from "../../../src/core/store/file.ts";
import { openStore, type Store } from "../../../src/core/store/state.ts";
import { KEPT_RUNS } from "../../../src/core/store/storage.ts";
import { at, directory, row, signal } from "./help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const open = (path: string): Promise<Store> =>
  openStore({ storage: fileStorage(path), operation: "apply", write: true, signal });

/** Bytes of each journal beside the state. */
async function journals(path: string): Promise<readonly number[]> {
  const directory = join(path, "..", ".images", "journal", "s.json");
  return await Promise.all((await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size));
}

test("journals do not grow with history: so many are kept, each as large as what its own run changed", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  {
    await using store = await open(path);
    await store.putAll(new Map(Array.from({ length: 300 }, (_, i) => [at("lab", `i${i}`), row("lab", `i${i}`)])));
  }
  const [first = 0] = await journals(path);
  for (let run = 0; run < 2 * KEPT_RUNS; run++) {
    await using store = await open(path);
    await store.put(at("lab", "i0"), row("lab", `i0-${run}`));
  }
  const all = await journals(path);
  expect(all.length).toBe(KEPT_RUNS);
  expect(Math.max(...all)).toBeLessThan(first / 50);
});
