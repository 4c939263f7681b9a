import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { imageId } from "../../../src/core/model/name.ts";
import { showState } from "../../../src/core/store/document.ts";
import { encode } from "../../../src/core/store/journal.ts";
import { acquireLock } from "../../../src/core/store/lock.ts";
import { runs } from "../../../src/core/store/runs.ts";
import { holderOf, openStore } from "../../../src/core/store/state.ts";
import { KEPT_RUNS, KEPT_VERSIONS } from "../../../src/core/store/storage.ts";
import { BRIEF } from "../../harness.ts";
import { builtChild } from "./children/built.ts";
import { storageConformance } from "./conformance.ts";
import { flaky } from "./flaky.ts";
import { at, failureOf, holder, row, signal } from "./help.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { openAt } from "./openat.ts";

// For a machine that does much else.
setDefaultTimeout(600_000);

/** Kills for each kind of state, at least two, so that one document replaces another; IMAGES_TEST_KILLS is for all of them together. */
const KILLS = Math.max(2, Math.ceil(Number(process.env["IMAGES_TEST_KILLS"] ?? 40) / KINDS.length));
/** moto has the code of versitygw asked once more, and takes three times as long. */
const isSlow = (kind: Kind): boolean => kind.name === "S3 of moto";
const killsOf = (kind: Kind): number => (isSlow(kind) ? Math.ceil(KILLS / 3) : KILLS);
/** Runs before those that a test does itself. */
const firstRuns = Array.from({ length: KEPT_RUNS - 4 }, (_, i) => holderOf(`first ${i}`, new Date()));
const NAMES = ["a", "b", "c", "d"];
let program: Awaited<ReturnType<typeof builtChild>>;
beforeAll(async () => {
  program = await builtChild("team.ts");
});
afterAll(async () => await program[Symbol.asyncDispose]());

const child = (...args: readonly string[]) =>
  Bun.spawn([process.execPath, program.path, ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, ...BRIEF },
  });

/** Lines of a child as they come. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

/** A storage that is closed with the test. */
function using(place: string) {
  const { storage, close } = openAt(place);
  return { storage, [Symbol.asyncDispose]: close };
}

async function reading(place: string) {
  await using at = using(place);
  await using store = await openStore({ storage: at.storage, operation: "plan", write: false, signal });
  return store.state;
}

/** Lets a child put rows and kills it after so many acknowledgements and a little more; answers the last one of each name. */
async function killedAfter(place: string, first: number, acknowledged: number, ms: number) {
  const process = child("put", place, `${first}`);
  const last = new Map<string, number>();
  let count = 0;
  for await (const line of linesOf(process.stdout)) {
    last.set(line.slice(0, 1), Number(line.slice(2)));
    // Whatever instant this is: nothing here depends on how long it takes.
    if (count++ === acknowledged) setTimeout(() => process.kill("SIGKILL"), ms);
  }
  await process.exited;
  return last;
}

async function kills(kind: Kind): Promise<void> {
  const place = await kind.place();
  const last = new Map<string, number>();
  let serial = 0;
  let lineage: string | undefined;
  for (let kill = 0; kill < killsOf(kind); kill++) {
    const said = await killedAfter(place, kill * 1_000_000, Math.floor(Math.random() * 60), Math.random() * 6);
    for (const [name, id] of said) last.set(name, id);
    const state = await reading(place);
    await using here = using(place);
    // Every other time the next child is the one that finds what was left. GitLab does not tell enough of a holder for that.
    if (kill % 2 === 0 || kind.name === "HTTP as gitlab") {
      const dead = await here.storage.holder(signal);
      if (kind.name === "HTTP as gitlab" && dead !== undefined) await here.storage.unlock(dead.id, signal);
      await using store = await openStore({ storage: here.storage, operation: "apply", write: true, signal });
      // What was on its way to a server when its sender was killed may arrive after the look: it is newer then.
      if (kind.port(place) === undefined) expect(store.state).toEqual(state);
      for (const name of NAMES)
        expect(Number(store.recorded(at("lab", name))?.id ?? -1)).toBeGreaterThanOrEqual(
          Number(state.images[at("lab", name)]?.id ?? -1),
        );
    }
    for (const name of NAMES) {
      const id = Number(state.images[at("lab", name)]?.id ?? -1);
      // What was not acknowledged may be there as well: only never anything older.
      expect(id).toBeGreaterThanOrEqual(last.get(name) ?? -1);
      last.set(name, id);
    }
    expect(state.serial).toBeGreaterThanOrEqual(serial);
    expect(state.lineage).toBe(lineage ?? state.lineage);
    ({ serial, lineage } = state);
  }
  await using here = using(place);
  {
    await using _ = await openStore({ storage: here.storage, operation: "apply", write: true, signal });
  }
  expect((await here.storage.read(signal)).open).toEqual([]);
  expect(await here.storage.holder(signal)).toBeUndefined();
  if (kind.port(place) === undefined)
    expect((await readdir(dirname(place))).sort()).toEqual([".images", "s.json", "s.json.backup"]);
}

