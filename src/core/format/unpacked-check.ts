import { Failure } from "../failure.ts";
import type { Format } from "../model/image.ts";
import type { ByteStream } from "./bytes.ts";
import { handedOut } from "./collection.ts";
import { decompress, type Packing } from "./compression.ts";
import { watched } from "./whole.ts";

/** What is checked of bytes that stay compressed as they are. */
export interface UnpackedCheck {
  readonly packing: Packing;
  /** What is inside; undefined: it is not looked at. */
  readonly format: Format | undefined;
  /** The most bytes that may come out. */
  readonly limit: number | undefined;
  /** Called with what is odd about the bytes, and no failure. */
  readonly note: (text: string) => void;
}

/**
 * Compressed bytes, their pieces as they are, unpacked to nowhere beside their reader. Fails before the last piece, as unpacking does, where
 * they are cut off or damaged. What is packed in a way that is not handled passes, with a note. Holds two pieces more than unpacking.
 */
export async function* checkedUnpacked(
  input: ByteStream,
  check: UnpackedCheck,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const copy = new Tee();
  let failed: { readonly reason: unknown } | undefined;
  const checking = unpackToNowhere(copy.bytes(), check, signal)
    .catch((reason: unknown) => {
      failed = { reason };
    })
    .finally(() => copy.end());
  const passed = (): void => {
    if (failed !== undefined) throw failed.reason;
  };
  let held: Uint8Array | undefined;
  try {
    for await (const piece of input) {
      if (held !== undefined) yield held;
      held = piece;
      await copy.give(piece);
      passed();
    }
    copy.end();
    await checking;
    passed();
  } finally {
    copy.end();
    await checking;
  }
  if (held !== undefined) yield held;
}

async function unpackToNowhere(
  input: ByteStream,
  { packing, format, limit, note }: UnpackedCheck,
  signal: AbortSignal | undefined,
): Promise<void> {
  let unhandled: unknown;
  async function* unpacked(): AsyncGenerator<Uint8Array> {
    try {
      yield* decompress(packing, input, { limit, note }, signal);
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.code === "source.format") unhandled = thrown;
      throw thrown;
    }
  }
  try {
    const inside = format === undefined ? unpacked() : watched(format, unpacked());
    for await (const _ of handedOut(inside, true));
  } catch (thrown) {
    if (thrown !== unhandled) throw thrown;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    note(`whether the ${packing} data is whole is unknown: ${why}`);
  }
}

/** Gives pieces to a second reader: one waits at most. */
class Tee {
  #waiting: Uint8Array | undefined;
  #isEnded = false;
  #wake: () => void = () => undefined;

  /** Resolves when there is room for the next piece. Nothing is given behind the end. */
  async give(piece: Uint8Array): Promise<void> {
    while (this.#waiting !== undefined && !this.#isEnded) await this.#changed();
    if (this.#isEnded) return;
    this.#waiting = piece;
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#waiting;
      this.#waiting = undefined;
      this.#wake();
      if (piece !== undefined) yield piece;
      else if (this.#isEnded) return;
      else await this.#changed();
    }
  }

  async #changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
