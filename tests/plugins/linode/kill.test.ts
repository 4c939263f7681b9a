import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { LinodeOptions } from "../../emulators/linode/start.ts";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

const BINARY = resolve(process.env["IMAGES_TEST_BINARY"] ?? "dist/images");
/** Its first half is more than what is looked at to tell its format. */
const RAW = randomBytes(8 << 20);

/** The real binary, to be killed. */
class Ground implements AsyncDisposable {
  readonly play: Scene;

  private constructor(play: Scene) {
    this.play = play;
  }

  static async open(options: LinodeOptions = {}): Promise<Ground> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} does not exist: bun run build`);
    return new Ground(await Scene.open(options));
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

  /** Everything that must hold when apply has run to its end after a kill. */
  async recovers(count = 1): Promise<void> {
    await this.ok("apply", "--yes");
    const { images } = JSON.parse(await Bun.file(this.play.folder.at("images.state.json")).text());
    const rows: readonly { status: string; id: string }[] = Object.values(images);
    expect(this.play.control.images().map(({ status }) => status)).toEqual(Array(count).fill("available"));
    expect(rows.map(({ id }) => id).sort()).toEqual(
      this.play.control
        .images()
        .map(({ id }) => id)
        .sort(),
    );
    await this.ok("plan", "--detailed-exitcode");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.play[Symbol.asyncDispose]();
  }
}

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
  return { url: `${server.url}disk.img.gz`, halted: halted.promise, go: go.resolve, stop: () => server.stop(true) };
}

const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await Bun.sleep(5);
};

test("killed in the middle of the upload: the next apply makes one image, and no placeholder is left", async () => {
  await using ground = await Ground.open();
  const { play } = ground;
  const web = halting(gzipSync(RAW));
  try {
    await play.declare(`[image.small]\nbackend = "lin"\nsource = { url = "${web.url}" }\nregion = "us-ord"\n`);
    const child = ground.start("apply", "--yes");
    await web.halted;
    await until(() => play.control.images().length === 1);
    await until(() => play.emulator.log.count({ method: "POST" }) === 1);
    child.kill("SIGKILL");
    await child.exited;
    expect(play.control.images()).toMatchObject([{ status: "pending_upload" }]);
    web.go();
    await ground.recovers();
    expect(play.control.received().at(-1)?.raw?.bytes).toBe(RAW.length);
  } finally {
    web.stop();
  }
});

test("killed while Linode works on the image of a disk: the next apply leaves one image", async () => {
  await using ground = await Ground.open({ pace: "settle" });
  const { play } = ground;
  const { id, disks } = play.control.addInstance();
  await play.declare(`[image.small]\nbackend = "lin"\nlinode_id = ${id}\ndisk_id = ${disks[0]}\n`);
  for (const settled of [false, true]) {
    const child = ground.start("apply", "--yes");
    await until(() => play.emulator.log.count({ operation: "get-image" }) > 0);
    child.kill("SIGKILL");
    await child.exited;
    expect(play.control.images()).toMatchObject([{ status: "creating" }]);
    const [made] = play.control.images();
    play.control.pace({ polls: 1 });
    if (settled) play.control.settle();
    await ground.recovers();
    expect(play.control.images()[0]?.id === made?.id).toBe(settled);
    await ground.ok("destroy", "--yes");
    play.control.pace("settle");
    play.emulator.log.clear();
  }
});

const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 60) / 20;

test(`killed at ${KILLS} random instants, made and replaced, apply goes on from there`, async () => {
  await using ground = await Ground.open({ pace: { polls: 2 } });
  const { play } = ground;
  let longest = 600;
  for (let i = 0, kills = 0; kills < KILLS && i < KILLS * 5; i++) {
    await play.folder.write("disk.img.gz", gzipSync(`bytes ${i}`));
    await play.declare(`${upload()}\n${upload().replace("small", "second")}`, "event_poll_ms = 20");
    const child = ground.start("apply", "--yes");
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * longest);
    const code = await child.exited;
    clearTimeout(timer);
    longest *= code === 0 ? 0.9 : 1.05;
    if (code !== 0) kills++;
    await ground.recovers(2);
  }
});
