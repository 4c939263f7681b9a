import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { Failure } from "../failure.ts";
import type { Answer } from "./client.ts";
import type { Exchange } from "./exchange.ts";
import { brokenFailure, type RequestInfo } from "./failures.ts";
import { excerpt } from "./text.ts";
import { shownUrl } from "./url.ts";

/** Bytes that `Answer.text` reads at most. */
export const MOST = 64 * 1024 * 1024;
/** How much of an answer that says no is read, and for how many milliseconds. */
const ENOUGH = 64 * 1024;
const PATIENCE = 5000;

interface AnswerReading {
  readonly exchange: Exchange;
  readonly request: RequestInfo;
  /** The signal of the call: what it was aborted with is what a reader gets. */
  readonly signal: AbortSignal;
  /** The body flows: the time limit of the call does not count any more. */
  readonly flows: () => void;
}

/** An answer over its exchange. */
export class HttpAnswer implements Answer {
  readonly #reading: AnswerReading;
  #text: Promise<string> | undefined;

  constructor(reading: AnswerReading) {
    this.#reading = reading;
  }

  get status(): number {
    return this.#reading.exchange.status;
  }

  get headers(): Headers {
    return this.#reading.exchange.headers;
  }

  get url(): string {
    return shownUrl(this.#reading.request.url);
  }

  text(): Promise<string> {
    this.#text ??= this.#whole();
    return this.#text;
  }

  async json(): Promise<unknown> {
    const text = await this.text();
    try {
      const value: unknown = JSON.parse(text);
      return value;
    } catch {
      throw this.#wrong(
        `the response is not JSON: ${text === "" ? "it is empty" : excerpt(this.#reading.request.redact(text), 100)}`,
      );
    }
  }

  stream(): AsyncIterable<Uint8Array> {
    this.#reading.flows();
    return this.#pieces();
  }

  async #whole(): Promise<string> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.#pieces()) {
      size += piece.byteLength;
      if (size > MOST) throw this.#wrong("the response is larger than 64 MiB");
      pieces.push(piece);
    }
    try {
      return decoded(Buffer.concat(pieces), this.headers);
    } catch (error) {
      throw this.#wrong("the response cannot be decompressed, or is larger than 64 MiB", error);
    }
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    const { exchange, request: info, signal } = this.#reading;
    try {
      yield* exchange.body();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure) throw brokenFailure(error, info, "");
      const length = this.headers.get("content-length");
      const said = `the response ended after ${exchange.received}${length === null ? "" : ` of ${length}`} bytes`;
      const { message, hint, request } = brokenFailure(error, info, said);
      throw new Failure("net.short", message, { hint, request, retry: true, cause: error });
    }
  }

  #wrong(what: string, cause?: unknown): Failure {
    const { request } = this.#reading;
    return new Failure("backend.answer", `${what} (${request.method} ${request.redact(this.url)}: ${this.status})`, {
      hint: "check that the address is that of the API",
      cause,
      request: { method: request.method, url: request.redact(this.url), status: this.status },
    });
  }
}

/** What an answer that says no says: the beginning of its body, as much as comes; never an error. */
export async function beginning(exchange: Exchange): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const timer = setTimeout(() => exchange.abort(new Error("enough")), PATIENCE);
  try {
    for await (const piece of exchange.body()) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size >= ENOUGH) break;
    }
  } catch {
    // Broken off, often because the server closes on a body that it does not want: what came is what it said.
  } finally {
    clearTimeout(timer);
  }
  try {
    return decoded(Buffer.concat(pieces), exchange.headers);
  } catch {
    return "";
  }
}

/** Text of a body, decompressed where the server compressed it unasked. */
const decoded = (body: Buffer, headers: Headers): string => unpacked(body, headers, MOST).toString("utf8");

/** A whole body, decompressed where the server compressed it unasked. @throws what zlib throws */
export function unpacked(body: Buffer, headers: Headers, most: number): Buffer {
  const unpack = DECODERS[headers.get("content-encoding")?.trim().toLowerCase() ?? ""];
  return unpack === undefined || body.byteLength === 0 ? body : unpack(body, { maxOutputLength: most });
}

const DECODERS: Readonly<Record<string, (body: Buffer, limits: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};
