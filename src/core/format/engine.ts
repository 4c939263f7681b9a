import type { Transform } from "node:stream";
import { type ByteReader, type ByteStream, NO_BYTES } from "./bytes.ts";

/** A compressor or decompressor of node:zlib: works on a thread of its own, a bounded piece at a time. */
type Engine = Transform & { readonly bytesWritten: number };

/** What an engine is given at once, and the pieces that it gives. */
export const SLICE = 1 << 18;

/**
 * The output of an engine for all of the input. An error of the input is thrown as it is, one of the engine goes through `explain`.
 * Holds one slice before and one piece behind the engine.
 */
export async function* throughEngine(
  engine: Engine,
  input: ByteStream,
  explain: (thrown: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  let broken: { readonly reason: unknown } | undefined;
  const feed = async (): Promise<void> => {
    try {
      for await (const piece of input) {
        for (let at = 0; at < piece.length; at += SLICE) {
          if (!(await written(engine, piece.subarray(at, at + SLICE)))) return;
        }
      }
      engine.end();
    } catch (reason) {
      broken = { reason };
      engine.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    }
  };
  const fed = feed();
  try {
    for await (const piece of engine) yield piece;
  } catch (thrown) {
    await fed;
    throw broken === undefined ? explain(thrown) : broken.reason;
  } finally {
    engine.destroy();
    await fed;
  }
  if (broken !== undefined) throw broken.reason;
}

/**
 * The output of an engine that knows by itself where its data ends (raw deflate). What it did not use is put back into the reader.
 * `cut` makes the failure for an input that ends before.
 */
export async function* untilItsEnd(
  engine: Engine,
  reader: ByteReader,
  explain: (thrown: unknown) => Error,
  cut: () => Error,
): AsyncGenerator<Uint8Array> {
  let broken: { readonly reason: unknown } | undefined;
  let last: Uint8Array = NO_BYTES;
  let given = 0;
  const ended = { is: false };
  engine.once("end", () => {
    ended.is = true;
  });
  const feed = async (): Promise<void> => {
    try {
      while (!ended.is) {
        const slice = await reader.piece(SLICE);
        if (slice === undefined) throw cut();
        last = slice;
        given += slice.length;
        const alive = await written(engine, slice);
        if (!alive || engine.bytesWritten < given) return;
      }
    } catch (reason) {
      broken = { reason };
      engine.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    }
  };
  const fed = feed();
  try {
    for await (const piece of engine) yield piece;
    await fed;
  } catch (thrown) {
    await fed;
    throw broken === undefined ? explain(thrown) : broken.reason;
  } finally {
    engine.destroy();
    await fed;
  }
  reader.unread(last.subarray(last.length - (given - engine.bytesWritten)));
}

/** Whether the engine took the slice; false when it has ended or broken. Waits until it has worked it off. */
function written(engine: Engine, slice: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (engine.destroyed || engine.readableEnded || engine.writableEnded) {
      resolve(false);
      return;
    }
    const settle = (alive: boolean): void => {
      engine.off("close", closed);
      engine.off("end", closed);
      resolve(alive);
    };
    const closed = (): void => settle(false);
    engine.once("close", closed);
    engine.once("end", closed);
    engine.write(slice, (error) => settle(error === undefined || error === null));
  });
}
