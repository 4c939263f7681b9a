import { readFile } from "node:fs/promises";
import { type Desired, Failure, type Host } from "images";
import { findCloud, pathOf, truth } from "./clouds.ts";
import { howOf, type ImportMethod } from "./methods.ts";
import type { OpenstackConfig } from "./settings.ts";

/** A user, a project or a domain, as Keystone wants it named. */
type Named = { readonly id: string } | { readonly name: string; readonly domain?: Named };

/** What is shown to Keystone. */
export type KeystoneCredentials =
  | { readonly how: "password"; readonly user: Named; readonly password: string }
  | { readonly how: "application_credential"; readonly id: string; readonly secret: string }
  | { readonly how: "application_credential"; readonly name: string; readonly user: Named; readonly secret: string }
  | { readonly how: "token"; readonly token: string }
  /** A token that is used as it is, or none. */
  | { readonly how: "given"; readonly token?: string };

/** What the token is to be good for. */
type Reach =
  | { readonly project: Named }
  | { readonly domain: Named }
  | { readonly system: { readonly all: true } }
  | { readonly "OS-TRUST:trust": { readonly id: string } };

export interface KeystoneAccess {
  /** Of Keystone, with /v3; undefined where a given token goes straight to `endpoint`. */
  readonly url: string | undefined;
  readonly credentials: KeystoneCredentials;
  readonly scope: Reach | undefined;
  readonly region: string | undefined;
  readonly interface: string;
  /** Of Glance, in the place of the catalogue. */
  readonly endpoint: string | undefined;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly verify?: boolean };
}

/** What a cloud has where nobody says anything. */
interface Defaults {
  readonly auth_url?: string;
  readonly user_domain_name?: string;
  readonly region?: string;
}

type Layer = Readonly<Record<string, string | boolean | undefined>>;

/** Settings of which a layer says all or nothing: a project by name here and by id there would be two projects. */
const GROUPS = [
  ["username", "user_id"],
  ["user_domain_name", "user_domain_id"],
  ["project_name", "project_id"],
  ["project_domain_name", "project_domain_id"],
  ["domain_name", "domain_id"],
  ["application_credential_name", "application_credential_id"],
  ["insecure", "verify"],
];

/** Other names of settings in clouds.yaml and the environment. */
const ALSO: Readonly<Record<string, string>> = {
  tenant_name: "project_name",
  tenant_id: "project_id",
  region_name: "region",
  token: "auth_token",
  endpoint_type: "interface",
  image_interface: "interface",
  image_region_name: "region",
  image_endpoint_override: "endpoint",
  user_name: "username",
};

/** What the environment adds to a cloud that is named: secrets that one does not write into files, and where to go. */
const BESIDE_A_CLOUD = new Set([
  "password",
  "application_credential_secret",
  "region",
  "interface",
  "cacert",
  "cert",
  "key",
  "insecure",
]);

/**
 * What the settings say, then the cloud in clouds.yaml, then OS_*, then the defaults.
 * @throws Failure config.value, config.secret
 */
