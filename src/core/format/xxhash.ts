const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

const turned = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
const round = (sum: number, word: number): number => Math.imul(turned((sum + Math.imul(word, P2)) | 0, 13), P1);

/** xxHash of 32 bits with the seed 0, of a stream. */
export class XxHash32 {
  readonly #sums = new Int32Array([P1 + P2, P2, 0, -P1]);
  /** Bytes that do not yet fill a stripe of 16. */
  readonly #rest = new Uint8Array(16);
  #held = 0;
  #length = 0;

  update(bytes: Uint8Array): this {
    this.#length += bytes.length;
    let at = 0;
    if (this.#held > 0) {
      at = Math.min(16 - this.#held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#held);
      this.#held += at;
      if (this.#held < 16) return this;
      this.#stripes(this.#rest, 0, 16);
      this.#held = 0;
    }
    const end = at + ((bytes.length - at) & ~15);
    this.#stripes(bytes, at, end);
    this.#rest.set(bytes.subarray(end));
    this.#held = bytes.length - end;
    return this;
  }

  digest(): number {
    const [one = 0, two = 0, three = 0, four = 0] = this.#sums;
    let sum = this.#length < 16 ? P5 : (turned(one, 1) + turned(two, 7)) | 0;
    if (this.#length >= 16) sum = (sum + turned(three, 12) + turned(four, 18)) | 0;
    sum = (sum + this.#length) | 0;
    const view = new DataView(this.#rest.buffer);
    let at = 0;
    for (; at + 4 <= this.#held; at += 4) {
      sum = Math.imul(turned((sum + Math.imul(view.getUint32(at, true), P3)) | 0, 17), P4);
    }
    for (; at < this.#held; at += 1) {
      sum = Math.imul(turned((sum + Math.imul(this.#rest[at] ?? 0, P5)) | 0, 11), P1);
    }
    sum = Math.imul(sum ^ (sum >>> 15), P2);
    sum = Math.imul(sum ^ (sum >>> 13), P3);
    return (sum ^ (sum >>> 16)) >>> 0;
  }

  #stripes(bytes: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let [one = 0, two = 0, three = 0, four = 0] = this.#sums;
    for (let at = from; at < to; at += 16) {
      one = round(one, view.getInt32(at, true));
      two = round(two, view.getInt32(at + 4, true));
      three = round(three, view.getInt32(at + 8, true));
      four = round(four, view.getInt32(at + 12, true));
    }
    this.#sums.set([one, two, three, four]);
  }
}

export const xxHash32 = (bytes: Uint8Array): number => new XxHash32().update(bytes).digest();
