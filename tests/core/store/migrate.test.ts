import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { fileStorage } from "../../../src/core/store/file.ts";
import { migrate } from "../../../src/core/store/migrate.ts";
import { openStore } from "../../../src/core/store/state.ts";
import type { StateLock, Storage } from "../../../src/core/store/storage.ts";
import { at, directory, failureOf, holder, row, signal } from "./help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

/** A storage whose writes stop after so many, counted over all of them: the process is killed there. */
function stopping(storage: Storage, left: { writes: number }): Storage {
  return {
    ...storage,
    async lock(me, aborted) {
      const answer = await storage.lock(me, aborted);
      if (!("lease" in answer)) return answer;
      const { lease } = answer;
      const stopped: StateLock = {
        ...(lease.journal === undefined ? {} : { journal: lease.journal }),
        async write(text, expected) {
          if (left.writes-- <= 0) throw new Error("killed");
          return await lease.write(text, expected);
        },
        [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose](),
      };
      return { lease: stopped };
    },
  };
}

const opened = async (storage: Storage) =>
  await openStore({ storage, operation: "plan", write: false, signal }).then(
    ({ state }) => state.images,
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
const move = (from: Storage, to: Storage) => migrate(from, to, holder(crypto.randomUUID()), { signal });

test("a move that is killed after any of its writes: never two places that hold the state, and the same command ends it", async () => {
  for (let writes = 0; writes <= 3; writes++) {
    await using dir = await directory();
    const [from, to] = [fileStorage(join(dir.path, "from.json")), fileStorage(join(dir.path, "to.json"))];
    {
      await using store = await openStore({ storage: from, operation: "apply", write: true, signal });
      await store.put(at("lab", "a"), row("lab", "1"));
    }
    const left = { writes };
    await move(stopping(from, left), stopping(to, left)).catch((error: unknown) => {
      expect(String(error)).toContain("killed");
    });
    const places = [await opened(from), await opened(to)];
    const holding = places.filter((found) => typeof found !== "string" && Object.keys(found).length > 0);
    expect(holding.length).toBeLessThanOrEqual(1);
    // Whichever does not hold it says where it is, or is empty: it is never an older one, and never a fresh start.
    expect(holding.length === 1 || places.every((found) => found === "state.moved")).toBe(true);
    if (writes < 3) await move(from, to);
    expect([await opened(from), Object.keys(await opened(to))]).toEqual(["state.moved", ["lab/a"]]);
    expect((await failureOf(openStore({ storage: from, operation: "apply", write: true, signal }))).hint).toContain(
      to.where,
    );
  }
});

test("a move folds in what a killed run had recorded, and takes no place that is taken", async () => {
  await using dir = await directory();
  const [from, to] = [fileStorage(join(dir.path, "from.json")), fileStorage(join(dir.path, "to.json"))];
  const answer = await from.lock(holder("dead", { pid: 2 ** 22 + 1 }), signal);
  if (!("lease" in answer)) throw new Error("locked");
  const dead = await openStore({
    storage: { ...from, lock: async () => answer },
    operation: "apply",
    write: true,
    signal,
  });
  await dead.put(at("lab", "a"), row("lab", "1"));
  await move(from, to);
  await answer.lease[Symbol.asyncDispose]();
  expect(Object.keys(await opened(to))).toEqual(["lab/a"]);
  const other = fileStorage(join(dir.path, "other.json"));
  {
    await using store = await openStore({ storage: other, operation: "apply", write: true, signal });
    await store.put(at("lab", "b"), row("lab", "2"));
  }
  expect((await failureOf(move(to, other))).message).toContain("already");
  expect((await failureOf(move(other, to))).message).toContain("already");
  expect((await failureOf(move(to, to))).message).toContain("already");
  expect((await failureOf(move(fileStorage(join(dir.path, "none.json")), to))).code).toBe("state.migrate");
});
