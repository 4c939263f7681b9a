import { existsSync } from "node:fs";
import { type Desired, Failure, type Host, type HttpClient } from "images";
import { IncusClient } from "./client.ts";
import { ClientConfig, type KnownRemotes } from "./clientconfig.ts";
import { explain } from "./explain.ts";
import { identityOf } from "./identity.ts";
import { Registry } from "./registry.ts";
import type { IncusConfig } from "./schema.ts";
import { Streams } from "./streams.ts";
import { addressOf, fingerprintOf, ServerTrust } from "./trust.ts";

/** An Incus server that we talk to. */
export interface IncusServer {
  readonly kind: "incus";
  /** Its name among the remotes; undefined for the backend itself, where no remote names it. */
  readonly name: string | undefined;
  /** The project that is meant when none is named. */
  readonly project: string | undefined;
  /** Where other servers reach it; undefined over a unix socket. */
  readonly url: string | undefined;
  /** The certificate that it shows, where we have it. */
  readonly certificate: string | undefined;
  client(project: string | undefined): IncusClient;
}
/** A server of simplestreams. */
export interface StreamsServer {
  readonly kind: "simplestreams";
  readonly name: string;
  readonly url: string;
  readonly certificate: string | undefined;
  readonly streams: Streams;
}
/** A registry of OCI images. */
export interface RegistryServer {
  readonly kind: "oci";
  readonly name: string;
  readonly url: string;
  readonly certificate: string | undefined;
  readonly registry: Registry;
}
export type Server = IncusServer | StreamsServer | RegistryServer;

/** The backend's own server, and the remotes, each opened once. */
export class Servers {
  readonly #settings: Desired<IncusConfig>;
  readonly #host: Host;
  readonly #config: ClientConfig;
  readonly #remotes = new Map<string, Promise<Server>>();
  #own: Promise<IncusServer> | undefined;

  constructor(settings: Desired<IncusConfig>, host: Host) {
    this.#settings = settings;
    this.#host = host;
    this.#config = new ClientConfig(settings.config, host);
  }

  /** The server of the backend: `url`, `remote`, `socket`; else the client's default remote where its directory is named; else the usual socket. */
  own(): Promise<IncusServer> {
    this.#own ??= this.#openOwn();
    return this.#own;
  }

  /** A remote by its name. The backend's own name means the backend itself. */
  async remote(name: string): Promise<Server> {
    const own = await this.own();
    if (name === own.name) return own;
    let known = this.#remotes.get(name);
    if (known === undefined) {
      known = this.#openRemote(name);
      this.#remotes.set(name, known);
    }
    return await known;
  }

  /** A remote that images can be kept on. @throws Failure config.value */
  async keeper(name: string): Promise<IncusServer> {
    const found = await this.remote(name);
    if (found.kind === "incus") return found;
    throw new Failure("config.value", `the remote ${name} is read-only`, {
      hint: "`remote` is where the image is stored; its origin is source_image or source",
    });
  }

