import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { type ReadableSpan, type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Event } from "../../core/model/event.ts";
import type { HttpClient, HttpOptions } from "../../core/net/client.ts";
import type { RequestTrace } from "../../core/net/context.ts";
import type { Destination } from "./destination.ts";

/** Spans in one request. */
const BATCH = 512;

interface TraceContext {
  readonly version: string;
  readonly command: string;
  readonly now: () => number;
  readonly open: (options: HttpOptions) => HttpClient;
  readonly redact: (text: string) => string;
}

/** The trace of one run: the run, its images, their phases, and the requests that were made. */
export class RunTrace {
  readonly #to: Destination;
  readonly #context: TraceContext;
  readonly #tracer: Tracer;
  readonly #run: Span;
  readonly #inside: Context;
  readonly #steps = new Map<string, { readonly span: Span; readonly inside: Context }>();
  readonly #phases = new Map<string, Span>();
  readonly #ended: ReadableSpan[] = [];
  #sending: Promise<void> = Promise.resolve();
  #failure: unknown;

  constructor(to: Destination, context: TraceContext) {
    this.#to = to;
    this.#context = context;
    const processor: SpanProcessor = {
      onStart: () => undefined,
      onEnd: (span) => this.#end(span),
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    const provider = new TracerProvider({
      resource: resourceFromAttributes(to.resource),
      spanProcessors: [processor],
    });
    this.#tracer = provider.getTracer("images", context.version);
    const above =
      to.parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...to.parent, isRemote: true });
    this.#run = this.#tracer.startSpan(`images ${context.command}`, { startTime: context.now() }, above);
    this.#inside = trace.setSpan(above, this.#run);
  }

  take(event: Event): void {
    const startTime = this.#context.now();
    switch (event.type) {
      case "run.started":
        this.#run.setAttribute("images.run", event.run);
        break;
      case "step.started": {
        const attributes = { "images.address": event.address, "images.action": event.action };
        const span = this.#tracer.startSpan(
          `${event.action} ${event.address}`,
          { startTime, attributes },
          this.#inside,
        );
        this.#steps.set(event.address, { span, inside: trace.setSpan(this.#inside, span) });
        break;
      }
      case "transfer.started": {
        const above = this.#steps.get(event.address)?.inside ?? this.#inside;
        const attributes = { "images.address": event.address, "images.attempt": event.attempt };
        const span = this.#tracer.startSpan(event.phase, { startTime, attributes }, above);
        this.#phases.set(`${event.address} ${event.phase}`, span);
        break;
      }
      case "transfer.done": {
        const key = `${event.address} ${event.phase}`;
        this.#phases.get(key)?.setAttribute("images.bytes", event.done).end(startTime);
        this.#phases.delete(key);
        break;
      }
      case "step.done":
        this.#steps.get(event.address)?.span.end(startTime);
        this.#steps.delete(event.address);
        break;
      case "step.failed":
        this.#steps
          .get(event.address)
          ?.span.setStatus({ code: SpanStatusCode.ERROR, message: this.#context.redact(event.failure.message) })
          .setAttribute("error.type", event.failure.code)
          .end(startTime);
        this.#steps.delete(event.address);
        break;
      case "run.done":
        this.#run.setAttributes({ "images.outcome": event.outcome });
        break;
      default:
    }
  }

  request({ method, url, status, failure, ms }: RequestTrace): void {
    const endTime = this.#context.now();
    const attributes = {
      "http.request.method": method,
      "url.full": this.#context.redact(url),
      ...(status === undefined ? {} : { "http.response.status_code": status }),
    };
    const options = { startTime: endTime - ms, attributes, kind: SpanKind.CLIENT };
    const span = this.#tracer.startSpan(method, options, this.#inside);
    if (failure !== undefined || (status ?? 0) >= 400)
      span.setStatus({ code: SpanStatusCode.ERROR, message: this.#context.redact(failure ?? "") });
    span.end(endTime);
  }

  /** Ends the run and sends what was not sent yet. Rejects with what could not be sent; the run itself is what it is. */
  async end(isFailed: boolean): Promise<void> {
    const now = this.#context.now();
    for (const span of [...this.#phases.values(), ...[...this.#steps.values()].map(({ span: one }) => one)])
      span.end(now);
    if (isFailed) this.#run.setStatus({ code: SpanStatusCode.ERROR });
    this.#run.end(now);
    this.#send();
    await this.#sending;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #end(span: ReadableSpan): void {
    this.#ended.push(span);
    if (this.#ended.length >= BATCH) this.#send();
  }

  #send(): void {
    const spans = this.#ended.splice(0);
    // After a failure nothing more is tried: a collector that is gone must not slow a run down.
    this.#sending = this.#sending.then(async () => {
      if (this.#failure !== undefined || spans.length === 0) return;
      await this.#post(spans).catch((error: unknown) => {
        this.#failure = error;
      });
    });
  }

  async #post(spans: ReadableSpan[]): Promise<void> {
    const { url, headers, isJson, isCompressed, timeout } = this.#to;
    const plain = (isJson ? JsonTraceSerializer : ProtobufTraceSerializer).serializeRequest(spans) ?? new Uint8Array();
    const bytes = isCompressed ? Bun.gzipSync(Uint8Array.from(plain)) : plain;
    await using http = this.#context.open({ url, credentials: "OTEL_EXPORTER_OTLP_HEADERS" });
    const answer = await http.send("POST", url, {
      signal: AbortSignal.timeout(timeout * 1000),
      timeout,
      body: { size: bytes.length, open: () => once(bytes) },
      headers: {
        "content-type": isJson ? "application/json" : "application/x-protobuf",
        ...(isCompressed ? { "content-encoding": "gzip" } : {}),
        ...headers,
      },
    });
    await answer.text();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