async function lostAnswers(kind: Kind): Promise<void> {
  const place = await kind.place();
  const port = kind.port(place);
  if (port === undefined) return;
  await using way = await flaky(port);
  const acknowledged = new Map<string, number>();
  let next = 0;
  for (let round = 0; round < (isSlow(kind) ? 5 : 8); round++) {
    way.loses(0.08);
    await using here = using(kind.by(place, way.port));
    try {
      await using store = await openStore({ storage: here.storage, operation: "apply", write: true, signal });
      await Promise.all(
        NAMES.map(async (name) => {
          for (let i = 0; i < 8; i++) {
            const id = next++;
            await store.put(at("lab", name), row("lab", `${id}`));
            acknowledged.set(name, id);
          }
        }),
      );
      way.loses(0.02);
    } catch (error) {
      // One that could not go on says so; what it had acknowledged holds all the same.
      if (!(error instanceof Failure) || !/^state\.(remote|locked|conflict|lock)$/.test(error.code)) throw error;
      await using direct = using(place);
      const left = await direct.storage.holder(signal);
      if (left !== undefined) await direct.storage.unlock(left.id, signal);
    }
    const { images } = await reading(place);
    for (const [name, id] of acknowledged) {
      const found = Number(images[at("lab", name)]?.id ?? -1);
      expect(found).toBeGreaterThanOrEqual(id);
      acknowledged.set(name, found);
    }
  }
  expect(way.lost()).toBeGreaterThan(0);
  expect([...acknowledged.keys()].sort()).toEqual(NAMES);
}

