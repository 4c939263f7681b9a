import { expect, setDefaultTimeout, test } from "bun:test";
import { setImmediate as immediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Clock } from "images";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { Budget } from "../../../src/plugins/linode/budget.ts";
import { LinodeClient } from "../../../src/plugins/linode/client.ts";
import { explain } from "../../../src/plugins/linode/explain.ts";
import { LinodeWatch } from "../../../src/plugins/linode/watch.ts";
import { startLinode } from "../../emulators/linode/start.ts";
import { Scene, TOKEN, upload } from "./kit.ts";

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

test("at most twenty listings begin in any minute, and the first twenty do not wait", async () => {
  const clock = new Quick();
  const budget = new Budget(clock);
  const begun: number[] = [];
  for (let i = 0; i < 65; i++) {
    await budget.take(never);
    begun.push(clock.now());
  }
  expect(begun[19]).toBe(begun[0] ?? 0);
  const most = begun.map((from) => begun.filter((at) => at >= from && at < from + 60_000).length);
  expect(Math.max(...most)).toBe(20);
});

test("fifty images that are waited for cost one listing a look, and the server's limit is kept", async () => {
  const clock = new Quick();
  await using emulator = await startLinode({ isLimiting: true, now: clock.now, pace: { ms: 150_000 } });
  const headers = { authorization: "Bearer any" };
  const means = { signal: never, redact: (text: string) => text, maskSecret: () => {}, env: {}, clock };
  await using http = createHttpClient({ url: `${emulator.url}/v4`, headers, explain }, means);
  const client = new LinodeClient(http, new Budget(clock));
  const watch = new LinodeWatch(client, 4000, clock);
  const ids: string[] = [];
  for (let i = 0; i < 50; i++) {
    const begun = await client.upload({ label: `image ${i}`, region: "us-ord" }, never);
    await fetch(begun?.upload_to ?? "", {
      method: "PUT",
      body: gzipSync("x"),
      headers: { "content-type": "application/octet-stream" },
    });
    ids.push(begun?.image.id ?? "");
  }
  emulator.log.clear();
  const began = clock.now();
  const made = await Promise.all(
    ids.map((id) => watch.until(id, (image) => (image.status === "available" ? image.id : undefined), never)),
  );
  expect(made).toEqual(ids);
  const minutes = (clock.now() - began) / 60_000;
  expect(minutes).toBeGreaterThanOrEqual(2.5);
  const listings = emulator.log.count({ operation: "get-images" });
  expect(listings).toBeLessThanOrEqual(Math.ceil(minutes) * 20);
  expect(emulator.log.count({ operation: "get-image" })).toBe(0);
  expect(emulator.log.count({ status: 429 })).toBe(0);
});

test("a wait ends with its signal; the others go on", async () => {
  const clock = new Quick();
  await using emulator = await startLinode({ now: clock.now, pace: "settle" });
  const means = { signal: never, redact: (text: string) => text, maskSecret: () => {}, env: {}, clock };
  await using http = createHttpClient({ url: `${emulator.url}/v4`, headers: { authorization: "Bearer any" } }, means);
  const client = new LinodeClient(http, new Budget(clock));
  const watch = new LinodeWatch(client, 4000, clock);
  const [one, two] = [
    emulator.control.addImage({ status: "creating" }),
    emulator.control.addImage({ status: "creating" }),
  ];
  const stop = new AbortController();
  const ready = (id: string, signal: AbortSignal) =>
    watch.until(id, (image) => (image.status === "available" ? image.id : undefined), signal);
  const first = ready(one.id, stop.signal).catch((reason: unknown) => reason);
  const second = ready(two.id, never);
  await emulator.log.until({ operation: "get-images" }, 2);
  stop.abort("stopped");
  expect(await first).toBe("stopped");
  emulator.control.changeImage(two.id, { status: "available" });
  expect(await second).toBe(two.id);
  const asked = emulator.log.count();
  for (let i = 0; i < 20; i++) await immediate();
  expect(emulator.log.count()).toBe(asked);
  // And it begins again for who comes later.
  expect(await ready(two.id, never)).toBe(two.id);
});

test("an API that is away for minutes does not end a wait; one that stays away does", async () => {
  const clock = new Quick();
  await using emulator = await startLinode({ now: clock.now, pace: { polls: 1 } });
  const means = {
    signal: never,
    redact: (text: string) => text,
    maskSecret: () => {},
    env: {},
    clock,
    random: () => 1,
  };
  await using http = createHttpClient({ url: `${emulator.url}/v4`, headers: { authorization: "Bearer any" } }, means);
  const watch = new LinodeWatch(new LinodeClient(http, new Budget(clock)), 4000, clock);
  const { id } = emulator.control.addImage();
  const ready = () => watch.until(id, (image) => image.id, never);
  emulator.control.next({ kind: "bad-gateway" }, { times: 30 });
  expect(await ready()).toBe(id);
  expect(emulator.control.plannedFaults).toBe(0);
  emulator.control.next({ kind: "bad-gateway" }, { times: 9999 });
  const began = clock.now();
  expect(await ready().catch((thrown: unknown) => thrown)).toHaveProperty("code", "backend.failed");
  expect(clock.now() - began).toBeGreaterThan(600_000);
  emulator.control.clearFaults();
});

test("a plan is one listing, or one look at each of a few images", async () => {
  await using play = await Scene.open();
  await play.directory.write("disk.img.gz", gzipSync("a disk"));
  const images = (count: number) =>
    Array.from({ length: count }, (_, i) => upload().replace("small", `small${i}`)).join("\n");
  await play.declare(images(5));
  await play.apply();
  play.asked();
  await play.settled();
  expect(play.asked()).toEqual(["GET /images 200"]);
  for (let i = 0; i < 600; i++) play.control.addImage({ label: `many ${i}` });
  await play.settled();
  expect(play.asked()).toEqual(["GET /images 200", "GET /images 200"]);
});

test("a dozen images are made side by side within the server's limit", async () => {
  await using play = await Scene.open({ isLimiting: true });
  await play.directory.write("disk.img.gz", gzipSync("a disk"));
  const images = Array.from({ length: 12 }, (_, i) => upload().replace("small", `small${i}`)).join("\n");
  await play.declare(images, "event_poll_ms = 1500");
  await play.apply("--parallelism", "12");
  expect(play.control.images().map(({ status }) => status)).toEqual(Array(12).fill("available"));
  expect(play.asked().filter((one) => one.endsWith(" 429"))).toEqual([]);
  const said = await play.ok("info", "lin", "--json");
  expect(said.stdout + said.stderr).not.toContain(TOKEN);
});
