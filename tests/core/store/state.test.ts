import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Recorded, State } from "../../../src/core/model/state.ts";
import { fileStorage } from "../../../src/core/store/file.ts";
import { readRun, runs } from "../../../src/core/store/runs.ts";
import { openStore, type Store } from "../../../src/core/store/state.ts";
import type { Storage } from "../../../src/core/store/storage.ts";
import { at, contents, directory, failureOf, row, signal } from "./help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const a = at("lab", "a");
const b = at("lab", "b");
const open = (storage: Storage, onNote?: (text: string) => void): Promise<Store> =>
  openStore({ storage, operation: "apply", write: true, signal, ...(onNote === undefined ? {} : { onNote }) });
const look = (storage: Storage, onNote?: (text: string) => void): Promise<Store> =>
  openStore({ storage, operation: "plan", write: false, signal, ...(onNote === undefined ? {} : { onNote }) });
const written = async (path: string): Promise<State> => JSON.parse(await readFile(path, "utf8"));

/** Runs `work` on an open store and then lets the process, as it were, be killed: only the lock goes. */
async function killed(path: string, work: (store: Store) => Promise<void>): Promise<void> {
  await using copy = await directory();
  const inner = join(copy.path, "s.json");
  for (const name of await readdir(join(path, "..")))
    await cp(join(path, "..", name), join(copy.path, name), { recursive: true });
  const store = await open(fileStorage(inner));
  await work(store);
  await cp(join(copy.path, ".images"), join(path, "..", ".images"), { recursive: true });
  await store[Symbol.asyncDispose]();
}

