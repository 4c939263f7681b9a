import { Failure } from "../failure.ts";
import { OutgoingBody } from "./body.ts";
import type { HttpOptions, OutgoingRequest } from "./client.ts";
import { Exchange } from "./exchange.ts";
import { brokenFailure, codeOfError, type RequestInfo } from "./failures.ts";
import { isRedirect, isSafeToRedirect, RedirectTrail } from "./redirect.ts";
import { type HttpRequest, lowerCase } from "./request.ts";
import { orAborted, type Scope } from "./scope.ts";
import type { Transport } from "./transport.ts";
import { maySendCredentials } from "./url.ts";

/** A failed try, and whether another one is of use: a number is the milliseconds that the other side asked for. */
export class FailedAttempt {
  readonly failure: unknown;
  readonly again: boolean | number;
  constructor(failure: unknown, again: boolean | number) {
    this.failure = failure;
    this.again = again;
  }
}

/** An answer whose headers are there. */
export interface AnswerHead {
  readonly exchange: Exchange;
  readonly flow: OutgoingBody | undefined;
  /** With the URL that answered, after redirects. */
  readonly request: RequestInfo;
  /** The headers that were sent to it. */
  readonly headers: Readonly<Record<string, string>>;
}

export class Sender {
  readonly #transport: Transport;
  readonly #headers: NonNullable<HttpOptions["headers"]>;
  /** Servers that have answered before: what cannot be reached there is a server that restarts, not an error in the address. */
  readonly #reached = new Set<string>();

  readonly #httpsOnly: boolean;

  constructor(transport: Transport, { headers = {}, httpsOnly = false }: Pick<HttpOptions, "headers" | "httpsOnly">) {
    this.#transport = transport;
    this.#headers = headers;
    this.#httpsOnly = httpsOnly;
  }

  /** Sends once, follows redirects of GET and HEAD. Rejects with a FailedAttempt, with what the client's headers threw, or with the scope's reason. */
  async send(job: HttpRequest, scope: Scope): Promise<AnswerHead> {
    const trail = new RedirectTrail(job.request, this.#httpsOnly);
    let { request, headers, isOwn } = job;
    while (true) {
      const outgoing = { method: request.method, url: request.url, body: job.text, headers };
      const own = isOwn ? await this.headersFor(outgoing, scope.signal) : {};
      const answered = await this.#exchange(job, request, { ...job.defaults, ...own, ...headers }, scope);
      const { exchange } = answered;
      this.#reached.add(request.url.origin);
      const isFollowed = request.method === "GET" || request.method === "HEAD";
      if (!isFollowed || !isRedirect(exchange.status) || job.accept.includes(exchange.status)) return answered;
      exchange.abort(new Error("redirected"));
      const to = trail.next(exchange.headers.get("location"));
      if (!maySendCredentials(request.url, to)) {
        isOwn = false;
        headers = isSafeToRedirect(headers);
      }
      request = { ...request, url: to };
    }
  }

  /** The client's own headers for a request, in lower case. */
  async headersFor(outgoing: OutgoingRequest, signal: AbortSignal): Promise<Record<string, string>> {
    const headers = typeof this.#headers === "function" ? this.#headers(outgoing) : this.#headers;
    return lowerCase(await orAborted(Promise.resolve(headers), signal));
  }

  async #exchange(
    job: HttpRequest,
    request: RequestInfo,
    headers: Readonly<Record<string, string>>,
    scope: Scope,
  ): Promise<AnswerHead> {
    const route = await this.#transport.route(request.url, !isRepeated(job));
    const exchange = new Exchange(job.patience);
    const stop = (): void => exchange.abort(scope.signal.reason);
    scope.signal.addEventListener("abort", stop, { once: true });
    void exchange.over.then(() => {
      scope.signal.removeEventListener("abort", stop);
      route.leave();
    });
    let flow: OutgoingBody | undefined;
    try {
      scope.signal.throwIfAborted();
      if (job.opens !== undefined) job.onSent(0);
      flow = job.opens && new OutgoingBody(job.opens, job.onSent, (forSocket) => exchange.waits(forSocket));
      const { origin, path, dispatcher } = route;
      await exchange.send(
        dispatcher,
        {
          origin,
          path,
          method: request.method,
          headers: { ...headers, ...lengthOf(flow), ...route.headers },
          body: job.text,
        },
        flow,
      );
      return { exchange, flow, request, headers };
    } catch (error) {
      exchange.abort(error);
      await flow?.stop(error);
      throw this.#broken(error, { exchange, flow, request, headers }, job, scope);
    }
  }

  #broken(error: unknown, { exchange, flow, request }: AnswerHead, job: HttpRequest, scope: Scope): unknown {
    // What the giver of the body threw is the giver's to explain.
    if (flow?.error !== undefined && flow.error === error) return error;
    const isTimeout = error instanceof Failure && error.code === "net.timeout";
    if (scope.signal.aborted && !isTimeout) return scope.signal.reason;
    const failure = brokenFailure(error, request, "the connection broke before there was a response");
    if (!exchange.started) {
      const isNowhere = /^(?:ENOENT|ENOTFOUND|EACCES)$/.test(codeOfError(failure.cause));
      return new FailedAttempt(failure, isNowhere && !this.#reached.has(request.url.origin) ? false : failure.retry);
    }
    const hint = this.#hintOf(failure, request.url, job);
    const explained =
      hint === undefined ? failure : new Failure(failure.code, failure.message, { ...facts(failure), hint });
    return new FailedAttempt(explained, job.isSafe && failure.retry);
  }

  #hintOf({ code, retry, hint }: Failure, url: URL, job: HttpRequest): string | undefined {
    if (code === "net.broken" && url.protocol === "https:" && !this.#reached.has(url.origin))
      return "a server that requires client certificates closes the connection on an unknown one: check the certificate and the key";
    return job.isSafe || retry === false
      ? hint
      : "the request may have arrived: check the backend before it is sent again";
  }
}

/** Bytes of a body that is given again without loss, should its connection turn out to be closed. */
const REPEATED = 1024 * 1024;

const isRepeated = ({ isSafe, opens }: HttpRequest): boolean =>
  isSafe && (opens === undefined || (opens.size ?? Infinity) <= REPEATED);

const facts = ({ cause, request, retry }: Failure) => ({ cause, request, retry });

const lengthOf = (flow: OutgoingBody | undefined): Record<string, string> =>
  flow?.size === undefined ? {} : { "content-length": String(flow.size) };
