import { Failure, type Host, type HttpClient } from "images";
import type { KeystoneAccess, KeystoneCredentials } from "./access.ts";
import { type Catalog, isProjects, isToken, parsed } from "./wire.ts";

/** A token and what came with it. */
export interface KeystoneLogin {
  readonly token: string | undefined;
  /** Milliseconds since 1970; undefined if unknown. */
  readonly expires: number | undefined;
  readonly project: string | undefined;
  readonly catalog: Catalog;
}

/** A token is not used in its last two minutes, or the last half of a short life: a request that is on its way with it has to arrive. */
const MARGIN = 120_000;

/** Who we are in a cloud: asks for a token when one is needed, and again when it has run out. */
export class Keystone {
  readonly #access: KeystoneAccess;
  readonly #http: HttpClient | undefined;
  readonly #maskSecret: Host["maskSecret"];
  #login: Promise<KeystoneLogin> | undefined;
  /** From then on the token is not used. */
  #until: number | undefined;

  /** @param http to Keystone; undefined where a given token is used as it is */
  constructor(access: KeystoneAccess, http: HttpClient | undefined, maskSecret: Host["maskSecret"]) {
    this.#access = access;
    this.#http = http;
    this.#maskSecret = maskSecret;
  }

  /** The login that is good now. @throws Failure backend.auth and what else the client throws */
  async login(signal: AbortSignal): Promise<KeystoneLogin> {
    if (this.#until !== undefined && Date.now() > this.#until && this.#canRenew) this.#login = undefined;
    this.#login ??= this.#begin(signal).catch((thrown: unknown) => {
      this.#login = undefined;
      throw thrown;
    });
    return await this.#login;
  }

  /** After a 401: true when there is a new token. */
  async renew(signal: AbortSignal): Promise<boolean> {
    if (!this.#canRenew) return false;
    this.#login = undefined;
    await this.login(signal);
    return true;
  }

  /** A token that was given is all that there is: another one made of it runs out with it. */
  get #canRenew(): boolean {
    const { how } = this.#access.credentials;
    return how === "password" || how === "application_credential";
  }

  async #begin(signal: AbortSignal): Promise<KeystoneLogin> {
    const { credentials } = this.#access;
    if (this.#http === undefined || credentials.how === "given") {
      const token = credentials.how === "given" ? credentials.token : undefined;
      return { token, expires: undefined, project: undefined, catalog: [] };
    }
    const login = await this.#ask(this.#http, credentials, signal);
    const { expires } = login;
    this.#until = expires === undefined ? undefined : expires - Math.min(MARGIN, (expires - Date.now()) / 2);
    if (login.project === undefined && !this.#isScoped) await this.#refuse(this.#http, login, signal);
    return login;
  }

  get #isScoped(): boolean {
    const { scope } = this.#access;
    return scope !== undefined && !("project" in scope);
  }

  async #ask(
    http: HttpClient,
    credentials: Exclude<KeystoneCredentials, { how: "given" }>,
    signal: AbortSignal,
  ): Promise<KeystoneLogin> {
    const isOwn = credentials.how === "token" && this.#access.scope === undefined;
    const answer = isOwn
      ? await http.send("GET", "auth/tokens", {
          signal,
          headers: { "x-auth-token": credentials.token, "x-subject-token": credentials.token },
        })
      : await http.send("POST", "auth/tokens", {
          signal,
          json: { auth: { identity: identityOf(credentials), ...scoped(this.#access) } },
          idempotent: true,
        });
    const { token: body } = parsed(await answer.json(), isToken, "a token", "auth_url");
    const token = isOwn ? credentials.token : answer.headers.get("x-subject-token");
    if (token === null || token === "")
      throw new Failure("backend.answer", "Keystone responded without a token", {
        hint: "check that `auth_url` is Keystone",
      });
    this.#maskSecret(token);
    const expires = Date.parse(body.expires_at ?? "");
    return {
      token,
      expires: Number.isNaN(expires) ? undefined : expires,
      project: body.project?.id,
      catalog: body.catalog ?? [],
    };
  }

  /** Without a project an image would have no owner. */
  async #refuse(http: HttpClient, { token }: KeystoneLogin, signal: AbortSignal): Promise<never> {
    const answer = await http
      .json("GET", "auth/projects", { signal, headers: { "x-auth-token": token ?? "" } })
      .catch(() => undefined);
    const names = isProjects(answer) ? answer.projects.map(({ name }) => name) : [];
    throw new Failure("config.value", "the project of the images is unknown", {
      hint: `set project_name or project_id${names.length === 0 ? "" : `; this user has ${names.slice(0, 10).join(", ")}`}`,
    });
  }
}

const scoped = ({ scope }: KeystoneAccess) => (scope === undefined ? {} : { scope });

function identityOf(credentials: Exclude<KeystoneCredentials, { how: "given" }>) {
  switch (credentials.how) {
    case "password":
      return { methods: ["password"], password: { user: { ...credentials.user, password: credentials.password } } };
    case "token":
      return { methods: ["token"], token: { id: credentials.token } };
    case "application_credential": {
      const { how, ...rest } = credentials;
      return { methods: [how], [how]: rest };
    }
    default:
      return credentials satisfies never;
  }
}

/** The regions in which a catalogue has images, as `interface` names them. */
export const regionsOf = (catalog: Catalog, wanted: Pick<KeystoneAccess, "interface">): readonly string[] => [
  ...new Set(
    endpointsOf(catalog, "image", wanted.interface).flatMap(({ region, region_id }) => region ?? region_id ?? []),
  ),
];

const endpointsOf = (catalog: Catalog, type: string, of: string) =>
  catalog
    .filter((service) => service.type === type)
    .flatMap(({ endpoints }) => endpoints.filter((one) => one.interface === of));

/** Where a service of a region is; undefined where the catalogue does not have it. */
export function endpointOf(catalog: Catalog, type: string, region: string | undefined, of: string): string | undefined {
  const all = endpointsOf(catalog, type, of);
  const found = region === undefined ? all[0] : all.find((one) => one.region === region || one.region_id === region);
  return found?.url;
}