export async function accessOf(
  written: Desired<OpenstackConfig>,
  host: Pick<Host, "backend" | "directory" | "env">,
  defaults: Defaults = {},
): Promise<KeystoneAccess> {
  const { cloud: named, ...own } = written;
  const settings = renamed(own);
  const env = environment(host.env);
  const isComplete = saysWho(settings) || (saysWho(env) && named === undefined);
  const name = named ?? (saysWho(settings) ? undefined : host.env["OS_CLOUD"] || undefined);
  const cloud = name === undefined && isComplete ? undefined : await findCloud(name, host, regionOf(settings, env));
  const beside = Object.fromEntries(Object.entries(env).filter(([key]) => BESIDE_A_CLOUD.has(key)));
  const layers = cloud === undefined ? [settings, env] : [settings, renamed(cloud.settings), beside];
  const all = [...layers, renamed({ ...defaults })].reduce(filled, {});
  const text = (key: string): string | undefined => {
    const value = all[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const credentials = credentialsOf(howOf(layers, text("auth_type")), text, host.backend);
  const endpoint = text("endpoint");
  const url = text("auth_url");
  if (credentials.how === "given" ? endpoint === undefined : url === undefined)
    throw new Failure("config.value", `the location of ${host.backend} is unknown`, {
      hint: 'write cloud = "NAME" (of clouds.yaml), or auth_url, or set OS_CLOUD or OS_AUTH_URL',
    });
  return {
    url: credentials.how === "given" || url === undefined ? undefined : versioned(url),
    credentials,
    scope: scopeOf(credentials, text),
    region: text("region"),
    interface: (text("interface") ?? "public").replace(/URL$/, ""),
    endpoint,
    tls: await tlsOf(all, text, host),
  };
}

const regionOf = (...layers: readonly Layer[]): string | undefined =>
  layers.map(({ region }) => region).find((region) => typeof region === "string");

/** Whether a layer says who asks. */
const saysWho = (layer: Layer): boolean =>
  ["auth_url", "username", "user_id", "auth_token", "application_credential_id", "application_credential_name"].some(
    (key) => layer[key] !== undefined,
  );

/** By the names of the settings. What is said of the image service alone wins over what is said of all services. */
function renamed(layer: Readonly<Record<string, unknown>>): Layer {
  const [general, own] = [false, true].map((is) =>
    Object.entries(layer).filter(([key]) => /^image_(?!endpoint)/.test(key) === is),
  );
  const entries = [...(general ?? []), ...(own ?? [])].flatMap(([key, value]): [string, string | boolean][] =>
    typeof value === "string" || typeof value === "boolean" ? [[ALSO[key] ?? key, value]] : [],
  );
  return Object.fromEntries(entries);
}

const environment = (env: Host["env"]): Layer =>
  renamed(
    Object.fromEntries(
      Object.entries(env).flatMap(([key, value]) =>
        key.startsWith("OS_") && value !== undefined && value !== "" ? [[key.slice(3).toLowerCase(), value]] : [],
      ),
    ),
  );

function filled(over: Layer, under: Layer): Layer {
  const taken = new Set(GROUPS.filter((group) => group.some((key) => over[key] !== undefined)).flat());
  const rest = Object.entries(under).filter(([key, value]) => value !== undefined && !taken.has(key));
  return { ...Object.fromEntries(rest), ...over };
}

type Text = (key: string) => string | undefined;

function credentialsOf(how: ImportMethod, text: Text, backend: string): KeystoneCredentials {
  const need = (key: string, words = `\`${key}\` (or OS_${key.toUpperCase()})`): string => {
    const value = text(key);
    if (value !== undefined) return value;
    throw new Failure("config.secret", `${backend} has no ${key}`, {
      hint: `set ${words}, or use a cloud of clouds.yaml that has it`,
    });
  };
  const user = (): Named => {
    const id = text("user_id");
    return id !== undefined ? { id } : { name: need("username"), domain: domainOf("user", text) };
  };
  switch (how) {
    case "password":
      return { how, user: user(), password: need("password") };
    case "application_credential": {
      const secret = need("application_credential_secret");
      const id = text("application_credential_id");
      return id === undefined
        ? { how, name: need("application_credential_name"), user: user(), secret }
        : { how, id, secret };
    }
    case "token":
      return { how, token: need("auth_token", "`auth_token` (or OS_TOKEN)") };
    case "given": {
      const token = text("auth_token");
      return token === undefined ? { how } : { how, token };
    }
    default:
      return how satisfies never;
  }
}

function domainOf(whose: "user" | "project", text: Text): Named {
  const id = text(`${whose}_domain_id`);
  if (id !== undefined) return { id };
  const name = text(`${whose}_domain_name`);
  return name === undefined ? { id: text("default_domain") ?? "default" } : { name };
}

function scopeOf({ how }: KeystoneCredentials, text: Text): Reach | undefined {
  // An application credential has its project with it, and Keystone refuses any other word about it.
  if (how === "application_credential" || how === "given") return undefined;
  const trust = text("trust_id");
  if (trust !== undefined) return { "OS-TRUST:trust": { id: trust } };
  const id = text("project_id");
  if (id !== undefined) return { project: { id } };
  const name = text("project_name");
  if (name !== undefined) return { project: { name, domain: domainOf("project", text) } };
  if (text("system_scope") === "all") return { system: { all: true } };
  const [domain, called] = [text("domain_id"), text("domain_name")];
  if (domain !== undefined) return { domain: { id: domain } };
  return called === undefined ? undefined : { domain: { name: called } };
}

/** Keystone's third version, whether or not the URL says so. */
function versioned(url: string): string {
  const bare = url.replace(/\/+$/, "");
  return /\/v3$/.test(bare) ? bare : `${bare.replace(/\/v2\.0$/, "")}/v3`;
}

async function tlsOf(all: Layer, text: Text, host: Pick<Host, "directory" | "env">): Promise<KeystoneAccess["tls"]> {
  const pem = async (key: string) => {
    const path = text(key);
    if (path === undefined) return undefined;
    return await readFile(pathOf(path, host), "utf8").catch((cause: unknown) => {
      throw new Failure("config.value", `${key}: ${path} cannot be read`, { cause, hint: "expected a file in PEM" });
    });
  };
  const [ca, cert, key] = await Promise.all([pem("cacert"), pem("cert"), pem("key")]);
  // As openstacksdk has it: any text in `verify` asks for verification, the word "false" too.
  const isLoose = truth(all["insecure"]) === true || all["verify"] === false;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    // One file often holds both.
    ...(cert === undefined ? {} : { key: key ?? cert }),
    ...(isLoose ? { verify: false } : {}),
  };
}
