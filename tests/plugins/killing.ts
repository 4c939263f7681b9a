import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { BRIEF, type TestDirectory } from "../harness.ts";

// The real binary, to be killed. What must hold afterwards is asked of the program in this process: the same code, without the time to start.

const BINARY = resolve(process.env["IMAGES_TEST_BINARY"] ?? "dist/images");
/** Random instants at which a plugin's apply is killed. For a long run: IMAGES_TEST_KILLS=200. */
export const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 40) / 20;

/** A directory with an images.toml, and the variables that it needs. */
interface Scene {
  readonly directory: TestDirectory;
  readonly env: Readonly<Record<string, string>>;
}

export function start({ directory, env }: Scene, ...args: readonly string[]) {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} does not exist: bun run build`);
  const { PATH = "" } = process.env;
  const own = {
    PATH,
    HOME: directory.path,
    IMAGES_CACHE: directory.at("cache"),
    XDG_STATE_HOME: directory.at("scratch"),
  };
  return Bun.spawn([BINARY, ...args], {
    cwd: directory.path,
    env: { ...BRIEF, ...own, ...env },
    stdout: "ignore",
    stderr: "pipe",
  });
}

/** The ids of the images in the state. */
export async function recordedIds({ directory }: Scene): Promise<string[]> {
  const { images } = JSON.parse(await Bun.file(directory.at("images.state.json")).text());
  const rows: readonly { readonly id: string }[] = Object.values(images);
  return rows.map(({ id }) => id);
}

export const until = async (is: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await is())) await Bun.sleep(5);
};

/** A server of an image that stops in the middle of it until it is let go on. */
export function halting(bytes: Uint8Array, name: string) {
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
  return { url: `${server.url}${name}`, halted: halted.promise, go: go.resolve, stop: () => server.stop(true) };
}

/** Kills apply at random instants; `turn` comes before each, `recovers` after it. The instants follow the speed of the machine. */
export async function killedAtRandom(
  scene: Scene,
  turn: (run: number) => Promise<void>,
  recovers: (run: number) => Promise<void>,
): Promise<void> {
  let longest = 600;
  for (let i = 0, kills = 0; kills < KILLS && i < KILLS * 5; i++) {
    await turn(i);
    const child = start(scene, "apply", "--yes");
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * longest);
    const code = await child.exited;
    clearTimeout(timer);
    longest *= code === 0 ? 0.9 : 1.05;
    if (code !== 0) kills++;
    await recovers(i);
  }
}
