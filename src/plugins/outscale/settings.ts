import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Desired, Failure, type Host, homeOf, type Keys } from "images";
import * as t from "typanion";
import type { OutscaleConfig } from "./schema.ts";

/** How requests to the API are signed. */
type OutscaleCredentials =
  | { readonly kind: "keys"; readonly keys: Keys }
  | { readonly kind: "password"; readonly login: string; readonly password: string };

/** Where bytes pass through, on their way to a snapshot and back. */
export interface BucketAccess {
  readonly name: string;
  readonly endpoint: string;
  readonly region: string;
  readonly keys: Keys;
}

interface OutscaleAccess {
  /** With the path: https://api.eu-west-2.outscale.com/api/v1. */
  readonly url: string;
  readonly region: string;
  readonly credentials: OutscaleCredentials;
  readonly bucket?: BucketAccess;
  /** PEM texts of the client's certificate. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const isMore = { extra: t.isUnknown() };
const isText = t.isOptional(t.isNullable(t.isString()));
const isProfile = t.isObject(
  {
    access_key: isText,
    secret_key: isText,
    login: isText,
    password: isText,
    region: isText,
    region_name: isText,
    x509_client_cert: isText,
    x509_client_key: isText,
    protocol: isText,
    client_certificate: isText,
    endpoints: t.isOptional(t.isNullable(t.isObject({ api: isText, oos: isText }, isMore))),
  },
  isMore,
);
type Profile = t.InferType<typeof isProfile>;
const isFile = t.isRecord(t.isUnknown());

const DEFAULT_REGION = "eu-west-2";

/**
 * What the settings say, then the environment, then a profile. A profile that the settings name goes before the environment: who names one
 * means it. Keys and a password are each taken from one place, never halves of two.
 * @throws Failure config.secret, config.value
 */
export async function accessOf(
  written: Desired<OutscaleConfig>,
  host: Pick<Host, "backend" | "directory" | "env" | "maskSecret">,
): Promise<OutscaleAccess> {
  const { env } = host;
  const isNamed = written.profile !== undefined || written.config !== undefined;
  const profile = await profileOf(written, host);
  const said = (name: string): string | undefined => present(env[name]);
  const first = (name: string, other: string | undefined | null) =>
    isNamed ? (present(other) ?? said(name)) : (said(name) ?? present(other));
  const region = written.region ?? first("OSC_REGION", profile?.region ?? profile?.region_name) ?? DEFAULT_REGION;
  const endpoint = written.endpoint ?? first("OSC_ENDPOINT_API", profile?.endpoints?.api);
  const protocol = protocolOf(first("OSC_PROTOCOL", profile?.protocol));
  const credentials = credentialsOf(written, host, isNamed, profile);
  for (const secret of credentials.kind === "keys" ? [credentials.keys.secretKey] : [credentials.password])
    host.maskSecret(secret);
  const cert =
    written.client_cert ?? first("OSC_X509_CLIENT_CERT", profile?.x509_client_cert ?? profile?.client_certificate);
  const key = written.client_key ?? first("OSC_X509_CLIENT_KEY", profile?.x509_client_key) ?? cert;
  const tls =
    cert === undefined || key === undefined ? {} : { tls: { cert: await pem(cert, host), key: await pem(key, host) } };
  const store = written.bucket_endpoint ?? first("OSC_ENDPOINT_OOS", profile?.endpoints?.oos);
  const bucket = bucketOf(written, credentials, store === undefined ? store : withScheme(store, protocol), region);
  return {
    url: full(endpoint, region, protocol),
    region,
    credentials,
    ...(bucket === undefined ? {} : { bucket }),
    ...tls,
  };
}

function bucketOf(
  { bucket, bucket_region }: Desired<OutscaleConfig>,
  credentials: OutscaleCredentials,
  endpoint: string | undefined,
  region: string,
): BucketAccess | undefined {
  if (bucket === undefined) return undefined;
  if (credentials.kind === "password")
    throw new Failure("config.secret", "the object store requires access keys; login and password are not enough", {
      hint: "set access_key and secret_key as well, or remove `bucket`",
    });
  const where = endpoint ?? `https://oos.${bucket_region ?? region}.outscale.com`;
  return {
    name: bucket,
    endpoint: withScheme(where, "https"),
    region: bucket_region ?? region,
    keys: credentials.keys,
  };
}

function credentialsOf(
  written: Desired<OutscaleConfig>,
  { backend, env }: Pick<Host, "backend" | "env">,
  isNamed: boolean,
  profile: Profile | undefined,
): OutscaleCredentials {
  const own = keysOf(referred(written.access_key, env), written.secret_key);
  const given = keysOf(present(env["OSC_ACCESS_KEY"]), present(env["OSC_SECRET_KEY"]));
  const kept = keysOf(present(profile?.access_key), present(profile?.secret_key));
  const mixed = keysOf(
    referred(written.access_key, env) ?? present(env["OSC_ACCESS_KEY"]),
    written.secret_key ?? present(env["OSC_SECRET_KEY"]),
  );
  const isPassword = env["OSC_AUTH_METHOD"] === "password" || (written.login !== undefined && own === undefined);
  const keys = own ?? (isNamed ? (kept ?? mixed) : (mixed ?? given ?? kept));
  if (keys !== undefined && !isPassword) return { kind: "keys", keys };
  const login = written.login ?? present(env["OSC_LOGIN"]) ?? present(profile?.login);
  const password = written.password ?? present(env["OSC_PASSWORD"]) ?? present(profile?.password);
  if (login !== undefined && password !== undefined) return { kind: "password", login, password };
  const old = Object.keys(OLD).find((name) => present(env[name]) !== undefined);
  if (old !== undefined)
    throw new Failure("config.secret", `there are no credentials for ${backend}: ${old} is no longer read`, {
      hint: `Outscale's tools have new names: ${Object.entries(OLD)
        .map(([before, now]) => `${now} for ${before}`)
        .join(", ")}`,
    });
  throw new Failure("config.secret", `there are no credentials for ${backend}`, {
    hint: 'write access_key and secret_key = "env:…", or set OSC_ACCESS_KEY and OSC_SECRET_KEY, or make a profile in ~/.osc/config.json',
  });
}

/** Names of the environment that terraform's provider had before 1.0, and what they are called since. */
const OLD: Readonly<Record<string, string>> = {
  OUTSCALE_ACCESSKEYID: "OSC_ACCESS_KEY",
  OUTSCALE_SECRETKEYID: "OSC_SECRET_KEY",
  OUTSCALE_REGION: "OSC_REGION",
  OUTSCALE_OAPI_URL: "OSC_ENDPOINT_API",
  OUTSCALE_X509CERT: "OSC_X509_CLIENT_CERT",
  OUTSCALE_X509KEY: "OSC_X509_CLIENT_KEY",
};

function keysOf(accessKey: string | undefined, secretKey: string | undefined): Keys | undefined {
  return accessKey === undefined || secretKey === undefined ? undefined : { accessKey, secretKey };
}

/** An access key is no secret, so it may stand as it is; by the name of a variable all the same, as its other half does. */
function referred(text: string | undefined, env: Host["env"]): string | undefined {
  const name = /^env:(.+)$/.exec(text ?? "")?.[1];
  if (name === undefined) return text;
  const value = present(env[name]);
  if (value === undefined)
    throw new Failure("config.secret", `the variable ${name} is not set`, { hint: "check access_key" });
  return value;
}

const present = (text: string | undefined | null): string | undefined => (text?.trim() ? text.trim() : undefined);
type Protocol = "http" | "https";
const withScheme = (url: string, protocol: Protocol): string =>
  (/^https?:\/\//i.test(url) ? url : `${protocol}://${url}`).replace(/\/+$/, "");

/** How a host without a scheme is spoken to. */
function protocolOf(text: string | undefined): Protocol {
  const protocol = text?.toLowerCase() ?? "https";
  if (protocol === "http" || protocol === "https") return protocol;
  throw new Failure("config.value", `${JSON.stringify(text)} is not a protocol of the Outscale API`, {
    hint: "OSC_PROTOCOL, or `protocol` of the profile: https or http",
  });
}

/** Some tools write only the host into their settings, some the whole path. */
function full(endpoint: string | undefined, region: string, protocol: Protocol): string {
  const url = withScheme(endpoint ?? `api.${region}.outscale.com`, protocol);
  return /^https?:\/\/[^/]+$/i.test(url) ? `${url}/api/v1` : url;
}

const absolute = (path: string, { directory, env }: Pick<Host, "directory" | "env">): string =>
  resolve(directory, path.replace(/^~(?=\/|$)/, homeOf(env)));

async function pem(path: string, host: Pick<Host, "directory" | "env">): Promise<string> {
  return await readFile(absolute(path, host), "utf8").catch((cause: unknown) => {
    throw new Failure("config.value", `the client certificate ${path} cannot be read`, {
      cause,
      hint: "client_cert and client_key, or OSC_X509_CLIENT_CERT and OSC_X509_CLIENT_KEY, name PEM files",
    });
  });
}

/** The profile, where there is one. @throws Failure when one that was named is not there */
async function profileOf(
  { config, profile }: Desired<OutscaleConfig>,
  host: Pick<Host, "directory" | "env">,
): Promise<Profile | undefined> {
  const { env } = host;
  const wanted = profile ?? present(env["OSC_PROFILE"]);
  const named = config ?? present(env["OSC_CONFIG_FILE"]);
  const isMeant = wanted !== undefined || named !== undefined;
  const path = absolute(named ?? "~/.osc/config.json", host);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (!isMeant) return undefined;
    throw new Failure("config.value", `the configuration file ${path} cannot be read`, {
      cause,
      hint: "it contains the profiles",
    });
  });
  if (text === undefined) return undefined;
  const all = parsed(text, path);
  const name = wanted ?? "default";
  const found = all[name];
  if (found === undefined && wanted === undefined) return undefined;
  if (isProfile(found)) return found;
  throw new Failure("config.value", `${path} has no profile ${JSON.stringify(name)}`, {
    hint: `there is: ${Object.keys(all).join(", ")}`,
  });
}

function parsed(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isFile(value)) return value;
  } catch {
    // The parser's words would show a piece of the file, which holds secrets.
  }
  throw new Failure("config.value", `${path} is not a JSON table of profiles`, {
    hint: '{"default": {"access_key": "…", "secret_key": "…", "region": "eu-west-2"}}',
  });
}
