import type { Socket } from "node:net";
import type { buildConnector, Client, Dispatcher, WebSocket } from "undici/index.js";
import { whenMemoryGetsShort } from "../warm-up.ts";
import { Connections, type Network } from "./connect.ts";
import { warmUpParser } from "./parser-warm-up.ts";
import { basic, proxyFor } from "./proxy.ts";

// `undici` alone is a stand-in under Bun that knows neither sockets nor certificates nor proxies; a path in it is the package.
// It is loaded with the first request: programs that send none start without it. Its index.js loads caches, mocks and fetch as well, which
// takes twice as long.
const loadAgent = async () => (await import("undici/lib/dispatcher/agent.js")).default;
const loadClient = async () => {
  const Client = (await import("undici/lib/dispatcher/client.js")).default;
  if (!isKnown) whenMemoryGetsShort(() => warmUpParser(Client));
  isKnown = true;
  return Client;
};
let isKnown = false;
const loadWebSocket = async () => (await import("undici/lib/web/websocket/websocket.js")).WebSocket;

const KEEP_ALIVE = 4000;

/** Where a request goes: which connection, and what has to stand in it on the way. */
interface Route {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The exchange is over. */
  readonly leave: () => void;
}

export interface OpenListener {
  readonly socket: WebSocket;
  /** Why there is no connection: the WebSocket itself does not say. */
  readonly failure: () => unknown;
}

/** Connections to servers, kept alive between requests, until they are closed together. */
export class Transport {
  readonly #network: Network;
  readonly #connections: Connections;
  readonly #clients = new Set<Dispatcher>();
  readonly #agents = new Map<"direct" | "proxied", Dispatcher>();

  constructor(network: Network) {
    this.#network = network;
    this.#connections = new Connections(network);
  }

  /**
   * `fresh`: over a connection of its own. A request that must not be sent twice cannot be sent again when it met a connection that the
   * server was just closing, and a large body would have to be opened again.
   */
  async route(url: URL, fresh: boolean): Promise<Route> {
    const Agent = await loadAgent();
    const Client = await loadClient();
    const isSocket = url.origin === this.#network.own && this.#network.socket !== undefined;
    const proxy = url.protocol === "http:" && !isSocket ? proxyFor(url, this.#network.env) : undefined;
    const path = `${url.pathname}${url.search}`;
    const connect = connector((to) =>
      proxy === undefined ? this.#connections.server(to) : this.#connections.proxy(to),
    );
    const options: Client.Options = { connect, allowH2: false, headersTimeout: 0, bodyTimeout: 0 };
    const origin = proxy?.origin ?? url.origin;
    const pooled = { ...options, keepAliveTimeout: KEEP_ALIVE, keepAliveMaxTimeout: KEEP_ALIVE };
    const agent = proxy === undefined ? "direct" : "proxied";
    const dispatcher = fresh
      ? new Client(origin, { ...options, pipelining: 0 })
      : (this.#agents.get(agent) ?? new Agent(pooled));
    if (!fresh) this.#agents.set(agent, dispatcher);
    this.#clients.add(dispatcher);
    const authorization = proxy === undefined ? undefined : basic(proxy);
    return {
      dispatcher,
      origin,
      path: proxy === undefined ? path : `${url.origin}${path}`,
      headers: {
        ...(proxy === undefined ? {} : { host: url.host }),
        ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
      },
      leave: () => {
        if (!fresh) return;
        this.#clients.delete(dispatcher);
        void dispatcher.destroy();
      },
    };
  }

  /** A WebSocket that is about to open. It goes straight or through a tunnel: a proxy that reads along would not let it pass. */
  async webSocket(url: URL, headers: Readonly<Record<string, string>>): Promise<OpenListener> {
    const Client = await loadClient();
    const WebSocket = await loadWebSocket();
    let failure: unknown;
    const connect = connector((to) =>
      this.#connections.server(to).catch((error: unknown) => {
        failure = error;
        throw error;
      }),
    );
    const dispatcher = new Client(url.origin, { connect, allowH2: false });
    this.#clients.add(dispatcher);
    const address = new URL(url);
    address.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, { dispatcher, headers: { ...headers } });
    socket.addEventListener("close", () => {
      this.#clients.delete(dispatcher);
      void dispatcher.destroy();
    });
    return { socket, failure: () => failure };
  }

  /** Ends everything; resolves when no socket remains. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.destroy()));
    await this.#connections.close();
  }
}

/** undici asks for a connection with a callback; errors come out of the request as they are thrown here. */
const connector =
  (open: (to: URL) => Promise<Socket>): buildConnector.connector =>
  ({ protocol, host, hostname, port }, callback) => {
    open(new URL(`${protocol}//${host ?? hostname}${host === undefined && port !== "" ? `:${port}` : ""}`)).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
