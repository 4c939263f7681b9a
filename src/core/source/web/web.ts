import { type Code, Failure } from "../../failure.ts";
import type { Validators } from "../../model/source.ts";
import { certificatesIn } from "../../net/authorities.ts";
import type { Answer, HttpClient } from "../../net/client.ts";
import { orAborted } from "../../net/scope.ts";
import type { SourceContext } from "../context.ts";
import { codingOf, isCoded, unpackSmall } from "./coding.ts";
import { authorization, identityOf, isWithheld, type UrlCredentials } from "./credentials.ts";
import { identifierOf, type RequestIdentifier } from "./identity.ts";
import { namesOf } from "./names.ts";
import { rangeOf } from "./range.ts";
import { SMALL_FILE_LIMIT, smallFile, tooLarge } from "./small.ts";
import { lengthOf, validatorsOf } from "./validators.ts";
import { isUrl, publicUrl } from "./where.ts";

/** Every answer to HEAD that is no success: servers that only know GET, signed URLs that are for GET alone, and whatever else breaks. */
const NO_HEAD = Array.from({ length: 200 }, (_, i) => 400 + i);
/** GET would end in the same way. */
const HOPELESS: readonly string[] = [
  "backend.unreachable",
  "source.unreachable",
  "source.tls",
  "net.proxy",
  "net.url",
  "net.https",
];

/** Seconds for an answer of a server that others can stand in for. */
const QUICK = 60;

interface Head {
  readonly validators: Validators;
  readonly coding: string | undefined;
  readonly names: readonly string[];
}

/** All that one run asks of web servers for its sources: every small thing once. */
export class Web implements AsyncDisposable {
  readonly #context: SourceContext;
  readonly #doors = new Map<string, HttpClient>();
  readonly #heads = new Map<string, Promise<Head>>();
  readonly #files = new Map<string, Promise<Uint8Array>>();
  readonly #told = new Set<string>();
  /** Tells requests apart. */
  readonly identifier: RequestIdentifier;

  constructor(context: SourceContext) {
    this.#context = context;
    this.identifier = identifierOf(context.env);
  }

  /** What the server says of a file, without its bytes. `plain`: only of bytes as they are. @throws Failure source.* , net.* */
  async head(url: string, access: UrlCredentials, signal: AbortSignal, plain = false): Promise<Validators> {
    const { validators, coding } = await this.#headOf(url, access, signal);
    if (plain && coding !== undefined) throw isCoded(publicUrl(url), coding);
    return validators;
  }

  /** The names that the server gives the file; none where it says nothing of it. */
  async names(url: string, access: UrlCredentials, signal: AbortSignal): Promise<readonly string[]> {
    try {
      return (await this.#headOf(url, access, signal)).names;
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof Failure) return [];
      throw thrown;
    }
  }

  /** A line for the user, once a run. */
  note(text: string): void {
    if (!this.#told.has(text)) this.#context.note?.(text);
    this.#told.add(text);
  }

  /** All of a small file, by path or URL; `isQuick`: it can be had elsewhere, and is not waited for. @throws Failure source.*, net.* */
  small(where: string, access: UrlCredentials, signal: AbortSignal, isQuick = false): Promise<Uint8Array> {
    const key = isUrl(where) ? keyOf(where, access) : where;
    const make = () => (isUrl(where) ? this.#small(where, access, this.#context.signal, isQuick) : smallFile(where));
    return orAborted(once(this.#files, key, make), signal);
  }

  /** Begins to fetch. `accept`: statuses besides success that the caller handles. @throws Failure source.*, net.* */
  async get(
    url: string,
    access: UrlCredentials,
    options: {
      readonly signal: AbortSignal;
      readonly headers?: Readonly<Record<string, string>>;
      readonly accept?: readonly number[];
    },
  ): Promise<Answer> {
    return await this.#send("GET", url, access, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const doors = [...this.#doors.values()];
    this.#doors.clear();
    await Promise.all(doors.map((http) => http[Symbol.asyncDispose]()));
  }

  async #headOf(url: string, access: UrlCredentials, signal: AbortSignal): Promise<Head> {
    const answer = once(this.#heads, keyOf(url, access), () => this.#head(url, access, this.#context.signal));
    return await orAborted(answer, signal);
  }

  async #head(url: string, access: UrlCredentials, signal: AbortSignal): Promise<Head> {
    const answer = await this.#tryHead(url, access, signal);
    const told = answer === undefined ? undefined : lengthOf(answer.headers);
    // No length for a file that has bytes is what some servers say to HEAD.
    if (answer !== undefined && answer.status < 300 && told !== 0) return headOf(url, answer, told);
    // The first byte is asked for, so that the whole length is reported beside it.
    const first = await this.#send("GET", url, access, { signal, headers: { range: "bytes=0-0" }, accept: [416] });
    const range = rangeOf(first.headers.get("content-range"));
    const length = first.status === 200 ? lengthOf(first.headers) : range?.total;
    for await (const _ of first.stream()) break;
    return headOf(url, first, length);
  }

  /** Undefined where it fails in a way in which GET need not fail. It is not tried twice: GET is. */
  async #tryHead(url: string, access: UrlCredentials, signal: AbortSignal): Promise<Answer | undefined> {
    try {
      return await this.#send("HEAD", url, access, { signal, accept: NO_HEAD, idempotent: false });
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof Failure) || !/^(?:net|source)\./.test(thrown.code) || HOPELESS.includes(thrown.code))
        throw thrown;
      return undefined;
    }
  }

