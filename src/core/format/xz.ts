import type { ByteStream } from "./bytes.ts";
import { SLICE } from "./engine.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { ANSWER, Lzma, type LzmaCode } from "./lzma.ts";

/** Enough for what `xz -9` makes (65 MiB), with much to spare. */
const MEMORY = 200 * 2 ** 20;

/**
 * Unpacks .xz: one or many streams after each other, with their padding; every block is checked by its own sum. And .lzma, the format
 * before it, which has one stream and no sum.
 */
export async function* unxz(
  input: ByteStream,
  code: LzmaCode,
  signal?: AbortSignal,
  name: "xz" | "lzma" = "xz",
): AsyncGenerator<Uint8Array> {
  const coder = await Lzma.decoder(MEMORY, code);
  let begun = false;
  for await (const slice of slices(input, signal)) {
    begun = true;
    const answer = yield* coder.code(slice, false);
    if (answer !== ANSWER.ok && answer !== ANSWER.short) throw explained(answer, name);
  }
  const answer = begun ? yield* coder.code(new Uint8Array(0), true) : ANSWER.short;
  if (answer !== ANSWER.end) throw explained(answer, name);
}

function explained(answer: number, name: string): Error {
  switch (answer) {
    case ANSWER.short:
      return truncated(`the ${name} data`);
    case ANSWER.format:
      return corrupt(`this is not ${name} data, or there are trailing bytes`);
    case ANSWER.memory:
    case ANSWER.memoryLimit:
      return unsupported(
        `${name} data that needs more than ${MEMORY / 2 ** 20} MiB of memory to unpack`,
        "compress it with xz -9 at most",
      );
    case ANSWER.options:
      return unsupported(
        `${name} data with an unknown filter or check`,
        "compress it again with the default options of xz",
      );
    default:
      return corrupt(`the ${name} data cannot be unpacked: it is damaged`);
  }
}

/** Packs into one .xz stream with a CRC64; `level`: 0 (fast) to 6 (small, needs about 100 MiB). */
export async function* xz(
  input: ByteStream,
  level: number,
  code: LzmaCode,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const coder = await Lzma.encoder(level, code);
  for await (const slice of slices(input, signal)) {
    const answer = yield* coder.code(slice, false);
    if (answer !== ANSWER.ok) throw new Error(`liblzma fails (${answer})`);
  }
  const answer = yield* coder.code(new Uint8Array(0), true);
  if (answer !== ANSWER.end) throw new Error(`liblzma fails (${answer})`);
}

async function* slices(input: ByteStream, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for await (const piece of input) {
    for (let at = 0; at < piece.length; at += SLICE) {
      signal?.throwIfAborted();
      yield piece.subarray(at, at + SLICE);
    }
  }
}
