import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { listed, TestDirectory } from "../harness.ts";

const BINARY = resolve("dist/images");

/** A server whose image begins, and goes on only when it is let. */
function slowServer() {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) =>
      new Response(
        request.method === "HEAD"
          ? undefined
          : new ReadableStream({
              async pull(controller) {
                controller.enqueue(new Uint8Array(1024));
                begun.resolve();
                await gate.promise;
                controller.enqueue(new Uint8Array(1024));
                controller.close();
              },
            }),
        { headers: { "content-length": "2048", etag: '"one"' } },
      ),
  });
  return {
    url: `http://127.0.0.1:${server.port}/x.img`,
    begun: begun.promise,
    open: gate.resolve,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function start(directory: TestDirectory, ...args: readonly string[]) {
  const { PATH = "" } = process.env;
  return Bun.spawn([BINARY, ...args], {
    cwd: directory.path,
    env: { PATH, HOME: directory.path, IMAGES_CACHE: directory.at("cache") },
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** What a process says, as it says it. */
class Heard {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** @throws everything that was said, when it ended without this */
  async until(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      const { done, value } = await this.#pieces.next();
      if (done === true) throw new Error(`${JSON.stringify(text)} was not said, but: ${this.#text}`);
      this.#text += new TextDecoder().decode(value);
    }
  }
}

async function scene(url: string): Promise<TestDirectory> {
  const directory = await TestDirectory.make({ "b.img": "at once" });
  await directory.write(
    "images.toml",
    `[backend.store]\nplugin = "local"\npath = "./store"\n[image.slow]\nsource = "${url}"\n[image.quick]\nsource = "./b.img"\n`,
  );
  return directory;
}

async function settled(directory: TestDirectory): Promise<void> {
  const apply = start(directory, "apply", "--yes");
  expect([await apply.exited, await new Response(apply.stderr).text()]).toEqual([0, expect.any(String)]);
  const plan = start(directory, "plan", "--detailed-exitcode");
  expect(await plan.exited).toBe(0);
  expect((await listed(directory.at("store", "images"))).length).toBe(2);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} once takes back what is being made, keeps what is done, says so and ends with 130`, async () => {
    await using server = slowServer();
    await using directory = await scene(server.url);
    const child = start(directory, "apply", "--yes");
    const stderr = new Heard(child.stderr);
    await Promise.all([server.begun, stderr.until("store/quick: Creation complete")]);
    child.kill(signal);
    expect(await child.exited).toBe(130);
    await stderr.until("interrupted");
    expect((await listed(directory.at("store", "images"))).map((name) => name.split("@")[0])).toEqual(["quick"]);
    const state = await Bun.file(directory.at("images.state.json")).json();
    expect(Object.keys(state.images)).toEqual(["store/quick"]);
    server.open();
    await settled(directory);
  }, 300_000);
}

test("Ctrl-C twice stops at once, and the next apply goes on from there", async () => {
  await using server = slowServer();
  await using directory = await scene(server.url);
  const child = start(directory, "apply", "--yes");
  await server.begun;
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  server.open();
  await settled(directory);
}, 300_000);