async function place(): Promise<{ path: string; directory: string; storage: Storage } & AsyncDisposable> {
  const dir = await directory();
  const path = join(dir.path, "s.json");
  return {
    path,
    directory: dir.path,
    storage: fileStorage(path),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

test("what was put is in the document after the run, and in every reader's state before", async () => {
  await using here = await place();
  {
    await using store = await open(here.storage);
    expect([store.state.serial, store.state.images]).toEqual([0, {}]);
    await store.put(a, row("lab", "1"));
    expect(store.recorded(a)).toEqual(row("lab", "1"));
    await using reader = await look(here.storage);
    expect(reader.state).toEqual(store.state);
    expect(await readdir(here.directory)).not.toContain("s.json");
  }
  const document = await written(here.path);
  expect([document.serial, document.images]).toEqual([1, { [a]: row("lab", "1") }]);
  expect((await readdir(here.directory)).sort()).toEqual([".images", "s.json"]);
  await using reader = await look(here.storage);
  expect(reader.state).toEqual(document);
});

test("the serial goes up by one with a run that changed something, never without; the lineage stays", async () => {
  await using here = await place();
  const run = async (...rows: (Recorded | undefined)[]) => {
    {
      await using store = await open(here.storage);
      for (const one of rows) await store.put(a, one);
    }
    const { serial, lineage } = await written(here.path);
    return { serial, lineage, inode: (await here.storage.read(signal)).document?.tag };
  };
  const first = await run(row("lab", "1"));
  expect(first.serial).toBe(1);
  expect(await run()).toEqual(first);
  expect(await run(row("lab", "1"))).toEqual(first);
  expect(await run(row("lab", "2"), undefined, row("lab", "1"))).toEqual(first);
  const second = await run(row("lab", "2"), row("lab", "3"), row("lab", "4"));
  expect([second.serial, second.lineage]).toEqual([2, first.lineage]);
});

test("a run that puts nothing writes no document; reading writes nothing at all", async () => {
  await using here = await place();
  await (await look(here.storage))[Symbol.asyncDispose]();
  await (await open(here.storage))[Symbol.asyncDispose]();
  expect(await readdir(here.directory)).toEqual([]);
  await using reader = await look(here.storage);
  expect(await reader.put(a, undefined).catch(String)).toContain("opened read-only");
});

test("many puts at once are all durable, and the last one on an address counts", async () => {
  await using here = await place();
  {
    await using store = await open(here.storage);
    await Promise.all(Array.from({ length: 200 }, (_, i) => store.put(at("lab", `x${i % 50}`), row("lab", `${i}`))));
  }
  const { images } = await written(here.path);
  expect(Object.keys(images).length).toBe(50);
  expect(
    Object.values(images)
      .map(({ id }) => Number(id))
      .every((id) => id >= 150),
  ).toBe(true);
});

test("a renamed row is one change: both addresses, or neither", async () => {
  await using here = await place();
  {
    await using store = await open(here.storage);
    await store.put(a, row("lab", "1"));
    await store.rename(a, at("prod", "a"));
    expect((await failureOf(store.rename(a, b))).code).toBe("state.address");
    await store.put(b, row("lab", "2"));
    expect((await failureOf(store.rename(b, at("prod", "a")))).code).toBe("state.address");
  }
  expect((await written(here.path)).images).toEqual({ [b]: row("lab", "2"), [at("prod", "a")]: row("prod", "1") });
});

test("a row that no opening could read is refused as a bug, and changes nothing", async () => {
  await using here = await place();
  await using store = await open(here.storage);
  expect(await store.put(a, row("ru", "1")).catch(String)).toContain("expected the backend of lab/a");
  expect(store.state.images).toEqual({});
});

describe("after a kill", () => {
  test("everything that was acknowledged is there, for readers and for the next run, which writes it down", async () => {
    await using here = await place();
    {
      await using store = await open(here.storage);
      await store.put(a, row("lab", "0"));
    }
    const before = await written(here.path);
    await killed(here.path, async (store) => {
      await store.put(a, row("lab", "1"));
      await store.put(b, row("lab", "2"));
    });
    await using reader = await look(here.storage);
    const images = { [a]: row("lab", "1"), [b]: row("lab", "2") };
    expect(reader.state).toEqual({ ...before, serial: 2, images });
    await (await open(here.storage))[Symbol.asyncDispose]();
    expect(await written(here.path)).toEqual({ ...before, serial: 2, images });
    expect((await runs(here.storage, signal)).map(({ status }) => status)).toEqual(["killed", "ended"]);
  });

  test("of the very first run too, and its lineage is kept", async () => {
    await using here = await place();
    await killed(here.path, (store) => store.put(a, row("lab", "1")));
    const lineage = (await look(here.storage)).state.lineage;
    await (await open(here.storage))[Symbol.asyncDispose]();
    expect(await written(here.path)).toEqual({ version: 1, lineage, serial: 1, images: { [a]: row("lab", "1") } });
  });

  test("a torn last line is cut", async () => {
    await using here = await place();
    await killed(here.path, (store) => store.put(a, row("lab", "1")));
    const [run] = (await here.storage.read(signal)).open;
    const file = join(here.directory, ".images/journal/s.json", `${run?.run}.open.jsonl`);
    await appendFile(file, '{"seq":3,"at":"2026-01-01T00:00:00Z","put":{"lab/');
    await (await open(here.storage))[Symbol.asyncDispose]();
    expect(Object.keys((await written(here.path)).images)).toEqual([a]);
    expect(await here.storage.readRun(run?.run ?? "", signal)).toBe(run?.text);
  });

  test("between the document and the end of the journal: nothing is done twice", async () => {
    await using here = await place();
    await killed(here.path, (store) => store.put(a, row("lab", "1")));
    await using copy = await directory();
    await cp(join(here.directory, ".images"), copy.path, { recursive: true });
    await (await open(here.storage))[Symbol.asyncDispose]();
    const document = await written(here.path);
    await rm(join(here.directory, ".images"), { recursive: true });
    await cp(copy.path, join(here.directory, ".images"), { recursive: true });
    await (await open(here.storage))[Symbol.asyncDispose]();
    expect(await written(here.path)).toEqual(document);
    expect((await here.storage.read(signal)).open).toEqual([]);
  });

  test("a state that was removed since: the rows of the killed run are still known, and it is told", async () => {
    await using here = await place();
    {
      await using store = await open(here.storage);
      await store.put(b, row("lab", "0"));
    }
    await killed(here.path, (store) => store.put(a, row("lab", "1")));
    await rm(here.path);
    const notes: string[] = [];
    await using reader = await look(here.storage, (text) => notes.push(text));
    expect(reader.state.images).toEqual({ [a]: row("lab", "1") });
    expect(notes[0]).toContain("the state is gone; 1 row");
  });

  test("a former document that was brought back: the rows of the killed run count over it", async () => {
    await using here = await place();
    for (const id of ["1", "2", "3"]) {
      await using store = await open(here.storage);
      await store.put(a, row("lab", id));
    }
    await killed(here.path, (store) => store.put(b, row("lab", "9")));
    await cp(`${here.path}.backup`, here.path);
    await using reader = await look(here.storage);
    expect([reader.state.serial, reader.state.images]).toEqual([4, { [a]: row("lab", "2"), [b]: row("lab", "9") }]);
  });

  test("a document that is another one, or further on: the journal is left out, and it is told", async () => {
    await using here = await place();
    await killed(here.path, (store) => store.put(a, row("lab", "1")));
    const { lineage } = (await look(here.storage)).state;
    for (const [document, why] of [
      [{ version: 1, lineage: "another", serial: 0, images: {} }, "another state"],
      [{ version: 1, lineage, serial: 2, images: {} }, "the state has changed since"],
    ] as const) {
      await writeFile(here.path, JSON.stringify(document));
      const notes: string[] = [];
      await using reader = await look(here.storage, (text) => notes.push(text));
      expect(reader.state).toEqual(document);
      expect(notes.join()).toContain(why);
    }
  });
});

test("a document that somebody changed during the run is not overwritten, and the run's rows come in with the next", async () => {
  await using here = await place();
  const store = await open(here.storage);
  await store.put(a, row("lab", "1"));
  const theirs: State = { version: 1, lineage: store.state.lineage, serial: 0, images: { [b]: row("lab", "2") } };
  await writeFile(here.path, JSON.stringify(theirs));
  expect((await failureOf(Promise.resolve(store[Symbol.asyncDispose]()))).code).toBe("state.conflict");
  expect(await written(here.path)).toEqual(theirs);
  await (await open(here.storage))[Symbol.asyncDispose]();
  expect((await written(here.path)).images).toEqual({ [a]: row("lab", "1"), [b]: row("lab", "2") });
});

test("a run whose lock was taken away fails at its next put", async () => {
  await using here = await place();
  const store = await open(here.storage);
  await store.put(a, row("lab", "1"));
  await here.storage.unlock(store.run, signal);
  await using other = await open(here.storage);
  expect(other.recorded(a)).toEqual(row("lab", "1"));
  expect((await failureOf(store.put(b, row("lab", "2")))).code).toBe("state.lost");
  expect((await failureOf(Promise.resolve(store[Symbol.asyncDispose]()))).code).toBe("state.lost");
  expect((await here.storage.holder(signal))?.id).toBe(other.run);
});

describe("what cannot be read is told, and stays byte for byte", () => {
  test.each([
    ["no JSON", "{", "state.broken"],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "state.broken"],
    ["newer", '{"version": 2}', "state.newer"],
  ])("%s", async (_, text, code) => {
    await using here = await place();
    await writeFile(here.path, text);
    const before = await contents(here.directory);
    expect((await failureOf(look(here.storage))).code).toBe(code);
    expect((await failureOf(open(here.storage))).code).toBe(code);
    expect(await contents(here.directory)).toEqual(before);
  });

  test("a damaged journal", async () => {
    await using here = await place();
    await killed(here.path, (store) => store.put(a, row("lab", "1")));
    const [name = ""] = await readdir(join(here.directory, ".images/journal/s.json"));
    const file = join(here.directory, ".images/journal/s.json", name);
    await writeFile(file, (await readFile(file, "utf8")).replace("ready", "reedy"));
    const before = await contents(here.directory);
    expect((await failureOf(look(here.storage))).code).toBe("state.journal");
    expect((await failureOf(open(here.storage))).code).toBe("state.journal");
    expect(await contents(here.directory)).toEqual(before);
  });
});

test("the events of a run are read in order, the newest run first; progress is left out", async () => {
  await using here = await place();
  const counts = {
    added: 1,
    changed: 0,
    destroyed: 0,
    imported: 0,
    forgotten: 0,
    verified: 0,
    failed: 0,
    stopped: 0,
    skipped: 0,
  };
  const ids: string[] = [];
  for (const [day, outcome] of [
    [1, "succeeded"],
    [2, "interrupted"],
  ] as const) {
    await using store = await openStore({
      storage: here.storage,
      operation: "apply",
      write: true,
      signal,
      now: () => new Date(Date.UTC(2026, 0, day)),
    });
    ids.unshift(store.run);
    store.record({ type: "run.started", run: store.run, command: "apply", at: "t" });
    store.record({ type: "transfer.progress", address: a, phase: "upload", done: 5 });
    await store.put(a, row("lab", "1"));
    store.record({ type: "run.done", outcome, counts, ms: 5 });
    expect((await runs(here.storage, signal))[0]?.status).toBe("running");
  }
  const found = await runs(here.storage, signal);
  expect(found.map(({ id, status }) => [id, status])).toEqual([
    [ids[0] ?? "", "interrupted"],
    [ids[1] ?? "", "succeeded"],
  ]);
  expect(found[1]?.started).toBe("2026-01-01T00:00:00.000Z");
  const events = await readRun(here.storage, ids[1] ?? "", signal);
  expect(events?.map(({ event }) => event.type)).toEqual(["run.started", "run.done"]);
  expect(await readRun(here.storage, "none", signal)).toBeUndefined();
});

test("runs of one millisecond are listed in their order, the newest first", async () => {
  await using here = await place();
  const done: string[] = [];
  const now = () => new Date("2026-03-01T10:15:00.123Z");
  for (let i = 0; i < 8; i++) {
    await using store = await openStore({ storage: here.storage, operation: `run ${i}`, write: true, signal, now });
    await store.put(a, row("lab", `${i}`));
    done.push(store.run);
  }
  expect(new Set(done.map((run) => run.length))).toEqual(new Set([31]));
  expect((await runs(here.storage, signal)).map(({ id }) => id)).toEqual(done.toReversed());
});
