import { BlockList, isIP } from "node:net";
import { Failure } from "../failure.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment names for this URL: HTTPS_PROXY or HTTP_PROXY by its scheme, else ALL_PROXY, unless NO_PROXY names
 * the host; all of them in lower case first, as curl reads them.
 * @throws Failure net.proxy
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const named = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const text = named(url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY") ?? named("ALL_PROXY");
  if (text === undefined || isExempt(url, named("NO_PROXY") ?? "")) return undefined;
  const proxy = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (proxy === null || (proxy.protocol !== "http:" && proxy.protocol !== "https:"))
    throw new Failure("net.proxy", `the proxy for ${url.host} is not an http or https URL`, {
      hint: "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://[user:password@]host:port; NO_PROXY lists hosts that need none",
    });
  return proxy;
}

/** Basic authorization (or Proxy-Authorization) from the user and password of a URL. */
export function basic({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${pairOf(decoded(username), decoded(password))}`;
}

/** A user and a password as Basic authorization sends them. */
export const pairOf = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString("base64");

/** Part of a URL without its percent signs; as it is where they are none that mean anything. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isExempt(url: URL, list: string): boolean {
  const host = bare(url.hostname);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => entry === "*" || matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry.includes("/")) return isWithin(entry, host);
  const [, name = entry, only] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = bare(name).replace(/^\*?\./, "");
  return host === domain || (isIP(host) === 0 && domain !== "" && host.endsWith(`.${domain}`));
}

function isWithin(network: string, host: string): boolean {
  const [address = "", prefix = ""] = network.split("/");
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d+$/.test(prefix)) return false;
  const name = family === 6 ? "ipv6" : "ipv4";
  if (Number(prefix) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), name);
  return list.check(host, name);
}

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
