import { createServer, type Server, type Socket } from "node:net";

/** One request as it came. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the server does with one request. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Bytes of the body after which the connection is cut. */
  readonly cut?: number;
  /** Bytes of the body after which nothing comes any more, while the connection stays. */
  readonly stall?: number;
  /** Bytes of the body that go out at once, then as many every so often, milliseconds apart. */
  readonly drip?: { readonly bytes: number; readonly ms: number };
  /** Bytes of the header after which nothing comes any more. */
  readonly stallHeader?: number;
  /** The connection is closed without an answer. */
  readonly hangUp?: boolean;
  /** No length is told: the body ends with the connection, or in chunks. */
  readonly length?: "none" | "chunked";
}

export interface Hostile extends AsyncDisposable {
  readonly url: string;
  readonly log: Asked[];
  /** Bytes of bodies that went out. */
  readonly sent: () => number;
  readonly gets: () => readonly Asked[];
}

/** A server on a raw socket that answers as it is told, whatever HTTP says of it. */
export async function hostile(answer: (asked: Asked, turn: number) => Reply): Promise<Hostile> {
  const log: Asked[] = [];
  const sockets = new Set<Socket>();
  let sent = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const asked = parse(text.slice(0, end));
        text = text.slice(end + 4);
        log.push(asked);
        void reply(socket, asked, answer(asked, log.length - 1), (bytes) => {
          sent += bytes;
        });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const found = server.address();
  const port = typeof found === "object" && found !== null ? found.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    log,
    sent: () => sent,
    gets: () => log.filter(({ method }) => method === "GET"),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The file as a decent server gives it: whole, or the part that is asked for if the version is the one that is named. */
export function file(asked: Asked, bytes: Uint8Array, etag: string | undefined = '"v1"'): Reply {
  const version = etag === undefined ? {} : { etag };
  const { range, "if-range": condition } = asked.headers;
  const from = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
  if (from === null || (condition !== undefined && condition !== etag))
    return { headers: { ...version, "accept-ranges": "bytes" }, body: bytes };
  const first = Number(from[1]);
  if (first >= bytes.length)
    return { status: 416, headers: { "content-range": `bytes */${bytes.length}` }, body: new Uint8Array(0) };
  const last = from[2] === "" ? bytes.length - 1 : Math.min(Number(from[2]), bytes.length - 1);
  const headers = { ...version, "content-range": `bytes ${first}-${last}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(first, last + 1) };
}

function parse(head: string): Asked {
  const [line = "", ...rest] = head.split("\r\n");
  const [method = "", path = ""] = line.split(" ");
  const headers = Object.fromEntries(
    rest.map((one) => [one.slice(0, one.indexOf(":")).toLowerCase(), one.slice(one.indexOf(":") + 1).trim()]),
  );
  return { method, path, headers };
}

async function reply(socket: Socket, { method }: Asked, what: Reply, count: (bytes: number) => void): Promise<void> {
  if (what.hangUp === true) return void socket.destroy();
  const { status = 200, body = new Uint8Array(0), length } = what;
  const told: Record<string, string> = { ...what.headers };
  if (length === "chunked") told["transfer-encoding"] = "chunked";
  else if (length === "none") told["connection"] = "close";
  else told["content-length"] ??= String(body.length);
  const head = `HTTP/1.1 ${status} x\r\n${Object.entries(told)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
  if (what.stallHeader !== undefined) return void socket.write(head.slice(0, what.stallHeader));
  socket.write(head);
  if (method === "HEAD") return;
  const stop = what.cut ?? what.stall;
  const given = body.subarray(0, stop);
  count(given.length);
  if (what.drip !== undefined) return await drip(socket, given, what.drip);
  if (length === "chunked") {
    socket.write(`${given.length.toString(16)}\r\n`);
    socket.write(given);
    socket.write("\r\n");
    if (stop === undefined) socket.write("0\r\n\r\n");
  } else socket.write(given);
  if (what.cut !== undefined || length === "none") socket.end();
}

async function drip(socket: Socket, body: Uint8Array, { bytes, ms }: NonNullable<Reply["drip"]>): Promise<void> {
  for (let at = 0; at < body.length && !socket.destroyed; at += bytes) {
    socket.write(body.subarray(at, at + bytes));
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
