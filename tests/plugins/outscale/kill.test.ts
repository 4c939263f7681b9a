import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { KEY, ofBytes, Scene } from "./kit.ts";

setDefaultTimeout(600_000);

const BINARY = resolve(process.env["IMAGES_TEST_BINARY"] ?? "dist/images");
const bucketOf = sharedStore(KEY);

/** The real binary, to be killed. */
class Ground implements AsyncDisposable {
  readonly play: Scene;

  private constructor(play: Scene) {
    this.play = play;
  }

  static async open(images: string): Promise<Ground> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} does not exist: bun run build`);
    const play = await Scene.open(bucketOf());
    await play.folder.write("disk.raw", "a disk ".repeat(3000));
    await play.declare(images);
    return new Ground(play);
  }

  start(...args: readonly string[]) {
    const { folder, env } = this.play;
    const { PATH = "" } = process.env;
    const own = { PATH, HOME: folder.path, IMAGES_CACHE: folder.at("cache"), XDG_STATE_HOME: folder.at("scratch") };
    return Bun.spawn([BINARY, ...args], { cwd: folder.path, env: { ...own, ...env }, stdout: "pipe", stderr: "pipe" });
  }

  /** @throws what the program said, when it failed */
  async ok(...args: readonly string[]): Promise<void> {
    const child = this.start(...args);
    const [code, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if (code !== 0) throw new Error(`images ${args.join(" ")}: ${code}\n${stderr}\n${stdout}`);
  }

  /** Kills `images ARGS` while the answer to its next request of an action is held; what was asked for is done, or it is not. */
  async killed(action: string, isDone: boolean, ...args: readonly string[]): Promise<void> {
    const { control, emulator } = this.play;
    const go = Promise.withResolvers<void>();
    emulator.log.clear();
    control.next({ kind: "held", until: go.promise, isDone }, action);
    const child = this.start(...args);
    await Promise.race([emulator.log.until({ operation: action }), child.exited]);
    child.kill("SIGKILL");
    await child.exited;
    go.resolve();
    const told = await new Response(child.stderr).text();
    if (control.plannedFaults > 0) throw new Error(`${action} was never asked for:\n${told}`);
  }

  /** Everything that must hold when apply has run to its end after a kill. */
  async recovers(what: string): Promise<void> {
    await this.ok("apply", "--yes");
    const { images } = JSON.parse(await Bun.file(this.play.folder.at("images.state.json")).text());
    const rows: readonly { status: string; id: string }[] = Object.values(images);
    expect([what, this.play.own().map(({ State }) => State)]).toEqual([what, ["available"]]);
    expect(rows.map(({ id }) => id)).toEqual(this.play.own().map(({ ImageId }) => ImageId));
    expect([what, await this.play.left()]).toEqual([what, []]);
    await this.ok("plan", "--detailed-exitcode");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.play[Symbol.asyncDispose]();
  }
}

const until = async (is: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await is())) await Bun.sleep(5);
};

/** A server of an image that stops in the middle of it until it is let go on. */
function halting(bytes: Uint8Array) {
  const halted = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 120,
    fetch(request) {
      const headers = { "content-length": String(bytes.length), etag: '"one"', "accept-ranges": "bytes" };
      if (request.method === "HEAD") return new Response(null, { headers });
      const [, from = "0"] = /bytes=(\d+)-/.exec(request.headers.get("range") ?? "") ?? [];
      const start = Number(from);
      const body = new ReadableStream({
        async start(to) {
          to.enqueue(bytes.subarray(start, Math.max(start, bytes.length >> 1)));
          halted.resolve();
          await go.promise;
          to.enqueue(bytes.subarray(Math.max(start, bytes.length >> 1)));
          to.close();
        },
      });
      const range = start === 0 ? {} : { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
      return new Response(body, {
        status: start === 0 ? 200 : 206,
        headers: { ...headers, ...range, "content-length": String(bytes.length - start) },
      });
    },
  });
  return { url: `${server.url}disk.raw`, halted: halted.promise, go: go.resolve, stop: () => server.stop(true) };
}

test("killed in the middle of the upload: the unfinished upload is gone after the next apply", async () => {
  const web = halting(randomBytes(16 << 20));
  try {
    await using ground = await Ground.open(`[image.small]\nbackend = "osc"\nsource = { url = "${web.url}" }\n`);
    const { play } = ground;
    const { store, name = "" } = play.bucket ?? {};
    const child = ground.start("apply", "--yes");
    await web.halted;
    await until(async () => ((await store?.unfinished(name)) ?? []).length === 1);
    child.kill("SIGKILL");
    await child.exited;
    expect((await play.left()).length).toBe(1);
    web.go();
    await ground.recovers("in the middle of the upload");
  } finally {
    web.stop();
  }
});

test("killed at each request of a creation, done or not: one image in the end, and nothing left over", async () => {
  await using ground = await Ground.open(ofBytes('description = "words"\ntags = { os = "debian" }'));
  for (const action of ["CreateSnapshot", "ReadSnapshots", "CreateImage", "CreateTags", "UpdateImage"])
    for (const isDone of [true, false]) {
      if (action.startsWith("Read") && !isDone) continue;
      const what = `${action}, ${isDone ? "done" : "not done"}`;
      await ground.killed(action, isDone, "apply", "--yes");
      await ground.recovers(what);
      await ground.ok("destroy", "--yes");
      expect([what, ground.play.own(), await ground.play.left()]).toEqual([what, [], []]);
    }
});

test("killed in the middle of a creation that nobody wants any more: destroy removes what there is of it", async () => {
  await using ground = await Ground.open(ofBytes());
  const { play } = ground;
  for (const action of ["CreateSnapshot", "ReadSnapshots", "CreateImage", "CreateTags"]) {
    await ground.killed(action, true, "apply", "--yes");
    expect([action, (await play.left()).length + play.own().length > 0]).toEqual([action, true]);
    await ground.ok("destroy", "--yes");
    expect([action, play.own(), await play.left()]).toEqual([action, [], []]);
  }
});

test("killed at each request of a replacement or a removal: nothing is lost, doubled or left over", async () => {
  await using ground = await Ground.open(ofBytes());
  await ground.ok("apply", "--yes");
  const { play } = ground;
  for (const action of ["DeleteImage", "DeleteSnapshot", "CreateSnapshot", "CreateImage"])
    for (const isDone of [true, false]) {
      await ground.killed(action, isDone, "apply", "--yes", "--replace", "osc/small");
      await ground.recovers(`replacing, ${action}, ${isDone ? "done" : "not done"}`);
    }
  for (const action of ["DeleteImage", "DeleteSnapshot"])
    for (const isDone of [true, false]) {
      const what = `removing, ${action}, ${isDone ? "done" : "not done"}`;
      await ground.killed(action, isDone, "destroy", "--yes");
      await ground.ok("destroy", "--yes");
      expect([what, play.own(), await play.left()]).toEqual([what, [], []]);
      await ground.recovers(what);
    }
});

test("killed while Outscale works on the image of a VM: the next apply leaves one image and its snapshots", async () => {
  await using ground = await Ground.open("");
  const { play } = ground;
  await play.declare(`[image.small]\nbackend = "osc"\nvm_id = "${play.control.seeded.vm}"\n`);
  for (const settled of [false, true]) {
    play.control.pace("settle");
    play.emulator.log.clear();
    const child = ground.start("apply", "--yes");
    await until(() => play.own().some(({ State }) => State === "pending"));
    const [begun] = play.own();
    const isWaited = () =>
      play.emulator.log
        .of({ operation: "ReadImages" })
        .some(({ body }) => JSON.stringify(body).includes(begun?.ImageId ?? "?"));
    await until(isWaited);
    child.kill("SIGKILL");
    await child.exited;
    play.control.pace({ polls: 1 });
    if (settled) await play.control.settle();
    await ground.recovers(`settled: ${settled}`);
    expect(play.own()[0]?.BlockDeviceMappings.length).toBe(2);
    await ground.ok("destroy", "--yes");
  }
});

const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 60) / 20;

test(`killed at ${KILLS} random instants, made and replaced, apply goes on from there`, async () => {
  await using ground = await Ground.open(ofBytes());
  const { play } = ground;
  let longest = 600;
  for (let i = 0, kills = 0; kills < KILLS && i < KILLS * 5; i++) {
    await play.folder.write("disk.raw", `bytes ${i} `.repeat(1000));
    const child = ground.start("apply", "--yes");
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * longest);
    const code = await child.exited;
    clearTimeout(timer);
    longest *= code === 0 ? 0.9 : 1.05;
    if (code !== 0) kills++;
    await ground.recovers(`random kill ${i}`);
  }
});
