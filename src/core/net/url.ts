import { Failure } from "../failure.ts";
import type { Call } from "./client.ts";

/** `path` below `base`, with the call's query; a full URL is taken as it is. @throws Failure net.url */
export function target(base: string, path: string, query: Call["query"]): URL {
  const text = /^https?:\/\//i.test(path)
    ? path
    : path === ""
      ? base
      : `${base.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Failure("net.url", "the address of the server is not an http or https URL", {
      hint: "expected https://host:port/path",
    });
  url.hash = "";
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  return url;
}

/** A URL as messages may show it: without user, query and fragment. */
export const shownUrl = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

/** `host:port`, with the port that the scheme means. */
export const hostPort = (url: URL): string => `${url.hostname}:${portOf(url)}`;
export const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? 443 : 80));
/** The host without the brackets of an IPv6 address. */
export const bareHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");

/** May what was meant for `from` be shown to `to`? The same server, or the same host by https where it was http before. */
export function maySendCredentials(from: URL, to: URL): boolean {
  if (from.origin === to.origin) return true;
  return (
    from.hostname === to.hostname &&
    from.protocol === "http:" &&
    to.protocol === "https:" &&
    portOf(from) === 80 &&
    portOf(to) === 443
  );
}
