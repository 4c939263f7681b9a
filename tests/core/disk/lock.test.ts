import { expect, setDefaultTimeout, test } from "bun:test";
import { open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lock } from "../../../src/core/disk/lease.ts";
import { claim, readHolder, release } from "../../../src/core/disk/lock.ts";
import type { Holder } from "../../../src/core/model/state.ts";
import { fileStorage } from "../../../src/core/store/file.ts";
import { acquireLock, forceUnlock } from "../../../src/core/store/lock.ts";
import { directory, failureOf, holder, signal } from "../store/help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

const GONE = 2 ** 22 + 1;
const dead = (id: string): Holder => holder(id, { pid: GONE });
const put = (path: string, who: Holder) => writeFile(path, JSON.stringify(who));

/** Runs 20 processes that all want the lock; `dying` of them are killed while they hold it. Answers what they said. */
async function contend(path: string, rounds: number, dying: number): Promise<string[]> {
  const children = Array.from({ length: 20 }, (_, i) =>
    Bun.spawn(
      [
        process.execPath,
        join(import.meta.dir, "../store/children/contend.ts"),
        path,
        `${rounds}`,
        i < dying ? "die" : "live",
      ],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      },
    ),
  );
  const said = children.map(async ({ stdin, stdout, stderr }) => {
    let text = "";
    for await (const part of stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text === "ready\n") ready.push(() => stdin.write("go\n"));
      if (ready.length === children.length) for (const go of ready.splice(0)) go();
    }
    return [...text.trim().split("\n").slice(1), await new Response(stderr).text()].filter((line) => line !== "");
  });
  const ready: (() => void)[] = [];
  const lines = (await Promise.all(said)).flat();
  // The system closes the pipes of a killed process before it counts as ended.
  await Promise.all(children.map(({ exited }) => exited));
  return lines;
}

test("20 processes, over a dead lock, and half of them killed while they hold it: never two at once, and it goes on", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  await put(`${path}.lock`, dead("gone"));
  expect(await contend(path, 2, 10)).toEqual(Array(10).fill("done"));
  const answer = await fileStorage(path).lock(holder("last"), signal);
  expect("lease" in answer).toBe(true);
  expect((await readdir(dir.path)).filter((name) => name.startsWith("s.json.lock"))).toEqual(["s.json.lock"]);
}, 300_000);

test("a lock of another host is never taken over", async () => {
  await using dir = await directory();
  const path = join(dir.path, "lock");
  const other = holder("far", { host: "another-host", pid: GONE });
  await put(path, other);
  expect(await claim(path, holder("a"))).toEqual(other);
  expect(await readHolder(path)).toEqual(other);
});

test("a lock whose process cannot be seen from here is waited for", async () => {
  await using dir = await directory();
  const path = join(dir.path, "lock");
  const far = holder("far", { host: "another-host" });
  await put(path, far);
  const stop = new AbortController();
  const reason = new Error("stopped");
  const waited = lock(path, "test", { signal: stop.signal, waiting: () => stop.abort(reason) });
  expect(await waited.catch((error: unknown) => error)).toBe(reason);
  expect(await readHolder(path)).toEqual(far);
});

test("a dead holder is taken over, also when the one that was taking over died too", async () => {
  await using dir = await directory();
  const path = join(dir.path, "lock");
  await put(path, dead("one"));
  await put(`${path}.one`, dead("two"));
  await put(`${path}.one.two`, dead("three"));
  expect(await claim(path, holder("a"))).toBeUndefined();
  expect(await readdir(dir.path)).toEqual(["lock"]);
  expect(await readHolder(path)).toEqual(holder("a"));
});

test("whoever comes late to take over finds the new holder and leaves the lock alone", async () => {
  await using dir = await directory();
  const path = join(dir.path, "lock");
  await put(path, dead("gone"));
  const answers = await Promise.all(["a", "b", "c", "d", "e"].map((id) => claim(path, holder(id))));
  expect(answers.filter((answer) => answer === undefined).length).toBe(1);
  const winner = await readHolder(path);
  expect(new Set(answers.map((answer) => answer?.id))).toEqual(new Set([undefined, winner?.id]));
  expect(await readdir(dir.path)).toEqual(["lock"]);
});

