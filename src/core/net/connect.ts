import { X509Certificate } from "node:crypto";
import { connect as dial, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as secure, type TLSSocket } from "node:tls";
import { Failure } from "../failure.ts";
import { authorities } from "./authorities.ts";
import type { HttpOptions } from "./client.ts";
import { codeOfError, RESET, reasonOf } from "./failures.ts";
import { type Environment, proxyFor } from "./proxy.ts";
import { tunnel } from "./tunnel.ts";
import { bareHost, hostPort, portOf } from "./url.ts";

/** Milliseconds for a connection to be made, TLS and a proxy's tunnel included. */
const PATIENCE = 20_000;

export interface Network {
  /** The origin that the door's own socket, certificates and pin are for. */
  readonly own: string;
  readonly socket: HttpOptions["socket"];
  readonly tls: HttpOptions["tls"];
  readonly env: Environment;
}

/** Makes connections and knows all that are open, so that none remains when the door is closed. */
export class Connections {
  readonly #network: Network;
  readonly #open = new Set<Socket>();
  readonly #usual = new Map<string | undefined, Promise<string[] | undefined>>();

  constructor(network: Network) {
    this.#network = network;
  }

  /** The way to a server: the unix socket, a tunnel through a proxy, or straight. @throws Failure backend.unreachable, backend.tls, net.timeout, net.proxy */
  async server(url: URL): Promise<Socket> {
    const isOwn = url.origin === this.#network.own;
    const path = isOwn ? this.#network.socket : undefined;
    const proxy = path === undefined && url.protocol === "https:" ? proxyFor(url, this.#network.env) : undefined;
    const words =
      path ?? (proxy === undefined ? hostPort(url) : `${hostPort(url)} through the proxy ${hostPort(proxy)}`);
    return await this.#within(words, async (keep) => {
      const plain = async (): Promise<Socket> => {
        if (path !== undefined) return await opened(keep(dial({ path })), "connect");
        if (proxy === undefined) return await opened(keep(tcp(url)), "connect");
        return await tunnel(await this.#proxied(proxy, keep), proxy, url);
      };
      if (url.protocol === "http:") return await plain();
      return await this.#secured(await plain(), url, isOwn, keep);
    });
  }

  /** The way to a proxy that receives the whole URL of each request. */
  async proxy(proxy: URL): Promise<Socket> {
    return await this.#within(`the proxy ${hostPort(proxy)}`, (keep) => this.#proxied(proxy, keep));
  }

  /** Ends all connections; resolves when they are gone. */
  async close(): Promise<void> {
    const gone = [...this.#open].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of this.#open) socket.destroy();
    await Promise.all(gone);
  }

  async #proxied(proxy: URL, keep: Keep): Promise<Socket> {
    const socket = await opened(keep(tcp(proxy)), "connect");
    if (proxy.protocol === "http:") return socket;
    const host = bareHost(proxy);
    const options = {
      socket,
      host,
      ...nameOf(host),
      rejectUnauthorized: true,
      ...(await this.#authorities(undefined, false)),
    };
    return await opened(keep(secure(options)), "secureConnect");
  }

  async #secured(socket: Socket, url: URL, isOwn: boolean, keep: Keep): Promise<Socket> {
    const { cert, key, ca, pin, verify = true } = this.#network.tls ?? {};
    const host = bareHost(url);
    const pinned = isOwn ? pin : undefined;
    const options: ConnectionOptions = {
      socket,
      host,
      ...nameOf(host),
      ALPNProtocols: ["http/1.1"],
      // Said every time: what is left out would be taken from NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: verify && pinned === undefined,
      ...(isOwn && cert !== undefined ? { cert } : {}),
      ...(isOwn && key !== undefined ? { key } : {}),
      ...(await this.#authorities(ca, isOwn)),
    };
    const made = keep(secure(options));
    await opened(made, "secureConnect");
    if (pinned !== undefined) checkPin(made, pinned);
    return made;
  }

  /** Of the door's own server: `ca` alone, where it is given. Else the usual authorities, and `ca` and `extra` besides. */
  async #authorities(ca: string | undefined, isOwn: boolean): Promise<{ ca?: string[] }> {
    if (isOwn && ca !== undefined) return { ca: [ca] };
    const { env, tls } = this.#network;
    const given = [ca, tls?.extra].filter((text) => text !== undefined);
    const reading = this.#usual.get(ca) ?? authorities(env, given.length === 0 ? undefined : given.join("\n"));
    this.#usual.set(ca, reading);
    const found = await reading;
    return found === undefined ? {} : { ca: found };
  }

