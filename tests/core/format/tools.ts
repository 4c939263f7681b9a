import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import type { ByteStream } from "../../../src/core/format/bytes.ts";

/** A directory that goes away with its `await using`. */
export async function directory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "images-format-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Whether the programs are installed; a test that needs them says in its name that they are missing. */
export const has = (...programs: readonly string[]): boolean => programs.every((name) => Bun.which(name) !== null);

/** Runs a program to its end and gives its stdout; its stderr is the error of a failure. */
export function run(command: readonly string[], stdin?: Uint8Array): Uint8Array {
  const done = Bun.spawnSync([...command], { stdin: stdin ?? "ignore", stdout: "pipe", stderr: "pipe" });
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr.toString()}`);
  return new Uint8Array(done.stdout);
}

export const qemu = (...words: readonly (string | number)[]): Uint8Array => run(["qemu-img", ...words.map(String)]);

/** A generator of numbers below 2^32 that a seed determines (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Bytes of a disk with everything in it: holes of many sizes, text that compresses, noise that does not. `most`: sectors of a part. */
export function disk(size: number, seed = 1, most = 400): Uint8Array {
  const next = random(seed);
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 512 * (1 + (next() % most)));
    const part = bytes.subarray(at, at + length);
    const kind = next() % 4;
    if (kind === 1) part.fill(next() & 0xff);
    if (kind === 2) for (let place = 0; place < length; place += 1) part[place] = next() & 0xff;
    if (kind === 3) part.set(new TextEncoder().encode(`line ${next()} `.repeat(length / 8)).subarray(0, length));
    at += length;
  }
  return bytes;
}

/** The bytes in pieces of odd sizes, as a network gives them. */
export async function* pieces(bytes: Uint8Array, most = 10_000, seed = 7): AsyncGenerator<Uint8Array> {
  const next = random(seed);
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + (next() % most);
    yield bytes.slice(at, at + length);
    at += length;
  }
}

export async function all(input: ByteStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of input) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

export const digestOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** The code of the Failure that the work ends in; "none" when it ends well. Other errors are thrown. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown.code;
    throw thrown;
  }
}

/** The disk that is in every fixture. */
export const fixtureDisk = (): Uint8Array => disk(24 * 1024, 2, 6);
export const FIXTURES = join(import.meta.dir, "../../fixtures/formats");

/** The bytes in pieces that are lent: the fourth after each is in the same buffer. */
export async function* lentPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffers = Array.from({ length: 4 }, () => new Uint8Array(size));
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    const buffer = buffers[(at / size) % 4] ?? new Uint8Array(size);
    buffer.fill(0xee);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
}

/** All of a stream whose pieces are lent, each looked at as late as that allows. */
export async function lentAll(input: ByteStream, buffers = new Set<unknown>()): Promise<Uint8Array> {
  const held: Uint8Array[] = [];
  const got: Uint8Array[] = [];
  for await (const piece of input) {
    buffers.add(piece.buffer);
    held.push(piece);
    if (held.length === 4) got.push(new Uint8Array(held.shift() ?? []));
  }
  return Buffer.concat([...got, ...held]);
}
