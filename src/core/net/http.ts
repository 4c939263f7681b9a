import { AsyncLocalStorage } from "node:async_hooks";
import { Failure } from "../failure.ts";
import { beginning, HttpAnswer } from "./answer.ts";
import { type AnswerHead, FailedAttempt, Sender } from "./attempt.ts";
import { isBusy, longWaitNotice, mayRetry, rateWaitNotice, retryDelay } from "./busy.ts";
import type { Answer, Call, HttpClient, HttpOptions } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { HttpContext } from "./context.ts";
import { answerFailure, brokenFailure } from "./failures.ts";
import { basic, decoded } from "./proxy.ts";
import { RateGate } from "./rate-gate.ts";
import { contentOf, type HttpRequest, requestOf, wantsJson } from "./request.ts";
import { type RetryOptions, retrying } from "./retry.ts";
import { abortable, orAborted, Scope } from "./scope.ts";
import { withoutCredentials } from "./text.ts";
import { traced } from "./trace.ts";
import { Transport } from "./transport.ts";
import { shownUrl, target } from "./url.ts";
import { messages } from "./websocket.ts";

/** Seconds for a try whose body does not flow, and until the last one begins. */
const TRY = 60;
const TRIES = 300;
const PLACES = 8;

export { longWaitNotice };
export const createHttpClient = (...all: ConstructorParameters<typeof Client>): HttpClient => new Client(...all);

class Client implements HttpClient {
  readonly #options: HttpOptions;
  readonly #context: HttpContext;
  readonly #base: URL;
  readonly #clock: Clock;
  readonly #gate: RateGate;
  readonly #transport: Transport;
  readonly #sender: Sender;
  readonly #closing = new AbortController();
  /** Set while the client asks its plugin for headers or a renewal: calls made from there use the place that is held already. */
  readonly #inside = new AsyncLocalStorage<true>();
  #renewal: Promise<boolean> | undefined;
  #renewals = 0;

