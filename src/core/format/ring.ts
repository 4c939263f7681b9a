/** Pieces that are lent: those that may still be read while the next ones are made. */
export const LENT = 8;

/** Size of the buffers of one flow of bytes among so many: the calls do not count, and many flows have several buffers each. */
const [SMALLEST, LARGEST] = [128 << 10, 512 << 10];
/** What the buffers of one ring may take together, if they need not be smaller than the smallest for it. */
const TOGETHER = 8 << 20;
let flows = 0;

/** A flow of bytes that has buffers: the more there are, the smaller those that are made from now on. */
export class FlowOfBytes implements Disposable {
  constructor() {
    flows += 1;
  }

  /** Bytes of a buffer that is made now. */
  static get size(): number {
    return Math.max(SMALLEST, Math.min(LARGEST, (1 << 20) / 2 ** Math.ceil(Math.log2(flows + 1))));
  }

  [Symbol.dispose](): void {
    flows -= 1;
  }
}

const inRings = new WeakSet<ArrayBufferLike>();

/** Whether the piece is in a buffer that is used again: it takes no memory of its own, and is not to be given back. */
export const isInRing = (piece: Uint8Array): boolean => inRings.has(piece.buffer);

/**
 * Buffers of one reader, used again when so many after it have been taken: the four that the reader may have, those that are held on
 * their way, and what is read ahead.
 */
export class Ring implements Disposable {
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

  take(): Buffer {
    const taken = this.#buffers.length === this.#count ? this.#buffers.shift() : undefined;
    const buffer = taken ?? Buffer.allocUnsafeSlow(this.size);
    if (taken === undefined) inRings.add(buffer.buffer);
    this.#buffers.push(buffer);
    return buffer;
  }

  [Symbol.dispose](): void {
    this.#flow[Symbol.dispose]();
  }
}
