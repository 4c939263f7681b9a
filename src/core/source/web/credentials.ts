import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { homeOf } from "../../disk/account.ts";
import { errno } from "../../disk/reason.ts";
import { Failure } from "../../failure.ts";
import type { UrlSource } from "../../model/source.ts";
import { canonical } from "../../model/value.ts";
import { decoded, pairOf } from "../../net/proxy.ts";
import type { SourceContext } from "../context.ts";
import { findLogin } from "./netrc.ts";
import { secretsIn } from "./where.ts";

/** Who asks for a URL: the credentials that were declared, and the servers that they are meant for. */
export interface UrlCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly origins: readonly string[];
  /** Path of certificates of authorities, for all of its servers. */
  readonly ca?: string;
}

export const NO_CREDENTIALS: UrlCredentials = { origins: [] };

export const credentialsOf = ({ urls, username, password, headers, hosts, ca }: UrlSource): UrlCredentials => ({
  origins: meantFor(urls, hosts),
  ...(ca === undefined ? {} : { ca }),
  ...(username === undefined ? {} : { username }),
  ...(password === undefined ? {} : { password }),
  ...(headers === undefined ? {} : { headers }),
});

/** Of several mirrors only the first gets what was declared, unless it is said who else: a mirror is often another user's server. */
function meantFor(urls: readonly string[], hosts: readonly string[] | undefined): readonly string[] {
  if (hosts === undefined) return urls.slice(0, 1).map((url) => new URL(url).origin);
  return hosts.flatMap((host) => ["https", "http"].map((scheme) => new URL(`${scheme}://${host}`).origin));
}

/** There are credentials, and this URL does not get them. */
export const isWithheld = ({ origins, username, password, headers }: UrlCredentials, url: string): boolean =>
  [username, password, headers].some((one) => one !== undefined) && !origins.includes(new URL(url).origin);

/** What of an access counts for this URL, as comparable text without secrets: a server may answer another user with other bytes. */
export function identityOf(access: UrlCredentials, url: string): string {
  const { origin, username: user } = new URL(url);
  if (!access.origins.includes(origin)) return user;
  const { username, password, headers } = access;
  return canonical({ user, username, password, headers });
}

/**
 * The headers that let a request in: those of the source for its own servers; a user and password from the URL, the source or
 * netrc, in that order. @throws Failure config.secret, source.netrc
 */
export async function authorization(
  access: UrlCredentials,
  url: string,
  context: SourceContext,
): Promise<Record<string, string>> {
  const { origin, hostname, username: user, password: word } = new URL(url);
  for (const secret of secretsIn(url)) context.maskSecret?.(secret);
  const headers: Record<string, string> = {};
  const isOwn = access.origins.includes(origin);
  if (isOwn) {
    for (const [name, value] of Object.entries(access.headers ?? {}))
      headers[name.toLowerCase()] = await context.secret(value);
  }
  if (headers["authorization"] !== undefined) return headers;
  const login =
    user !== ""
      ? ([decoded(user), decoded(word)] as const)
      : await loginOf(isOwn ? access : NO_CREDENTIALS, hostname, context);
  if (login === undefined) return headers;
  const basic = pairOf(...login);
  context.maskSecret?.(basic);
  return { ...headers, authorization: `Basic ${basic}` };
}

async function loginOf(
  access: UrlCredentials,
  host: string,
  context: SourceContext,
): Promise<readonly [string, string] | undefined> {
  if (access.username !== undefined || access.password !== undefined)
    return [await optional(access.username, context), await optional(access.password, context)];
  const path = context.env["NETRC"] ?? join(homeOf(context.env), ".netrc");
  const found = findLogin(await netrc(path), host);
  if (found === undefined) return undefined;
  context.maskSecret?.(found.password);
  return [found.login, found.password];
}

const optional = async (reference: string | undefined, context: SourceContext): Promise<string> =>
  reference === undefined ? "" : await context.secret(reference);

async function netrc(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (errno(cause) === "ENOENT" || errno(cause) === "ENOTDIR") return "";
    throw new Failure("source.netrc", `${path} cannot be read`, { cause, hint: "grant this user read access" });
  }
}
