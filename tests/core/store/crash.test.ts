import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileStorage } from "../../../src/core/store/file.ts";
import { openStore } from "../../../src/core/store/state.ts";
import { at, folder, signal } from "./help.ts";

const KILLS = 40;
const NAMES = ["a", "b", "c", "d"];

/** Lets a child put rows and kills it after so many acknowledgements and a little more; answers the last one of each name. */
async function killedAfter(
  path: string,
  first: number,
  acknowledged: number,
  ms: number,
): Promise<Map<string, number>> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "children/putting.ts"), path, `${first}`], {
    stderr: "inherit",
  });
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    // Whatever instant this is: nothing here depends on how long it takes.
    if (text.split("\n").length > acknowledged) setTimeout(() => child.kill("SIGKILL"), ms);
  }
  await child.exited;
  const lines = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .slice(0, -1);
  return new Map(lines.map((line): [string, number] => [line.slice(0, 1), Number(line.slice(2))]));
}

test(`${KILLS} kills: nothing that was acknowledged is lost, nothing needs a person, nothing is left over`, async () => {
  await using dir = await folder();
  const path = join(dir.path, "s.json");
  const last = new Map<string, number>();
  let serial = 0;
  let lineage: string | undefined;
  for (let kill = 0; kill < KILLS; kill++) {
    const said = await killedAfter(path, kill * 1_000_000, Math.floor(Math.random() * 60), Math.random() * 6);
    for (const [name, id] of said) last.set(name, id);
    await using reader = await openStore({ storage: fileStorage(path), operation: "plan", write: false, signal });
    // Every other time the next child is the one that finds what was left.
    await using store =
      kill % 2 === 0
        ? reader
        : await openStore({ storage: fileStorage(path), operation: "apply", write: true, signal });
    expect(store.state).toEqual(reader.state);
    for (const name of NAMES) {
      const id = Number(store.recorded(at("lab", name))?.id ?? -1);
      // What was not acknowledged may be there as well: only never anything older.
      expect(id).toBeGreaterThanOrEqual(last.get(name) ?? -1);
      last.set(name, id);
    }
    expect(store.state.serial).toBeGreaterThanOrEqual(serial);
    expect(store.state.lineage).toBe(lineage ?? store.state.lineage);
    ({ serial, lineage } = store.state);
  }
  await (await openStore({ storage: fileStorage(path), operation: "apply", write: true, signal }))[
    Symbol.asyncDispose
  ]();
  expect((await readdir(dir.path)).sort()).toEqual([".images", "s.json", "s.json.backup"]);
  expect((await fileStorage(path).read(signal)).open).toEqual([]);
  for (const name of ["s.json", "s.json.backup"])
    expect(JSON.parse(await readFile(join(dir.path, name), "utf8"))).toHaveProperty("lineage", lineage);
}, 300_000);
