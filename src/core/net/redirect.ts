import { Failure } from "../failure.ts";
import type { RequestInfo } from "./failures.ts";
import { shownUrl } from "./url.ts";

const MOST = 10;
/** Headers that say what is wanted and nothing of who wants it: they go along to another host. */
const HARMLESS = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "cache-control",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "pragma",
  "range",
  "user-agent",
]);

export const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

export const isSafeToRedirect = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.has(name)));

/** The addresses that one request was sent on to. */
export class RedirectTrail {
  readonly #seen: URL[];
  readonly #request: RequestInfo;
  readonly #httpsOnly: boolean;

  /** @throws Failure net.https */
  constructor(request: RequestInfo, httpsOnly = false) {
    this.#request = request;
    this.#httpsOnly = httpsOnly;
    if (httpsOnly && request.url.protocol !== "https:") throw this.#plain(request.url, "is not https");
    this.#seen = [request.url];
  }

  /** Where to next. @throws Failure net.https; net.redirect for circles, more than ten, and addresses that are none */
  next(location: string | null): URL {
    const from = this.#seen.at(-1) ?? this.#request.url;
    const to = location === null ? null : URL.parse(location, from.href);
    if (to === null || !/^https?:$/.test(to.protocol))
      throw this.#lost("the server redirects to an address that is not an http or https URL");
    to.hash = "";
    if (this.#httpsOnly && to.protocol !== "https:") throw this.#plain(to, "is what the server redirects to");
    const isCircle = this.#seen.some((seen) => seen.href === to.href);
    this.#seen.push(to);
    if (isCircle) throw this.#lost(`redirected in a circle: ${this.#seen.map(shownUrl).join(" -> ")}`);
    if (this.#seen.length > MOST + 1) throw this.#lost(`redirected more than ${MOST} times, last to ${shownUrl(to)}`);
    return to;
  }

  #plain(to: URL, what: string): Failure {
    const { method, url, redact } = this.#request;
    return new Failure(
      "net.https",
      redact(`${shownUrl(to)} ${what}, and [policy] requires https (${method} ${shownUrl(url)})`),
      {
        hint: "use a URL that is https all the way, or remove https from [policy] require",
        request: { method, url: redact(shownUrl(url)) },
      },
    );
  }

  #lost(message: string): Failure {
    const { method, url, redact } = this.#request;
    return new Failure("net.redirect", redact(`${message} (${method} ${shownUrl(url)})`), {
      hint: "check the address: the server redirects without end",
      request: { method, url: redact(shownUrl(url)) },
    });
  }
}