  constructor(options: HttpOptions, context: HttpContext) {
    this.#options = options;
    this.#context = context;
    this.#base = target(options.url, "", undefined);
    this.#clock = context.clock ?? systemClock;
    const { parallelism: most, rateLimit } = options;
    const parallelism = Math.min(most ?? Infinity, context.limits?.parallelism ?? most ?? PLACES);
    this.#gate = new RateGate(
      { ...(rateLimit === undefined ? {} : { rateLimit }), ...context.limits, parallelism },
      this.#clock,
    );
    if (this.#base.password !== "") context.maskSecret(decoded(this.#base.password));
    const authorization = basic(this.#base);
    this.#base.username = "";
    this.#base.password = "";
    this.#transport = new Transport({
      own: this.#base.origin,
      socket: options.socket,
      tls: options.tls,
      env: context.env,
    });
    const { headers = {}, httpsOnly } = options;
    this.#sender = new Sender(this.#transport, {
      headers: async (outgoing) => ({
        ...(authorization === undefined ? {} : { authorization }),
        ...(typeof headers === "function" ? await this.#inside.run(true, () => headers(outgoing)) : headers),
      }),
      ...(httpsOnly === undefined ? {} : { httpsOnly }),
    });
  }

  async send(method: string, path: string, call: Call): Promise<Answer> {
    return await this.#call(method, path, call, async (reply) => reply);
  }

  async json(method: string, path: string, call: Call): Promise<unknown> {
    return await this.#call(method, path, wantsJson(call), contentOf);
  }

  async find(method: string, path: string, call: Call): Promise<unknown> {
    const accept = [...(call.accept ?? []), 404];
    return await this.#call(method, path, { ...wantsJson(call), accept }, async (reply) =>
      reply.status === 404 && call.accept?.includes(404) !== true ? void (await reply.text()) : await contentOf(reply),
    );
  }

  async *listen(
    path: string,
    call: Pick<Call, "signal" | "query" | "headers">,
  ): AsyncGenerator<string, void, undefined> {
    const url = target(this.#base.href, path, call.query);
    const { request, headers, isOwn } = requestOf("GET", url, call, this.#base, this.#options, this.#context);
    using scope = new Scope(this.#context.signal, this.#closing.signal, call.signal);
    scope.signal.throwIfAborted();
    const own = isOwn ? await this.#sender.headersFor({ method: "GET", url, body: undefined }, scope.signal) : {};
    yield* messages(await this.#transport.webSocket(url, { ...own, ...headers }), request, scope.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Failure("net.closed", "the connections to this backend were closed"));
    await this.#transport.close();
  }

  async #call<T>(method: string, path: string, call: Call, use: (reply: HttpAnswer) => Promise<T>): Promise<T> {
    const url = target(this.#base.href, path, call.query);
    const job = requestOf(method, url, call, this.#base, this.#options, this.#context);
    const scope = new Scope(this.#context.signal, this.#closing.signal, call.signal);
    const seconds = call.timeout ?? (job.opens === undefined ? TRIES : Infinity);
    if (call.timeout !== undefined) scope.limit(seconds * 1000, () => brokenFailure(tooLong(seconds), job.request, ""));
    try {
      return await retrying(
        async () => {
          const reply = await this.#answer(job, call, scope);
          try {
            return await use(reply);
          } catch (error) {
            // The answer broke off, and it is not the plugin that reads it: the whole call can be made again.
            throw new FailedAttempt(
              error,
              job.isSafe && error instanceof Failure && error.code.startsWith("net.") && error.retry,
            );
          }
        },
        {
          signal: abortable(call, scope),
          clock: this.#clock,
          deadline: this.#clock.now() + seconds * 1000,
          again: (error) => error instanceof FailedAttempt && error.again,
          patient: (error) => this.#context.patient === true && isBusy(error),
          onRetry: (again) => this.#tell(job, again),
          ...(this.#context.random === undefined ? {} : { random: this.#context.random }),
        },
      );
    } catch (error) {
      scope[Symbol.dispose]();
      throw error instanceof FailedAttempt ? error.failure : error;
    }
  }

  /** One try, and one more with renewed credentials where the first was not let in. */
  async #answer(job: HttpRequest, call: Call, scope: Scope): Promise<HttpAnswer> {
    for (let isRenewed = false; ; isRenewed = true) {
      const known = this.#renewals;
      const answered = await this.#placed(job, call, scope);
      const { exchange, flow, request, life } = answered;
      const isGood = exchange.status >= 200 && exchange.status < 300;
      if (isGood || job.accept.includes(exchange.status)) {
        if (flow !== undefined && isGood && !flow.complete) throw await tooEarly(answered, job);
        flow?.arrived();
        flow?.hold();
        void exchange.over.then(() => {
          scope[Symbol.dispose]();
          void flow?.stop(new Error("answered"));
        });
        const flows = (): void => {
          scope.unlimited();
          life.unlimited();
        };
        return new HttpAnswer({ exchange, request, signal: scope.signal, flows });
      }
      flow?.hold();
      const body = await beginning(exchange);
      await flow?.stop(new Error("refused"));
      scope.signal.throwIfAborted();
      const mayRenew = exchange.status === 401 && job.isOwn && !isRenewed;
      if (!mayRenew || !(await this.#renew(known, scope.signal))) throw this.#refused(answered, body, job, call);
    }
  }

  /** One try, in its place and its time. */
  async #placed(job: HttpRequest, call: Call, scope: Scope): Promise<AnswerHead & { readonly life: Scope }> {
    const lane = job.opens === undefined ? "calls" : "uploads";
    const leave =
      this.#inside.getStore() === true
        ? () => undefined
        : await this.#gate.enter(lane, abortable(call, scope), (wait) => this.#queued(job, wait));
    const life = new Scope(scope.signal);
    const seconds = this.#context.limits?.timeout ?? TRY;
    if (call.timeout === undefined && job.opens === undefined) life.limit(seconds * 1000, () => tooLong(seconds));
    const end = (): void => {
      leave();
      life[Symbol.dispose]();
    };
    try {
      const answered = await traced(this.#context, job, this.#clock, () => this.#sender.send(job, life));
      void answered.exchange.over.then(end);
      return { ...answered, life };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** One renewal serves all that were sent away before it. */
  async #renew(known: number, signal: AbortSignal): Promise<boolean> {
    const { renew } = this.#options;
    if (renew === undefined) return false;
    if (this.#renewals !== known) return true;
    this.#renewal ??= this.#inside
      .run(true, async () => await renew())
      .then((isGood) => {
        if (isGood) this.#renewals += 1;
        return isGood;
      })
      .finally(() => {
        this.#renewal = undefined;
      });
    return await orAborted(this.#renewal, signal);
  }

  #refused({ exchange, request, headers }: AnswerHead, body: string, job: HttpRequest, call: Call): FailedAttempt {
    const answer = { status: exchange.status, headers: exchange.headers, body };
    const explained = this.#options.explain?.(answer);
    const redact = (text: string): string => request.redact(withoutCredentials(text, headers));
    const now = this.#clock.now();
    const failure = answerFailure(answer, explained, { ...request, redact }, now);
    const isAgain = explained?.retry ?? mayRetry(answer, job, call);
    return new FailedAttempt(failure, isAgain && (retryDelay(answer, now) ?? true));
  }

  #queued({ request: { method, url, redact } }: HttpRequest, wait: number): void {
    const failure = rateWaitNotice(wait, this.#context.limits?.rateLimit ?? this.#options.rateLimit);
    if (failure !== undefined)
      this.#context.onRetry?.({ method, url: redact(shownUrl(url)), attempt: 0, attempts: Infinity, wait, failure });
  }

  #tell({ request }: HttpRequest, { failure, ...again }: RetryOptions): void {
    const { method, url, redact } = request;
    if (failure instanceof FailedAttempt && failure.failure instanceof Failure)
      this.#context.onRetry?.({ method, url: redact(shownUrl(url)), ...again, failure: failure.failure });
  }
}

const tooLong = (seconds: number): Failure =>
  new Failure("net.timeout", `no response within ${seconds} s`, {
    retry: true,
    hint: "try again, or set a longer `timeout` for this backend",
  });

/** A server that says yes before it has seen the last byte cannot have checked what it took. */
async function tooEarly({ exchange, flow, request }: AnswerHead, { isSafe }: HttpRequest): Promise<FailedAttempt> {
  exchange.abort(new Error("too early"));
  await flow?.stop(new Error("too early"));
  const failure = new Failure("backend.answer", `the server responded ${exchange.status} before the end of the body`, {
    retry: true,
  });
  return new FailedAttempt(brokenFailure(failure, request, ""), isSafe);
}
