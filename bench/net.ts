// How fast and in how much memory a body goes through the door: 1 GiB to a sink on loopback that is a process of its own.
// IMAGES_BENCH_GIB=4 for more.
import { createHttpClient } from "../src/core/net/http.ts";

const MiB = 1024 * 1024;
const SIZE = Number(process.env["IMAGES_BENCH_GIB"] ?? 1) * 1024 * MiB;

const SINK = `
  const tls = process.env.CERT === undefined ? {} : { tls: { cert: process.env.CERT, key: process.env.KEY } };
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, maxRequestBodySize: Infinity, ...tls, async fetch(request) {
    if (request.method === "GET") {
      const piece = new Uint8Array(1024 * 1024);
      let left = Number(new URL(request.url).searchParams.get("size"));
      return new Response(new ReadableStream({ type: "direct", async pull(out) {
        for (; left > 0; left -= piece.byteLength) { out.write(piece); await out.flush(); }
        out.close();
      } }));
    }
    let size = 0;
    for await (const piece of request.body) size += piece.byteLength;
    return Response.json(size);
  } });
  console.log(server.port);
`;

async function sink(env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, "-e", SINK], { stdout: "pipe", env: { ...process.env, ...env } });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = new TextDecoder().decode(value).trim();
  return { port, [Symbol.dispose]: () => child.kill() };
}

async function* body() {
  for (let left = SIZE; left > 0; left -= MiB) yield new Uint8Array(MiB);
}

/** Runs it, and says how long it took, and how much of the processor's time and of memory it had in this process. */
async function measured(name: string, work: () => Promise<number>): Promise<void> {
  Bun.gc(true);
  let most = process.memoryUsage.rss();
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const size = await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - begin) / 1000;
  clearInterval(timer);
  if (size !== SIZE) throw new Error(`${size} bytes instead of ${SIZE}`);
  const speed = `${(SIZE / MiB / seconds).toFixed(0).padStart(6)} MiB/s`;
  const busy = `${((user + system) / 1e6 / (SIZE / 1024 / MiB)).toFixed(2).padStart(6)} s CPU per GiB`;
  console.log(`${name.padEnd(28)} ${speed} ${busy} ${(most / MiB).toFixed(0).padStart(5)} MiB RSS`);
}

const signal = new AbortController().signal;
const means = { env: {}, redact: (text: string) => text, maskSecret: () => undefined };
const counted = async (pieces: AsyncIterable<Uint8Array>): Promise<number> => {
  let size = 0;
  for await (const piece of pieces) size += piece.byteLength;
  return size;
};

const pem = (name: string) => Bun.file(new URL(`../tests/fixtures/tls/${name}`, import.meta.url)).text();
const tls = { ca: await pem("ca.crt") };
const certificate = { CERT: await pem("server.crt"), KEY: await pem("server.key") };

using plain = await sink();
using secure = await sink(certificate);
await measured("nothing but the loop", () => counted(body()));
for (const [scheme, { port }] of [
  ["http", plain],
  ["https", secure],
] as const) {
  const url = `${scheme}://127.0.0.1:${port}`;
  await using http = createHttpClient({ url, tls }, means);
  await measured(`${scheme} PUT, length known`, async () =>
    Number(await http.json("PUT", "", { signal, body: { open: body, size: SIZE } })),
  );
  await measured(`${scheme} PUT, chunked`, async () =>
    Number(await http.json("PUT", "", { signal, body: { open: body } })),
  );
  await measured(`${scheme} GET`, async () => counted((await http.send("GET", `?size=${SIZE}`, { signal })).stream()));
  await measured(`${scheme} PUT, Bun's own fetch`, async () => {
    const init = { method: "PUT", body: body(), ...(scheme === "https" ? { tls } : {}) };
    return Number(await (await fetch(url, init)).json());
  });
  if (Bun.which("curl") !== null)
    await measured(`${scheme} PUT, curl`, async () => {
      const command = `head -c ${SIZE} /dev/zero | curl --silent --insecure --http1.1 -T - ${url}`;
      return Number(await Bun.spawn(["sh", "-c", command], { stdout: "pipe" }).stdout.text());
    });
}