for (const kind of KINDS) {
  describe.skipIf(!kind.is)(`a team on ${kind.name}`, () => {
    beforeAll(async () => await kind.start());
    afterAll(async () => await kind.stop());

    // GitLab does not tell all of a holder: http.test.ts asks what it tells.
    if (kind.name !== "HTTP as gitlab")
      storageConformance(kind.name, async () => {
        const place = await kind.place();
        const stack = new AsyncDisposableStack();
        return {
          open: () => stack.use(using(place)).storage,
          [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
        };
      });

    test("runs that come at once go one after another, and none undoes what another did", async () => {
      const place = await kind.place();
      const each = isSlow(kind) ? 3 : 4;
      const children = Array.from({ length: 4 }, () => child("count", place, `${each}`));
      expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0, 0]);
      expect((await reading(place)).images[at("lab", "counter")]?.id).toBe(imageId(`${4 * each}`));
    });

    test("a run that was stopped while another took its lock writes nothing more", async () => {
      const place = await kind.place();
      const held = child("hold", place);
      const lines = linesOf(held.stdout);
      const said = async () => (await lines.next()).value;
      const run = await said();
      const go = async () => {
        held.stdin.write("\n");
        await held.stdin.flush();
      };
      await go();
      expect(await said()).toBe("put 1");
      held.kill("SIGSTOP");
      await using here = using(place);
      const { code, hint } = await failureOf(acquireLock(here.storage, holder("next"), { signal }));
      expect([code, hint]).toEqual(["state.locked", expect.stringContaining(`images unlock ${run}`)]);
      expect(await here.storage.unlock(run ?? "", signal)).toBe(true);
      {
        await using store = await openStore({ storage: here.storage, operation: "apply", write: true, signal });
        expect(store.recorded(at("lab", "held"))?.id).toBe(imageId("1"));
        await store.put(at("lab", "held"), row("lab", "of the next"));
        held.kill("SIGCONT");
        await go();
        expect(await said()).toBe("state.lost");
        await store.put(at("lab", "more"), row("lab", "1"));
      }
      held.kill("SIGKILL");
      await held.exited;
      const { images } = await reading(place);
      expect([images[at("lab", "held")]?.id, images[at("lab", "more")]?.id].map(String)).toEqual(["of the next", "1"]);
    });

    test("an answer that was lost is no write that was lost, and none that is done twice", async () => {
      await lostAnswers(kind);
    });

    test("a journal that belongs to another state, or to an older one, is left out and said", async () => {
      if (!kind.journals) return;
      for (const [lineage, serial, why] of [
        ["another", 1, "it belongs to another state"],
        ["same", 7, "the state has changed since"],
      ] as const) {
        const place = await kind.place();
        await using dead = using(place);
        const answer = await dead.storage.lock(holder("dead", { pid: 2 ** 22 + 1 }), signal);
        if (!("lease" in answer)) throw new Error("locked");
        const begin = { run: "dead", version: 1, lineage: "same", serial: 1, operation: "apply", user: "u", host: "h" };
        const put = { "lab/a": row("lab", "stale") };
        await answer.lease.journal?.append("dead", encode(1, "", { begin }) + encode(2, "", { put }), true);
        await using here = using(place);
        {
          await using lease = await acquireLock(here.storage, holder("next"), { signal });
          await lease.write(showState({ version: 1, lineage, serial, images: {} }), undefined);
        }
        const notes: string[] = [];
        const onNote = (text: string) => notes.push(text);
        await using store = await openStore({ storage: here.storage, operation: "apply", write: true, signal, onNote });
        expect([store.state.images, notes]).toEqual([{}, [expect.stringContaining(why)]]);
        await answer.lease[Symbol.asyncDispose]();
      }
    });

    test("former documents are kept, and the oldest of them go", async () => {
      const place = await kind.place();
      await using here = using(place);
      const text = (serial: number) => `{"version":1,"lineage":"l","serial":${serial},"images":{}}\n`;
      // What a run began with is the former document of a server without journals: each takes a run of its own there.
      const first = kind.journals ? KEPT_VERSIONS : 0;
      {
        await using lease = await acquireLock(here.storage, holder("run-0"), { signal });
        let tag: string | undefined;
        for (let serial = 1; serial <= first; serial++) tag = await lease.write(text(serial), tag);
      }
      for (let serial = first + 1; serial <= KEPT_VERSIONS + 3; serial++) {
        await using lease = await acquireLock(here.storage, holder(`run-${serial}`), { signal });
        await lease.write(text(serial), (await here.storage.read(signal)).document?.tag);
      }
      const kept = (await here.storage.versions(signal)) ?? [];
      const texts = await Promise.all(kept.map(({ id }) => here.storage.readVersion(id, signal)));
      const serials = Array.from({ length: KEPT_VERSIONS }, (_, i) => i + 3);
      expect(texts).toEqual(serials.map(text));
      expect(kept.map(({ at }) => Number.isNaN(Date.parse(at)))).toEqual(serials.map(() => false));
      expect(await here.storage.readVersion("../other", signal)).toBeUndefined();
    });

    if (!isSlow(kind))
      test("the last runs are remembered, and the oldest of them go", async () => {
        const place = await kind.place();
        await using here = using(place);
        const done: string[] = [];
        // Of a run that ended, its journal is what is remembered. In a bucket one lock does for many of them.
        if (kind.name.startsWith("S3")) {
          await using lease = await acquireLock(here.storage, holder("first"), { signal });
          for (const { id, operation, user, host } of firstRuns) {
            const begin = { run: id, version: 1, lineage: "", serial: 0, operation, user, host };
            await lease.journal?.append(id, encode(1, "", { begin }), true);
            await lease.journal?.finish(id);
            done.push(id);
          }
        }
        for (let i = done.length; i < KEPT_RUNS + 2; i++) {
          await using store = await openStore({ storage: here.storage, operation: `run ${i}`, write: true, signal });
          await store.put(at("lab", "a"), row("lab", `${i}`));
          done.push(store.run);
        }
        expect((await runs(here.storage, signal)).map(({ id }) => id)).toEqual(done.toReversed().slice(0, KEPT_RUNS));
      });

    test(`${killsOf(kind)} kills: nothing that was acknowledged is lost, nothing needs a person, nothing is left over`, async () => {
      await kills(kind);
    });
  });
}
