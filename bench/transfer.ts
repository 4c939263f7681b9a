// URL -> sha256 -> PUT on loopback against curl, tee and sha256sum; through a cache and past it; fan-out; a download that is killed and taken up again.
// IMAGES_BENCH_GIB (default 1) for more bytes, IMAGES_BENCH_FOLDER for another place of files and cache (default: memory, where
// there is a file system in it, so that the disk is not what is measured), IMAGES_BENCH_ROUNDS (default 3).
import { existsSync } from "node:fs";
import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { line, sideBySide, took } from "./measure.ts";

const MiB = 1 << 20;
const SIZE = Number(process.env["IMAGES_BENCH_GIB"] ?? 1) * 1024 * MiB;
const ROUNDS = Number(process.env["IMAGES_BENCH_ROUNDS"] ?? 3);
const BASE = process.env["IMAGES_BENCH_FOLDER"] ?? (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
const HERE = join(import.meta.dir, "transfer");

async function serve(path: string, rate = 0) {
  const child = Bun.spawn([process.execPath, join(HERE, "server.ts"), path, String(rate)], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  return {
    url: `http://127.0.0.1:${new TextDecoder().decode(value).trim()}`,
    [Symbol.dispose]: () => child.kill(),
  };
}

async function makeFile(path: string): Promise<string> {
  const piece = crypto.getRandomValues(new Uint8Array(65536));
  const whole = new Uint8Array(MiB);
  for (let at = 0; at < MiB; at += piece.length) whole.set(piece, at);
  const hasher = new Bun.CryptoHasher("sha256");
  await using file = await open(path, "w");
  for (let at = 0; at < SIZE; at += MiB) {
    new DataView(whole.buffer).setFloat64(0, at);
    hasher.update(whole);
    await file.write(whole);
  }
  return `sha256:${hasher.digest("hex")}`;
}

const directory = await mkdtemp(join(BASE, "images-bench-"));
try {
  const path = join(directory, "image");
  const cache = join(directory, "cache");
  const digest = await makeFile(path);
  using source = await serve(path);
  using sink = await serve("");
  const url = `${source.url}/image`;
  const ours = async (...sinks: readonly string[]) => {
    await rm(cache, { recursive: true, force: true });
    const command = [process.execPath, join(HERE, "ours.ts"), url, digest, ...sinks];
    return await took(command, directory, { IMAGES_CACHE: cache });
  };
  /** The same, past the disk. */
  const direct = async () =>
    await took([process.execPath, join(HERE, "ours.ts"), url, digest, sink.url], directory, { IMAGES_CACHE_MAX: "0" });
  const shell = async (script: string) => await took(["bash", "-c", `set -e -o pipefail; ${script}`], directory);
  console.log(`${SIZE / MiB} MiB, in ${BASE}, medians of ${ROUNDS}`);

  const put = `curl -sf -o /dev/null -T - ${sink.url}/image`;
  const piped = () => shell(`curl -sf ${url} | tee >(sha256sum >sum) | ${put}`);
  line(
    "URL to PUT, proven",
    await sideBySide(ROUNDS, () => ours(sink.url), piped),
    "curl | tee >(sha256sum) | curl -T -",
  );
  line("  the same, without a cache", await sideBySide(ROUNDS, direct, piped), "curl | tee >(sha256sum) | curl -T -");
  const legs = {
    "curl URL alone": `curl -sf -o /dev/null ${url}`,
    "sha256sum alone": `sha256sum ${path} >sum`,
    "curl -T alone": `curl -sf -o /dev/null -T ${path} ${sink.url}/image`,
  };
  for (const [name, script] of Object.entries(legs)) {
    line("  without a cache", await sideBySide(ROUNDS, direct, () => shell(script)), name);
  }

  const sinks = await Promise.all([1, 2, 3, 4].map(() => serve("")));
  line(
    "4 sinks at once",
    await sideBySide(
      ROUNDS,
      () => ours(...sinks.map((one) => one.url)),
      () => ours(sink.url),
    ),
    "1 sink",
  );
  for (const one of sinks) one[Symbol.dispose]();
  // Slower than this machine, as the network to a cloud is: a minute for each.
  const pace = Math.ceil(SIZE / MiB / 60);
  const slow = await Promise.all([1, 2, 3, 4].map(() => serve("", pace)));
  const [first] = slow;
  const lines = await sideBySide(
    1,
    () => ours(...slow.map((one) => one.url)),
    () => ours(first?.url ?? ""),
  );
  line(`4 sinks of ${pace} MiB/s each at once`, lines, "1 such sink");
  for (const one of slow) one[Symbol.dispose]();

  await rm(cache, { recursive: true, force: true });
  await resumed(url, digest, cache);
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** Kills a download in the middle, and counts what the second one asks for. */
async function resumed(url: string, digest: string, cache: string): Promise<void> {
  const env = { ...process.env, IMAGES_CACHE: cache };
  const kept = async (): Promise<number> => {
    const names = await readdir(join(cache, "partial")).catch(() => []);
    const name = names.find((one) => /^[0-9a-f]{64}$/.test(one));
    return name === undefined ? 0 : (await stat(join(cache, "partial", name))).size;
  };
  const child = Bun.spawn([process.execPath, join(HERE, "ours.ts"), url, digest], { env });
  while ((await kept()) < SIZE / 2) await Bun.sleep(1);
  child.kill("SIGKILL");
  await child.exited;
  const before = await kept();
  const sent = async (): Promise<number> => Number(await (await fetch(new URL("/sent", url))).text());
  const start = await sent();
  await took([process.execPath, join(HERE, "ours.ts"), url, digest], cache, { IMAGES_CACHE: cache });
  const second = (await sent()) - start;
  console.log(
    `killed after ${before} bytes were stored; the second run was sent ${second}: ${before + second - SIZE} twice`,
  );
}
