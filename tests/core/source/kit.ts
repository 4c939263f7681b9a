import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { type Digest, digest } from "../../../src/core/model/digest.ts";
import type { ByteRequirements } from "../../../src/core/model/image.ts";
import { type Address, address, backendName, imageName } from "../../../src/core/model/name.ts";
import type { FileSource, UrlSource } from "../../../src/core/model/source.ts";
import type { Clock } from "../../../src/core/net/clock.ts";
import { createHttpClient } from "../../../src/core/net/http.ts";
import type { SourceContext, SourceRequest } from "../../../src/core/source/context.ts";
import { Sources } from "../../../src/core/source/open/open.ts";

export const AT = { file: "images.toml", line: 1, column: 1 };
export const ANY: ByteRequirements = { formats: "any", compressions: "any" };
export const LAB: Address = address(backendName("lab"), imageName("debian"));

/** Waits are as long as a turn of the event loop: what a test sees is their number, never their length. */
export const hurried: Clock = {
  now: () => Date.now(),
  sleep: async (_, signal) => {
    signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 1));
    signal?.throwIfAborted();
  },
};

/** A disk that syncs at once, where there is one. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export interface Bench extends AsyncDisposable {
  readonly directory: string;
  readonly cache: string;
  readonly notes: string[];
  readonly means: SourceContext;
  /** A run of its own over the same cache. */
  run(more?: Partial<SourceContext>): Sources;
  file(name: string, bytes: Uint8Array | string): Promise<string>;
}

export interface BenchOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds without a byte, and for an answer. Short only where that is what ends the test: a busy machine is slow as well. */
  readonly idle?: number;
  /** What is as good as no byte. */
  readonly slow?: NonNullable<SourceContext["patience"]>["slow"];
}

/** A directory with a cache of its own; all runs in it are ended with it. */
export async function bench({ env = {}, idle = 20, slow }: BenchOptions = {}): Promise<Bench> {
  const directory = await mkdtemp(join(MEMORY, "images-source-"));
  const cache = join(directory, "cache");
  const runs: Sources[] = [];
  const notes: string[] = [];
  const means: SourceContext = {
    http: (options) =>
      createHttpClient(options, {
        redact: (text) => text,
        maskSecret: () => {},
        env: {},
        clock: hurried,
        random: () => 0,
        limits: { timeout: idle },
      }),
    secret: async (reference) => reference.replace(/^env:/, "secret-"),
    env: { IMAGES_CACHE: cache, HOME: directory, ...env },
    signal: new AbortController().signal,
    note: (text) => void notes.push(text),
    clock: hurried,
    patience: { idle, tries: 3, ...(slow === undefined ? {} : { slow }) },
  };
  return {
    directory,
    cache,
    notes,
    means,
    run(more = {}) {
      const sources = new Sources({ ...means, ...more });
      runs.push(sources);
      return sources;
    },
    async file(name, bytes) {
      const path = join(directory, name);
      await Bun.write(path, bytes);
      return path;
    },
    async [Symbol.asyncDispose]() {
      for (const one of runs) await one[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export const opening = (more: Partial<SourceRequest> = {}): SourceRequest => ({
  address: LAB,
  signal: new AbortController().signal,
  progress: () => {},
  ...more,
});

export const urlSource = (url: string | readonly string[], more: Partial<UrlSource> = {}): UrlSource => ({
  kind: "url",
  at: AT,
  urls: typeof url === "string" ? [url] : url,
  follow: true,
  ...more,
});

export const fileSource = (path: string, more: Partial<FileSource> = {}): FileSource => ({
  kind: "file",
  at: AT,
  path,
  follow: true,
  ...more,
});

export const declared = (of: Digest) => ({ kind: "digest", digest: of }) as const;

export const hash = (bytes: Uint8Array | string, algorithm: "sha256" | "sha512" | "md5" = "sha256"): Digest =>
  digest(algorithm, createHash(algorithm).update(bytes).digest("hex"));

/** Bytes that nothing compresses and no format claims. */
export const noise = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

export const never = new AbortController().signal;

/** Reads to the end or to the failure; says what came until then. */
export async function attempt(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly got: Buffer; readonly failure?: Failure }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of bytes) pieces.push(Buffer.from(piece));
    return { got: Buffer.concat(pieces) };
  } catch (thrown) {
    if (thrown instanceof Failure) return { got: Buffer.concat(pieces), failure: thrown };
    throw thrown;
  }
}

/** Reads to the end or to the failure; `is`: all of it came, and nothing but it. Each piece is looked at as it comes, and kept by nobody. */
export async function compared(
  bytes: AsyncIterable<Uint8Array>,
  wanted: Uint8Array,
): Promise<{ readonly is: boolean; readonly failure?: Failure }> {
  let at = 0;
  let is = true;
  try {
    for await (const piece of bytes) {
      is &&= Buffer.compare(piece, wanted.subarray(at, at + piece.length)) === 0;
      at += piece.length;
    }
    return { is: is && at === wanted.length };
  } catch (thrown) {
    if (thrown instanceof Failure) return { is: false, failure: thrown };
    throw thrown;
  }
}

/** The failure that something ends in. */
export async function failureOf(act: () => Promise<unknown>): Promise<Failure> {
  try {
    await act();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}