test("a claim that is so late that it gets the right to take over when that has happened leaves the new holder alone", async () => {
  await using dir = await directory();
  const path = join(dir.path, "lock");
  await put(path, dead("gone"));
  // It has seen the dead holder, and stays at the right to take over from it until somebody writes into the pipe.
  Bun.spawnSync(["mkfifo", `${path}.gone`]);
  const late = claim(path, holder("late"));
  {
    await using pipe = await open(`${path}.gone`, "w");
    await put(`${path}.b`, holder("b"));
    await rename(`${path}.b`, path);
    await put(`${path}.right`, dead("x"));
    await rename(`${path}.right`, `${path}.gone`);
    await pipe.writeFile(JSON.stringify(dead("x")));
  }
  expect(await late).toEqual(holder("b"));
  expect(await readHolder(path)).toEqual(holder("b"));
  expect(await readdir(dir.path)).toEqual(["lock"]);
});

test("what is removed as a leftover of the former holder meanwhile is no error", async () => {
  await using dir = await directory();
  for (let round = 0; round < 50; round++) {
    const path = join(dir.path, `lock-${round}`);
    await put(path, dead("gone"));
    let isDone = false;
    const tidying = (async () => {
      while (!isDone) await rm(`${path}.gone`, { force: true });
    })();
    try {
      expect(await claim(path, holder("a"))).toBeUndefined();
      expect(await readHolder(path)).toEqual(holder("a"));
      await put(path, dead("gone"));
      expect(await release(path, "gone", holder("b"))).toBe(true);
    } finally {
      isDone = true;
      await tidying;
    }
  }
  expect(await readdir(dir.path)).toEqual([]);
});

test("only the holder's own id releases", async () => {
  await using dir = await directory();
  const path = join(dir.path, "lock");
  await claim(path, holder("a"));
  expect(await release(path, "b", holder("b"))).toBe(false);
  expect(await release(path, "a", holder("a"))).toBe(true);
  expect(await release(path, "a", holder("a"))).toBe(false);
  expect(await readdir(dir.path)).toEqual([]);
});

test("contention says who, for what, since when, and the way out", async () => {
  await using dir = await directory();
  const storage = fileStorage(join(dir.path, "s.json"));
  const who = holder("run-1", { user: "alice", host: "build-1", pid: 4711, operation: "apply" });
  await put(join(dir.path, "s.json.lock"), who);
  const { code, message, hint } = await failureOf(acquireLock(storage, holder("a"), { signal }));
  expect(code).toBe("state.locked");
  expect(message).toContain("alice@build-1, process 4711, for apply, since 2026-01-01T00:00:00.000Z");
  expect(hint).toContain("images unlock run-1");
});

test("waiting ends when the lock is given back, is told once, and can be aborted", async () => {
  await using dir = await directory();
  const storage = fileStorage(join(dir.path, "s.json"));
  const first = await acquireLock(storage, holder("a"), { signal });
  const notes: string[] = [];
  const waiting = acquireLock(storage, holder("b"), {
    timeout: 30,
    signal,
    onNote: (text) => {
      notes.push(text);
      void first[Symbol.asyncDispose]();
    },
  });
  await using _ = await waiting;
  expect(notes.length).toBe(1);
  const stop = new AbortController();
  const reason = new Error("stopped");
  const late = acquireLock(storage, holder("c"), {
    timeout: 30,
    signal: stop.signal,
    onNote: () => stop.abort(reason),
  });
  expect(await late.catch((error: unknown) => error)).toBe(reason);
});

test("a lock that is not given back in time is told with the time", async () => {
  await using dir = await directory();
  const storage = fileStorage(join(dir.path, "s.json"));
  await using _ = await acquireLock(storage, holder("a"), { signal });
  const { message } = await failureOf(acquireLock(storage, holder("b"), { signal, timeout: 0.1 }));
  expect(message).toContain("still locked after 0.1 s");
});

test("unlock: only the right id, and nobody who is alive without force", async () => {
  await using dir = await directory();
  const path = join(dir.path, "s.json");
  const storage = fileStorage(path);
  expect((await failureOf(forceUnlock(storage, "x", { signal }))).message).toContain("is not locked");
  await put(`${path}.lock`, holder("far", { host: "another-host" }));
  expect((await failureOf(forceUnlock(storage, "x", { signal }))).hint).toContain("images unlock far");
  expect((await forceUnlock(storage, "far", { signal })).host).toBe("another-host");
  await put(`${path}.lock`, holder("near"));
  expect((await failureOf(forceUnlock(storage, "near", { signal }))).hint).toContain("--force");
  expect(await storage.holder(signal)).toEqual(holder("near"));
  await forceUnlock(storage, "near", { force: true, signal });
  expect(await readdir(dir.path)).toEqual([]);
});