  async #openOwn(): Promise<IncusServer> {
    const { url, socket, remote, project, server_cert, config } = this.#settings;
    const pinned = server_cert === undefined ? undefined : await this.#config.pem(server_cert, "server_cert");
    if (url !== undefined) {
      const known = { name: undefined, addresses: [url], project, pin: pinned, mine: true };
      return await this.#incus(known);
    }
    const named = remote ?? (socket === undefined && config !== undefined ? await this.#config.first() : undefined);
    if (named !== undefined) {
      const known = await this.#config.remote(named);
      if (known.protocol !== "incus")
        throw new Failure("config.value", `the remote ${named} is read-only`, {
          hint: "set an Incus server",
        });
      const pin = pinned ?? (await this.#config.serverCertificate(named));
      return await this.#incus({ ...known, project: project ?? known.project, pin, mine: true });
    }
    const address = await this.#tokenAddress();
    if (socket === undefined && address !== undefined)
      return await this.#incus({ name: undefined, addresses: [address], project, pin: pinned, mine: true });
    return await this.#incus({
      name: undefined,
      addresses: [`unix://${socket ?? ""}`],
      project,
      pin: undefined,
      mine: true,
    });
  }

  async #tokenAddress(): Promise<string | undefined> {
    return this.#settings.token === undefined ? undefined : addressOf(this.#settings.token);
  }

  async #openRemote(name: string): Promise<Server> {
    const known = await this.#config.remote(name);
    const pin = await this.#config.serverCertificate(name);
    const plain = known.addresses.find((one) => /^http:/i.test(one));
    if (this.#host.httpsOnly === true && plain !== undefined)
      throw new Failure("config.policy", `the remote ${name} is not https (${plain}), and [policy] requires it`, {
        hint: `incus remote set-url ${name} https://…, or take the image from another remote`,
      });
    if (known.protocol === "simplestreams") return await this.#simplestreams(known, pin);
    if (known.protocol === "oci") return await this.#registry(known, pin);
    return await this.#incus({ ...known, project: known.project, pin, mine: false });
  }

  async #simplestreams({ name, addresses }: KnownRemotes, ca: string | undefined): Promise<StreamsServer> {
    const { httpsOnly = false } = this.#host;
    const doorTo = (url: string) => this.#host.http({ url, httpsOnly, ...(ca === undefined ? {} : { tls: { ca } }) });
    const url = await this.#first(addresses, doorTo, "streams/v1/index.json");
    return { kind: "simplestreams", name, url, certificate: ca, streams: new Streams(doorTo(url), name) };
  }

  async #registry({ name, addresses }: KnownRemotes, ca: string | undefined): Promise<RegistryServer> {
    const { httpsOnly = false } = this.#host;
    const doorTo = (url: string) =>
      this.#host.http({ url, explain, httpsOnly, ...(ca === undefined ? {} : { tls: { ca } }) });
    const url = await this.#first(addresses, doorTo, "v2/");
    return { kind: "oci", name, url, certificate: ca, registry: new Registry(doorTo(url), doorTo, name) };
  }

  /** Of several addresses the one that answers first; where none does, the first of them says why. */
  async #first(addresses: readonly string[], doorTo: (url: string) => HttpClient, path: string): Promise<string> {
    const [first = "", ...more] = addresses.map((one) => one.replace(/\/+$/, ""));
    if (more.length === 0) return first;
    const found = new AbortController();
    const signal = AbortSignal.any([this.#host.signal, found.signal]);
    const asks = [first, ...more].map(async (url) => {
      const answer = await doorTo(url).send("GET", path, { signal, timeout: 30, accept: [401, 403, 404] });
      await answer.text();
      return url;
    });
    try {
      return await Promise.any(asks);
    } catch {
      this.#host.signal.throwIfAborted();
      return first;
    } finally {
      found.abort();
    }
  }

  async #incus(known: {
    readonly name: string | undefined;
    readonly addresses: readonly string[];
    readonly project: string | undefined;
    readonly pin: string | undefined;
    readonly mine: boolean;
  }): Promise<IncusServer> {
    const { name, project, mine, addresses } = known;
    const [first = ""] = addresses;
    if (first.startsWith("unix:")) {
      const socket = this.#socket(first.replace(/^unix:(\/\/)?/, ""));
      const http = this.#host.http({
        url: "http://incus",
        socket,
        explain,
        credentials: "the permissions of this user on the socket",
      });
      return {
        kind: "incus",
        name,
        project,
        url: undefined,
        certificate: undefined,
        client: (one) => new IncusClient(http, one),
      };
    }
    const token = mine ? this.#settings.token : undefined;
    const identity = await identityOf(mine ? this.#settings : {}, {
      files: this.#config,
      host: this.#host,
      fresh: token !== undefined,
    });
    const pin = known.pin ?? (token === undefined ? undefined : fingerprintOf(token));
    const common = {
      explain,
      tls: { ...identity, ...(pin === undefined ? {} : { pin }) },
      credentials: "`cert` and `key`, or a `token`",
    };
    const doorTo = (at: string) => this.#host.http({ ...common, url: at });
    const url = await this.#first(addresses, doorTo, "1.0");
    const options = { ...common, url };
    // A remote that images come from may give its public ones to anybody.
    const facts = { token, isKnown: identity.cert !== undefined, signal: this.#host.signal };
    const trust = mine ? new ServerTrust(this.#host.http(options), facts) : undefined;
    const headers = async () => {
      await trust?.ready();
      return {};
    };
    const http = this.#host.http({ ...options, headers });
    const certificate = known.pin;
    return { kind: "incus", name, project, url, certificate, client: (one) => new IncusClient(http, one) };
  }

  /** @throws Failure config.value when there is none at the usual places */
  #socket(written: string): string {
    if (written !== "") return this.#config.absolute(written);
    const { env } = this.#host;
    const asked = env["INCUS_SOCKET"] || (env["INCUS_DIR"] ? `${env["INCUS_DIR"]}/unix.socket` : "");
    if (asked !== "") return asked;
    const usual = ["/run/incus/unix.socket", "/var/lib/incus/unix.socket"];
    return usual.find((path) => existsSync(path)) ?? "/var/lib/incus/unix.socket";
  }
}
