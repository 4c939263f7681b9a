import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseState, showState } from "../../../src/core/store/document.ts";
import type { StateLock, Storage } from "../../../src/core/store/storage.ts";
import { failureOf, holder, signal } from "./help.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

export interface Place extends AsyncDisposable {
  /** A storage at this place; another call is another process that sees the same. */
  open(): Storage;
}

const text = (serial: number) => `{"version":1,"lineage":"l","serial":${serial},"images":{}}\n`;

async function leased(storage: Storage, id: string): Promise<StateLock> {
  const answer = await storage.lock(holder(id), signal);
  if ("lease" in answer) return answer.lease;
  throw new Error(`held by ${answer.holder.id}`);
}

/** What every storage keeps; `open` makes a fresh, empty place. */
export function storageConformance(name: string, open: () => Promise<Place>): void {
  describe(`${name} is a storage`, () => {
    test("a new place is empty, and reading it leaves nothing behind", async () => {
      await using place = await open();
      const storage = place.open();
      expect(await storage.read(signal)).toEqual({ open: [] });
      expect(await storage.holder(signal)).toBeUndefined();
      expect(await storage.runs(signal)).toEqual([]);
      expect(await storage.readRun("none", signal)).toBeUndefined();
    });

    test("what is written is what is read, by everybody", async () => {
      await using place = await open();
      await using lease = await leased(place.open(), "a");
      const first = await lease.write(text(1), undefined);
      expect((await place.open().read(signal)).document).toEqual({ text: text(1), tag: first });
      const second = await lease.write(text(2), first);
      expect(second).not.toBe(first);
      expect((await place.open().read(signal)).document).toEqual({ text: text(2), tag: second });
    });

    // 64 MiB are the most that the client of an API reads at once.
    test.each(["as this program writes it", "laid out in another way"])(
      "a document of 66 MiB, %s, is read, and replaced by its tag",
      async (layout) => {
        const have = { note: "x".repeat(1 << 20) };
        const row = { backend: "b", plugin: "local", want: {}, protect: false, onRemove: "delete", status: "ready" };
        const rows = Array.from({ length: 66 }, (_, i) => [`b/i${i}`, { ...row, id: `${i}`, have }]);
        const whole = { version: 1, lineage: "l", serial: 2, images: Object.fromEntries(rows) };
        const isOurs = layout.startsWith("as");
        const large = isOurs ? showState(parseState(JSON.stringify(whole), { where: "x" })) : JSON.stringify(whole);
        await using place = await open();
        await using lease = await leased(place.open(), "a");
        const first = await lease.write(large, await lease.write(text(1), undefined));
        const { document } = await place.open().read(signal);
        expect(document?.tag).toBe(first);
        expect([document?.text === undefined, document?.text?.length]).toEqual([
          isOurs,
          isOurs ? undefined : large.length,
        ]);
        if (document?.text === undefined)
          expect(showState(document?.state ?? parseState("", { where: "" }))).toBe(large);
        const second = await lease.write(text(3), document?.tag);
        expect((await place.open().read(signal)).document).toEqual({ text: text(3), tag: second });
      },
    );

    test("a write over another document than the one that was read is refused", async () => {
      await using place = await open();
      await using lease = await leased(place.open(), "a");
      const first = await lease.write(text(1), undefined);
      expect((await failureOf(lease.write(text(2), undefined))).code).toBe("state.conflict");
      expect((await failureOf(lease.write(text(2), "another"))).code).toBe("state.conflict");
      expect((await place.open().read(signal)).document).toEqual({ text: text(1), tag: first });
    });

    test("one holds the lock; others are told who, until it is given back", async () => {
      await using place = await open();
      {
        await using _ = await leased(place.open(), "a");
        expect(await place.open().lock(holder("b"), signal)).toEqual({ holder: holder("a") });
        expect(await place.open().holder(signal)).toEqual(holder("a"));
      }
      expect(await place.open().holder(signal)).toBeUndefined();
      await using _ = await leased(place.open(), "b");
      expect(await place.open().holder(signal)).toEqual(holder("b"));
    });

    test("of many that try at once one gets the lock", async () => {
      await using place = await open();
      const ids = Array.from({ length: 12 }, (_, i) => `id-${i}`);
      const answers = await Promise.all(ids.map((id) => place.open().lock(holder(id), signal)));
      const leases = answers.flatMap((answer) => ("lease" in answer ? [answer.lease] : []));
      expect(leases.length).toBe(1);
      await leases[0]?.[Symbol.asyncDispose]();
    });

    test("a lock is removed by its id only, and whoever lost it writes nothing more", async () => {
      await using place = await open();
      await using lease = await leased(place.open(), "a");
      const tag = await lease.write(text(1), undefined);
      expect(await place.open().unlock("b", signal)).toBe(false);
      expect(await place.open().unlock("a", signal)).toBe(true);
      expect(await place.open().holder(signal)).toBeUndefined();
      await using other = await leased(place.open(), "b");
      expect((await failureOf(lease.write(text(2), tag))).code).toBe("state.lost");
      if (lease.journal !== undefined)
        expect((await failureOf(lease.journal.append("r", "{}\n", true))).code).toBe("state.lost");
      await lease[Symbol.asyncDispose]();
      expect(await place.open().holder(signal)).toEqual(holder("b"));
      await other.write(text(3), tag);
    });

    test("a journal is open until it is finished, and is remembered then", async () => {
      await using place = await open();
      await using lease = await leased(place.open(), "a");
      const { journal } = lease;
      if (journal === undefined) return;
      await journal.append("r1", "one\ntwo\n", false);
      await journal.append("r1", "three\n", true);
      const whole = "one\ntwo\nthree\n";
      expect(await place.open().read(signal)).toEqual({ open: [{ run: "r1", text: whole }] });
      expect(await place.open().runs(signal)).toEqual([{ run: "r1", open: true, first: "one", last: "three" }]);
      await journal.finish("r1");
      expect(await place.open().read(signal)).toEqual({ open: [] });
      expect(await place.open().runs(signal)).toEqual([{ run: "r1", open: false, first: "one", last: "three" }]);
      expect(await place.open().readRun("r1", signal)).toBe(whole);
    });

    test("the journal of a killed run is read, cut and finished by the next one", async () => {
      await using place = await open();
      {
        await using lease = await leased(place.open(), "a");
        await lease.journal?.append("r1", "one\ntorn", true);
        await lease.journal?.append("r1", "\n", true);
      }
      await using lease = await leased(place.open(), "b");
      if (lease.journal === undefined) return;
      await lease.journal.append("r2", "mine\n", true);
      expect((await place.open().read(signal)).open.map(({ run }) => run)).toEqual(["r1", "r2"]);
      await lease.journal.finish("r1", 4);
      expect(await place.open().readRun("r1", signal)).toBe("one\n");
      await lease.journal.append("r2", "more\n", true);
      await lease.journal.finish("r2", 0);
      expect((await place.open().runs(signal)).map(({ run }) => run)).toEqual(["r1"]);
    });

    test("a reader beside a writer sees whole documents only, and none older than one before", async () => {
      await using place = await open();
      await using lease = await leased(place.open(), "a");
      let tag = await lease.write(text(0), undefined);
      let writing = true;
      const seen: number[] = [];
      const reader = (async () => {
        while (writing) seen.push(Number(JSON.parse((await place.open().read(signal)).document?.text ?? "").serial));
      })();
      for (let serial = 1; serial <= 20; serial++) tag = await lease.write(text(serial), tag);
      writing = false;
      await reader;
      expect(seen.length).toBeGreaterThan(0);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    });
  });
}
