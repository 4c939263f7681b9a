import { type ByteStream, copyOf } from "./bytes.ts";
import { abandon, flowed, free, LENT, markReused } from "./collection.ts";
import { isShared } from "./segment.ts";

/** Size of the buffers of one flow of bytes among so many: the calls do not count, and many flows have several buffers each. */
const [SMALLEST, LARGEST] = [64 << 10, 512 << 10];
/** What the buffers of one ring may take together, if they need not be smaller than the smallest for it. */
const TOGETHER = 8 << 20;
/**
 * While many flow, this thread mostly waits for calls that are no JavaScript. To compile what is around them takes up to 10 MB and a fifth of
 * the CPU time of a run: a function has to run so many times more often than usual for it. The one or two flows of one image are not many:
 * it would take a twentieth longer.
 */
const RELUCTANT = 30;
const MANY = 3;
let flows = 0;

/** A flow of bytes that has buffers: the more there are, the smaller those that are made from now on. */
export class FlowOfBytes implements Disposable {
  readonly #count: number;

  /** `count`: as many flows it counts as. */
  constructor(count = 1) {
    this.#count = count;
    flows += count;
    if (flows >= MANY && flows - count < MANY) Bun.unsafe.setJITPolicy(RELUCTANT);
  }

  /** Bytes of a buffer that is made now. */
  static get size(): number {
    return Math.max(SMALLEST, Math.min(LARGEST, (1 << 20) / 2 ** Math.ceil(Math.log2(flows + 1))));
  }

  [Symbol.dispose](): void {
    flows -= this.#count;
    if (flows < MANY && flows + this.#count >= MANY) Bun.unsafe.setJITPolicy(1);
  }
}

/**
 * Buffers of one reader, used again when so many after it have been taken: the four that the reader may have, those that are held on
 * their way, and what is read ahead.
 */
export class Ring implements Disposable {
  /** The most bytes of a buffer. */
  readonly size: number;
  readonly #count: number;
  readonly #buffers: Buffer[] = [];
  readonly #flow = new FlowOfBytes();

  /** `ahead`: buffers that are filled at once before the reader gets the first of them. */
  constructor(ahead = 0) {
    this.#count = LENT + ahead;
    const most = 2 ** Math.floor(Math.log2(TOGETHER / this.#count));
    this.size = Math.max(SMALLEST, Math.min(FlowOfBytes.size, most));
  }

  /** The bytes of a buffer that is taken now, if as many are to come: fewer while many flow. */
  get now(): number {
    return Math.min(this.size, FlowOfBytes.size);
  }

  /** A buffer of at least so many bytes. */
  take(length: number): Buffer {
    const used = this.#buffers.length === this.#count ? this.#buffers.shift() : undefined;
    const isFit = used !== undefined && used.length >= length && used.length <= Math.max(length, this.now);
    if (used !== undefined && !isFit) free(used);
    const buffer = isFit ? used : Buffer.allocUnsafeSlow(length);
    if (!isFit) markReused(buffer);
    this.#buffers.push(buffer);
    flowed(length);
    return buffer;
  }

  [Symbol.dispose](): void {
    this.#flow[Symbol.dispose]();
    for (const buffer of this.#buffers) abandon(buffer);
  }
}

/** The bytes in memory that is the reader's own: pieces in the buffers of the ring, or all of them in one. */
export function* copied(bytes: Uint8Array, ring: Ring | undefined): Generator<Uint8Array> {
  if (ring === undefined) return void (yield copyOf(bytes));
  for (let at = 0; at < bytes.length; ) {
    const part = bytes.subarray(at, at + ring.now);
    const buffer = ring.take(part.length);
    buffer.set(part);
    at += part.length;
    yield buffer.subarray(0, part.length);
  }
}

/** Pieces that are lent, in memory of their own, or lent again; what comes behind them may overwrite the first ones. */
export async function* copiedOut(pieces: ByteStream, isLent: boolean): AsyncGenerator<Uint8Array> {
  using ring = isLent ? new Ring() : undefined;
  for await (const piece of pieces) {
    if (isShared(piece)) yield piece;
    else yield* copied(piece, ring);
  }
}
