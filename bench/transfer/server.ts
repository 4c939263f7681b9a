// A server of its own process: gives PATH at every GET (parts too), swallows every PUT. RATE: MiB a second that each PUT may bring.
import { openSync, readSync, statSync } from "node:fs";

const MiB = 1 << 20;
const [path = "", rate = "0"] = process.argv.slice(2);
const pace = Number(rate) * MiB;
const size = path === "" ? 0 : statSync(path).size;
const file = path === "" ? 0 : openSync(path, "r");
let sent = 0;

function body(from: number): ReadableStream {
  let at = from;
  const piece = new Uint8Array(MiB);
  return new ReadableStream({
    type: "direct",
    async pull(out) {
      while (at < size) {
        const read = readSync(file, piece, 0, Math.min(MiB, size - at), at);
        at += read;
        sent += read;
        out.write(piece.subarray(0, read));
        await out.flush();
      }
      out.close();
    },
  });
}

async function swallow(request: Request): Promise<Response> {
  const hasher = new Bun.CryptoHasher("md5");
  let got = 0;
  const began = performance.now();
  for await (const piece of request.body ?? []) {
    got += piece.byteLength;
    if (got < 4096) hasher.update(piece);
    const ahead = pace === 0 ? 0 : (got / pace) * 1000 - (performance.now() - began);
    if (ahead > 5) await Bun.sleep(ahead);
  }
  return Response.json({ got });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  maxRequestBodySize: Number.POSITIVE_INFINITY,
  async fetch(request) {
    if (request.method === "PUT") return await swallow(request);
    if (new URL(request.url).pathname === "/sent") return Response.json(sent);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    const headers = { etag: '"1"', "content-length": String(size - from) };
    if (request.method === "HEAD") return new Response(null, { headers });
    const part = { "content-range": `bytes ${from}-${size - 1}/${size}` };
    return from === 0
      ? new Response(body(0), { headers })
      : new Response(body(from), { status: 206, headers: { ...headers, ...part } });
  },
});
console.log(server.port);
