import type { Socket } from "node:net";
import { Failure } from "../failure.ts";
import { basic } from "./proxy.ts";
import { hostPort } from "./url.ts";

const MOST = 16_384;

/** Asks a proxy, over an open connection to it, for a way to the host of `url`. @throws Failure net.proxy */
export async function tunnel(socket: Socket, proxy: URL, url: URL): Promise<Socket> {
  const authorization = basic(proxy);
  const head = [
    `CONNECT ${hostPort(url)} HTTP/1.1`,
    `host: ${hostPort(url)}`,
    ...(authorization === undefined ? [] : [`proxy-authorization: ${authorization}`]),
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  const answer = await headOf(socket);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1];
  if (status === "200") return socket;
  const isAuth = status === "407";
  throw new Failure(
    "net.proxy",
    status === undefined ? "the proxy does not use HTTP" : `the proxy refused the tunnel with ${status}`,
    {
      retry: status !== undefined && /^5/.test(status),
      hint: isAuth
        ? "set user and password in HTTPS_PROXY: http://user:password@host:port"
        : "check that the proxy allows this host and port; NO_PROXY lists hosts that need no proxy",
    },
  );
}

/** Reads up to the empty line; what comes after it stays in the socket. */
function headOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const done = (): void => {
      socket.off("data", more).off("error", reject).off("close", closed);
      socket.pause();
    };
    const closed = (): void => reject(new Failure("net.broken", "the proxy closed the connection", { retry: true }));
    const more = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf("\r\n\r\n");
      if (end < 0 && seen.length < MOST) return;
      done();
      if (end >= 0 && end + 4 < seen.length) socket.unshift(seen.subarray(end + 4));
      resolve(seen.toString("latin1", 0, Math.max(end, 0)));
    };
    socket.on("data", more).once("error", reject).once("close", closed);
  });
}
