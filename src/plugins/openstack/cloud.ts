import { Failure, type Host } from "images";
import type { KeystoneAccess } from "./access.ts";
import { explain } from "./explain.ts";
import { Glance } from "./glance.ts";
import { endpointOf, Keystone, type KeystoneLogin, regionsOf } from "./keystone.ts";

const CREDENTIALS = "the credentials (`cloud`, or `username`, `password` and `project_name`, or OS_*)";

/** A Glance, and where it is. */
export interface CloudContext {
  readonly glance: Glance;
  readonly region: string | undefined;
  /** The region of the backend itself. */
  readonly isHome: boolean;
  /** The project that new images belong to. */
  readonly project: string | undefined;
}

/** Headers that one cloud wants with an image, by where its Glance is. */
type HeadersFor = (endpoint: string) => Readonly<Record<string, string>>;

/** One login in a cloud, and the Glance of each of its regions. */
export class OpenCloud {
  readonly #access: KeystoneAccess;
  readonly #host: Host;
  readonly #keystone: Keystone;
  readonly #headersFor: HeadersFor;
  readonly #sites = new Map<string, Promise<CloudContext>>();

  constructor(access: KeystoneAccess, host: Host, headersFor: HeadersFor = () => ({})) {
    this.#access = access;
    this.#host = host;
    this.#headersFor = headersFor;
    const { url, tls } = access;
    const headers = { accept: "application/json" };
    const http = url === undefined ? undefined : host.http({ url, tls, headers, explain, credentials: CREDENTIALS });
    this.#keystone = new Keystone(access, http, host.maskSecret);
  }

  login(signal: AbortSignal): Promise<KeystoneLogin> {
    return this.#keystone.login(signal);
  }

  /** The Glance of a region; without one, that of the backend. @throws Failure config.value when there is no such region */
  async site(region: string | undefined, signal: AbortSignal): Promise<CloudContext> {
    const login = await this.login(signal);
    const home = this.#access.region ?? regionsOf(login.catalog, this.#access)[0];
    const wanted = region ?? home;
    const key = wanted ?? "";
    let site = this.#sites.get(key);
    if (site === undefined) {
      site = this.#open(wanted, wanted === home, login);
      this.#sites.set(key, site);
    }
    return await site;
  }

  /** Where a service other than Glance is. */
  async endpoint(type: string, region: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    return endpointOf((await this.login(signal)).catalog, type, region, this.#access.interface);
  }

  async #open(region: string | undefined, isHome: boolean, { catalog, project }: KeystoneLogin): Promise<CloudContext> {
    const { interface: of, endpoint: given, tls } = this.#access;
    const endpoint = (isHome ? given : undefined) ?? endpointOf(catalog, "image", region, of);
    if (endpoint === undefined) throw this.#nowhere(region, catalog);
    const base = endpoint.replace(/\/+$/, "").replace(/\/v2(?:\.\d+)?$/, "");
    const http = this.#host.http({
      url: `${base}/v2`,
      tls,
      explain,
      credentials: CREDENTIALS,
      headers: async () => {
        const { token } = await this.login(this.#host.signal);
        return { accept: "application/json", ...(token === undefined ? {} : { "x-auth-token": token }) };
      },
      renew: () => this.#keystone.renew(this.#host.signal),
    });
    return { glance: new Glance(http, this.#headersFor(endpoint)), region, isHome, project };
  }

  #nowhere(region: string | undefined, catalog: KeystoneLogin["catalog"]): Failure {
    const regions = regionsOf(catalog, this.#access);
    const of = this.#access.interface;
    if (regions.length === 0)
      return new Failure("config.value", `the catalogue of this cloud has no ${of} image service`, {
        hint: "set `interface`, or `endpoint` to the URL of Glance",
      });
    return new Failure("config.value", `there is no image service in the region ${JSON.stringify(region ?? "")}`, {
      hint: `its regions are ${regions.join(", ")}`,
    });
  }
}
