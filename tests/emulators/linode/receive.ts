import { createGunzip, type Gunzip } from "node:zlib";
import type { Received } from "./world.ts";

/** Takes a body as it comes: digests it, inflates it to at most so many bytes, digests that, and keeps none of it. */
export async function receive(request: Request, image: string, most: number): Promise<Received> {
  const length = request.headers.get("content-length");
  const contentLength = length === null ? undefined : Number(length);
  const digest = new Bun.CryptoHasher("sha256");
  const md5 = new Bun.CryptoHasher("md5");
  const inflated = new Inflated(most);
  let bytes = 0;
  let isWhole = true;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      digest.update(chunk);
      md5.update(chunk);
      await inflated.write(chunk);
    }
  } catch {
    isWhole = false;
  }
  if (contentLength !== undefined && bytes !== contentLength) isWhole = false;
  const raw = await inflated.end();
  return { image, bytes, sha256: digest.digest("hex"), md5: md5.digest("hex"), raw, contentLength, isWhole };
}

/** The inflated form of a stream, of which only size and digest are kept. */
class Inflated {
  readonly #gunzip: Gunzip = createGunzip();
  readonly #digest = new Bun.CryptoHasher("sha256");
  readonly #most: number;
  readonly #closed = Promise.withResolvers<void>();
  #goOn: (() => void) | undefined;
  #bytes = 0;
  #isGood = true;

  constructor(most: number) {
    this.#most = most;
    this.#gunzip.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.byteLength;
      this.#digest.update(chunk);
      if (this.#bytes > this.#most) this.#fail();
    });
    this.#gunzip.on("error", () => this.#fail());
    this.#gunzip.on("drain", () => this.#goOn?.());
    this.#gunzip.on("close", () => {
      this.#goOn?.();
      this.#closed.resolve();
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#isGood || this.#gunzip.write(chunk)) return;
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
  }

  /** Undefined when it was no gzip, was cut off, or inflated to more than the limit. */
  async end(): Promise<Received["raw"]> {
    if (this.#isGood) this.#gunzip.end();
    await this.#closed.promise;
    if (!this.#isGood) return undefined;
    return { bytes: this.#bytes, sha256: this.#digest.digest("hex") };
  }

  #fail(): void {
    this.#isGood = false;
    this.#gunzip.destroy();
  }
}

/** Reads a body to its end, or to so many bytes of it, or until the client goes away. */
export async function drain(request: Request, most = Number.POSITIVE_INFINITY): Promise<void> {
  let bytes = 0;
  if (bytes >= most) return;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes >= most) return;
    }
  } catch {
    // Nobody is there any more to be answered.
  }
}
