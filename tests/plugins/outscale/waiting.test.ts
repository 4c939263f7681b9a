import { expect, setDefaultTimeout, test } from "bun:test";
import { setImmediate as immediate } from "node:timers/promises";
import { type Clock, Failure } from "images";
import { OutscaleWatch } from "../../../src/plugins/outscale/watch.ts";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const never = new AbortController().signal;

/** A clock that is set forward by whoever sleeps. */
class Quick implements Clock {
  time = 1_700_000_000_000;
  now = (): number => this.time;
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await immediate();
    signal?.throwIfAborted();
    this.time += ms;
  };
}

/** A listing of things that are ready after a time, which tells when it was asked for what. */
function listing(clock: Clock, ready: Readonly<Record<string, number>>) {
  const begun = clock.now();
  const looks: { readonly at: number; readonly ids: readonly string[] }[] = [];
  const list = async (ids: readonly string[]): Promise<ReadonlyMap<string, boolean>> => {
    looks.push({ at: clock.now() - begun, ids });
    return new Map(ids.map((id) => [id, clock.now() - begun >= (ready[id] ?? Infinity)]));
  };
  return { looks, list };
}

const isReady = (seen: boolean | undefined): true | undefined => (seen === true ? true : undefined);

test("fifty images are waited for by one listing: at once, after 100 ms, then half as often each time, up to 10 s", async () => {
  const clock = new Quick();
  const ids = Array.from({ length: 50 }, (_, i) => `ami-${i}`);
  const { looks, list } = listing(clock, Object.fromEntries(ids.map((id) => [id, 60_000])));
  const watch = new OutscaleWatch(list, clock);
  await Promise.all(ids.map((id) => watch.until(id, isReady, never)));
  expect(looks.map(({ at }) => at)).toEqual([
    0, 100, 300, 700, 1500, 3100, 6300, 12_700, 22_700, 32_700, 42_700, 52_700, 62_700,
  ]);
  for (const look of looks) expect(look.ids).toEqual(ids);
});

test("who comes later is looked at at once; who is answered or stopped is not asked for again", async () => {
  const clock = new Quick();
  const { looks, list } = listing(clock, { slow: 30_000, quick: 0 });
  const watch = new OutscaleWatch(list, clock);
  const stop = new AbortController();
  const slow = watch.until("slow", isReady, never);
  const stopped = watch.until("never", isReady, stop.signal).catch((reason: unknown) => reason);
  while (looks.length < 8) await immediate();
  stop.abort("stopped");
  expect(await stopped).toBe("stopped");
  const before = clock.now();
  await watch.until("quick", isReady, never);
  expect(clock.now() - before).toBeLessThanOrEqual(10_000);
  await slow;
  expect(looks.filter(({ ids }) => ids.includes("quick")).length).toBe(1);
  expect(looks.at(-1)?.ids).toEqual(["slow"]);
  const asked = looks.length;
  for (let i = 0; i < 20; i++) await immediate();
  expect(looks.length).toBe(asked);
  await watch.until("quick", isReady, never);
});

test("an API that is away for minutes does not end a wait; one that stays away does, and a refusal does at once", async () => {
  const clock = new Quick();
  let away: Failure | undefined = new Failure("backend.busy", "away", { retry: true });
  const begun = clock.now();
  const list = async (): Promise<ReadonlyMap<string, boolean>> => {
    if (away !== undefined) throw away;
    return new Map([["one", true]]);
  };
  const watch = new OutscaleWatch(list, clock);
  const one = watch.until("one", isReady, never);
  while (clock.now() - begun < 500_000) await immediate();
  away = undefined;
  expect(await one).toBe(true);
  away = new Failure("backend.busy", "away", { retry: true });
  const again = clock.now();
  await expect(watch.until("one", isReady, never)).rejects.toThrow("away");
  expect(clock.now() - again).toBeGreaterThan(590_000);
  away = new Failure("backend.denied", "not yours");
  const refused = clock.now();
  await expect(watch.until("one", isReady, never)).rejects.toThrow("not yours");
  expect(clock.now() - refused).toBeLessThan(10_000);
});

test("images of a VM are waited for by listing them by id, together", async () => {
  await using play = await Scene.open(undefined, { pace: "settle" });
  await play.declare(["a00", "b00", "c00"].map((name) => ofVm(play, "", name)).join("\n"));
  const applied = play.apply("--parallelism", "3");
  const looks = { operation: "ReadImages" };
  const asks = () => play.emulator.log.of(looks).map(({ body }) => JSON.stringify(body));
  const all = () => play.own().map(({ ImageId }) => ImageId);
  const isTogether = () => all().length === 3 && asks().some((body) => all().every((id) => body.includes(id)));
  while (!isTogether()) await play.emulator.log.until(looks, asks().length + 1);
  await play.control.settle();
  await applied;
  expect(play.emulator.log.count({ operation: "CreateImage" })).toBe(3);
  await play.settled();
});

test("timeouts.create ends a wait, and what was begun is taken away", async () => {
  await using play = await Scene.open(undefined, { pace: "settle" });
  await play.declare(ofVm(play, '[image.small.timeouts]\ncreate = "2s"'));
  expect(await play.refused("apply", "--yes")).toContain("timed out after 2 s");
  expect(play.own()).toEqual([]);
  expect(await play.left()).toEqual([]);
});

test("a plan is one listing of the account's own images, page by page, however many there are", async () => {
  await using play = await Scene.open(undefined, { pageSize: 1000 });
  await play.declare(["a00", "b00", "c00", "d00", "e00"].map((name) => ofVm(play, "", name)).join("\n"));
  await play.apply();
  play.asked();
  await play.settled();
  expect(play.asked().filter((one) => one.startsWith("ReadImages"))).toEqual(["ReadImages 200"]);
  for (let i = 0; i < 1200; i++) await play.control.addImage(`many ${i}`);
  await play.settled();
  expect(play.asked().filter((one) => one.startsWith("ReadImages"))).toEqual(["ReadImages 200", "ReadImages 200"]);
});
