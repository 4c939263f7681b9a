import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createSecure, type TlsOptions } from "node:tls";
import { Failure } from "../../../src/core/failure.ts";
import type { HttpClient, HttpOptions } from "../../../src/core/net/client.ts";
import type { Clock } from "../../../src/core/net/clock.ts";
import type { HttpContext, RetryNotice } from "../../../src/core/net/context.ts";
import { createHttpClient } from "../../../src/core/net/http.ts";

/** Milliseconds for a test that hangs: wide enough for a machine that does much else. */
export const WIDE = 30_000;

export const never = new AbortController().signal;

/** A clock whose waits are over at once, and that remembers them. */
export function quick(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  let now = Date.UTC(2026, 0, 1);
  return {
    waits,
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      waits.push(ms);
      now += ms;
    },
  };
}

export interface Opened extends AsyncDisposable {
  readonly door: HttpClient;
  readonly retries: RetryNotice[];
  readonly waits: readonly number[];
  readonly secrets: string[];
}

/** A door whose retries do not wait. */
export function opened(options: HttpOptions, means: Partial<HttpContext> = {}): Opened {
  const retries: RetryNotice[] = [];
  const secrets: string[] = [];
  const clock = quick();
  const http = createHttpClient(options, {
    env: {},
    redact: (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, "(sensitive)"), text),
    maskSecret: (text) => secrets.push(text),
    clock,
    onRetry: (retry) => retries.push(retry),
    ...means,
  });
  return { door: http, retries, secrets, waits: clock.waits, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}

export interface Raw extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many there ever were. */
  readonly met: () => number;
}

/** A server that says whatever the test wants, byte by byte. */
export async function raw(meet: (socket: Socket, nth: number) => void, tls?: TlsOptions): Promise<Raw> {
  const sockets = new Set<Socket>();
  let met = 0;
  const greet = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    meet(socket, ++met);
  };
  const server: Server = tls === undefined ? createServer(greet) : createSecure(tls, greet);
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    sockets,
    met: () => met,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server of whole requests. */
export function served(fetch: (request: Request, nth: number) => Response | Promise<Response>) {
  let nth = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => fetch(request, ++nth),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    asked: () => nth,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** The Failure that a promise ends with. */
export async function failed(promise: Promise<unknown>): Promise<Failure> {
  const error = await thrown(promise);
  if (error instanceof Failure) return error;
  throw new Error(`not a Failure: ${String(error)}`, { cause: error });
}

export async function thrown(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`did not fail, but gave ${JSON.stringify(value)}`);
}

/** Resolves once it is so; a test that waits in vain ends by its own time limit. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(2);
}

export const pem = (name: string): string =>
  readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), "utf8");

/** The head of a request, once it is whole. */
export function onHead(socket: Socket, told: (head: string) => void): void {
  let seen = "";
  const more = (chunk: Buffer): void => {
    seen += chunk.toString("latin1");
    if (!seen.includes("\r\n\r\n")) return;
    socket.off("data", more);
    told(seen);
  };
  socket.on("data", more);
}