  /** Bounds the time, keeps the books, and tells what went wrong with the address that was tried. */
  async #within(words: string, make: (keep: Keep) => Promise<Socket>): Promise<Socket> {
    const made: Socket[] = [];
    const keep: Keep = (socket) => {
      made.push(socket);
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
      // Errors go to the request that waits for the socket; without one, the close reports them.
      socket.on("error", isNoEnd);
      return socket;
    };
    let late: Failure | undefined;
    const timer = setTimeout(() => {
      late = new Failure("net.timeout", `cannot connect to ${words}: no response within ${PATIENCE / 1000} s`, {
        retry: true,
        hint: "check the address and firewalls",
      });
      for (const socket of made) socket.destroy(late);
    }, PATIENCE);
    try {
      return await make(keep);
    } catch (error) {
      for (const socket of made) socket.destroy();
      throw late ?? connectFailure(error, words);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * undici takes a reset for the end of a body without a length (lib/dispatcher/client-h1.js, onHttpSocketError), so that a part of a file
 * would pass for the whole: under another code it is an error. This listener is the first of a socket.
 */
function isNoEnd(error: Error): void {
  if (codeOfError(error) === "ECONNRESET") Object.assign(error, { code: RESET });
}

type Keep = <S extends Socket>(socket: S) => S;

function tcp(url: URL): Socket {
  const socket = dial({ host: bareHost(url), port: portOf(url) });
  return socket.setNoDelay(true).setKeepAlive(true, 30_000);
}

/** The name for SNI; an address is none. */
const nameOf = (host: string): { servername?: string } => (isIP(host) === 0 ? { servername: host } : {});

function opened<S extends Socket>(socket: S, event: "connect" | "secureConnect"): Promise<S> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve(socket));
    socket.once("error", reject);
    socket.once("close", () => reject(new Failure("net.broken", "the connection was closed", { retry: true })));
  });
}

/** The very certificate counts, not its name, its age or who signed it. @throws Failure backend.tls */
function checkPin(socket: TLSSocket, pin: string): void {
  const shown = socket.getPeerCertificate().raw;
  const isPinned = isPrint(pin)
    ? shown !== undefined && printOf(shown) === pin.toLowerCase()
    : shown?.equals(rawOf(pin));
  if (isPinned === true) return;
  const print = shown === undefined ? "none" : printOf(shown);
  throw new Failure("backend.tls", `the certificate of the server is not the pinned one: sha256 ${print}`, {
    hint: "if the server's certificate was renewed, pin the new one; if not, the connection is intercepted",
  });
}

const isPrint = (pin: string): boolean => /^[0-9a-f]{64}$/i.test(pin);
const printOf = (shown: Buffer): string => new X509Certificate(shown).fingerprint256.replaceAll(":", "").toLowerCase();

function rawOf(pin: string): Buffer {
  try {
    return new X509Certificate(pin).raw;
  } catch (error) {
    throw new Failure("backend.tls", "invalid certificate to pin", {
      hint: "expected a certificate in PEM",
      cause: error,
    });
  }
}

function connectFailure(error: unknown, words: string): Failure {
  if (error instanceof Failure)
    return new Failure(
      error.code === "net.broken" ? "backend.unreachable" : error.code,
      `cannot connect to ${words}: ${error.message}`,
      error,
    );
  const code = codeOfError(error);
  const hint = TLS_HINTS[code] ?? (isTls(code) ? TLS_HINT : undefined);
  const message = `cannot connect to ${words}: ${reasonOf(error)}`;
  if (hint !== undefined) return new Failure("backend.tls", message, { hint, cause: error });
  return new Failure("backend.unreachable", message, {
    hint: HINTS[code] ?? "check the address, and that the server is running",
    // A name or a path that is not there is an error more often than a server that restarts: http.ts knows which.
    retry: true,
    cause: error,
  });
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "check the path of the socket, and that the server is running",
  EACCES: "this user has no access to the socket: join the group that owns it",
  ENOTFOUND: "check the host name",
  EAI_AGAIN: "check the network and the name server",
};

const isTls = (code: string): boolean => /^(?:ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO|CERT_|UNABLE_TO_)/.test(code);
const TLS_HINT = "check that the server uses TLS on this port and accepts the client certificate";
const UNKNOWN =
  "add the CA certificate of the server (`ca`, `cacert`, SSL_CERT_FILE or the store of the system), or pin the certificate of the server";
const PEM = "check that the certificate and its key are in PEM and belong together";
const TLS_HINTS: Readonly<Record<string, string>> = {
  ERR_OSSL_PEM_NO_START_LINE: PEM,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN,
  CERT_HAS_EXPIRED: "the certificate of the server has expired; check the clock of this host",
  CERT_NOT_YET_VALID: "check the clock of this host",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the certificate is for another name: use that name in the address, or pin the certificate",
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not use TLS on this port: use http://, or another port",
};