  /** The text of a `ca`, read once a run. @throws Failure source.tls, and those of reading it */
  async #authorities(path: string): Promise<string> {
    const text = Buffer.from(await once(this.#files, path, () => smallFile(path))).toString("utf8");
    certificatesIn(text, path);
    return text;
  }

  async #small(url: string, access: UrlCredentials, signal: AbortSignal, isQuick: boolean): Promise<Uint8Array> {
    const once = { idempotent: false, timeout: this.#context.patience?.idle ?? QUICK };
    const answer = await this.#send("GET", url, access, { signal, ...(isQuick ? once : {}) });
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of answer.stream()) {
      size += piece.length;
      if (size > SMALL_FILE_LIMIT) throw tooLarge(publicUrl(url));
      pieces.push(piece);
    }
    return unpackSmall(Buffer.concat(pieces), answer.headers, publicUrl(url));
  }

  async #send(
    method: string,
    url: string,
    access: UrlCredentials,
    options: {
      readonly signal: AbortSignal;
      readonly headers?: Readonly<Record<string, string>>;
      readonly accept?: readonly number[];
      readonly idempotent?: boolean;
      readonly timeout?: number;
    },
  ): Promise<Answer> {
    const { signal, headers = {}, ...how } = options;
    try {
      // The bytes as they are kept: what a server compresses on the way has another length and other ranges.
      const sent = { "accept-encoding": "identity", ...headers };
      const http = await this.#http(url, access);
      return await http.send(method, bare(url), { signal, headers: sent, ...how });
    } catch (thrown) {
      signal.throwIfAborted();
      throw webFailure(thrown, isWithheld(access, url) ? new URL(url).host : undefined);
    }
  }

  async #http(url: string, access: UrlCredentials): Promise<HttpClient> {
    const { ca } = access;
    const extra = ca === undefined ? undefined : await this.#authorities(ca);
    const { origin } = new URL(url);
    const key = `${origin} ${identityOf(access, url)} ${ca ?? ""}`;
    const known = this.#doors.get(key);
    if (known !== undefined) return known;
    const { idle } = this.#context.patience ?? {};
    const http = this.#context.http({
      url: origin,
      headers: () => authorization(access, url, this.#context),
      ...(extra === undefined ? {} : { tls: { extra } }),
      httpsOnly: this.#context.httpsOnly === true,
      credentials: "`username` and `password` of this source, or netrc",
      ...(idle === undefined ? {} : { idle }),
    });
    this.#doors.set(key, http);
    return http;
  }
}

const headOf = (asked: string, answer: Answer, length: number | undefined): Head => ({
  validators: validatorsOf(answer.headers, length),
  names: namesOf(answer.headers, answer.url),
  coding: codingOf(asked, answer),
});

/** A failure of the HTTP client, as one of a source. */
function webFailure(thrown: unknown, withheld: string | undefined): unknown {
  if (!(thrown instanceof Failure) || !thrown.code.startsWith("backend.")) return thrown;
  const kind = thrown.code.slice("backend.".length);
  const code: Code = kind === "auth" ? "source.denied" : `source.${kind}`;
  const hint =
    withheld !== undefined && (kind === "auth" || kind === "denied")
      ? `the credentials of this source are for other hosts: to send them to ${withheld} as well, set hosts = […, "${withheld}"]`
      : kind === "missing"
        ? "check the URL: the server has no such file"
        : thrown.hint;
  const { message, cause, retry, request } = thrown;
  return new Failure(code, message, { hint, cause, retry, request });
}

/** The answer of the first one who asks, for all; a failure is not kept. */
function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = make();
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}

const keyOf = (url: string, access: UrlCredentials): string => `${url} ${identityOf(access, url)}`;

/** The URL as it goes to the door: user and password travel in a header. */
function bare(text: string): string {
  const url = new URL(text);
  url.username = "";
  url.password = "";
  return url.href;
}
