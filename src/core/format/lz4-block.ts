import { copyOf } from "./bytes.ts";
import { SLICE } from "./engine.ts";

/** How far back a match may lie. */
const HISTORY = 1 << 16;
/** Bytes that a loop copies faster than a call. */
const FEW = 16;

/** Where in a sequence the next byte belongs. */
const PLACE = { token: 0, literalLength: 1, literals: 2, distance: 3, matchLength: 4, match: 5 } as const;
type Place = (typeof PLACE)[keyof typeof PLACE];

/**
 * Unpacks blocks of lz4 as their bytes come: a block may be 4 MiB, but what a match looks back on is within the last 64 KiB. `damaged` makes
 * the failure.
 */
export class Lz4Block {
  /** The last bytes that were given out, and behind them those that were not. */
  readonly #room = new Uint8Array(HISTORY + SLICE);
  readonly #most: number;
  readonly #damaged: () => Error;
  /** Where the bytes begin that were not given out, and where the next one goes. */
  #from = 0;
  #to = 0;
  /** Bytes that may be looked back on, and those that this block may still have. */
  #known = 0;
  #left = 0;
  #place: Place = PLACE.token;
  #literals = 0;
  #match = 0;
  /** The distance of the match, and how many bytes of it have come. */
  #back = 0;
  #came = 0;

  constructor(most: number, damaged: () => Error) {
    this.#most = most;
    this.#damaged = damaged;
  }

  /** The next block; `alone`: it does not look back on the ones before it. */
  begin(alone: boolean): void {
    if (alone) this.#known = 0;
    this.#left = this.#most;
    this.#place = PLACE.token;
  }

  /** A block ends behind literals or a match. */
  end(): void {
    const isWhole = this.#place === PLACE.token || (this.#place === PLACE.distance && this.#came === 0);
    if (!isWhole) throw this.#damaged();
  }

  /** More bytes of a block, packed or not. What they unpack to is given in pieces, each once it is full. */
  *add(bytes: Uint8Array, isPacked: boolean): Generator<Uint8Array> {
    for (let at = 0; ; ) {
      at = isPacked ? this.#unpack(bytes, at) : this.#copy(bytes, at, bytes.length - at);
      if (this.#to < this.#room.length) return;
      yield this.take();
    }
  }

  /** What was not given yet, in memory of its own. */
  take(): Uint8Array {
    const taken = copyOf(this.#room.subarray(this.#from, this.#to));
    const kept = Math.min(HISTORY, this.#to);
    this.#room.copyWithin(0, this.#to - kept, this.#to);
    this.#from = kept;
    this.#to = kept;
    return taken;
  }

  /** Goes on until all bytes are used, or the room is; gives where it stopped. */
  #unpack(bytes: Uint8Array, from: number): number {
    let at = from;
    for (;;) {
      if (this.#place === PLACE.literals) {
        const end = this.#copy(bytes, at, this.#literals);
        this.#literals -= end - at;
        at = end;
        if (this.#literals > 0) return at;
        this.#went(PLACE.distance);
      } else if (this.#place === PLACE.match) {
        this.#copyMatch();
        if (this.#match > 0) return at;
        this.#went(PLACE.token);
      } else {
        if (at === bytes.length) return at;
        this.#header(bytes[at] ?? 0);
        at += 1;
      }
    }
  }

  #went(place: Place): void {
    this.#place = place;
    this.#came = 0;
  }

  /** A byte of what a sequence says of itself. */
  #header(byte: number): void {
    if (this.#place === PLACE.token) {
      this.#literals = byte >>> 4;
      this.#match = (byte & 15) + 4;
      this.#went(this.#literals === 15 ? PLACE.literalLength : PLACE.literals);
    } else if (this.#place === PLACE.literalLength) {
      this.#literals += byte;
      if (this.#literals > this.#left) throw this.#damaged();
      if (byte < 255) this.#went(PLACE.literals);
    } else if (this.#place === PLACE.matchLength) {
      this.#match += byte;
      if (this.#match > this.#left) throw this.#damaged();
      if (byte < 255) this.#went(PLACE.match);
    } else {
      this.#back = this.#came === 0 ? byte : this.#back | (byte << 8);
      this.#came += 1;
      if (this.#came < 2) return;
      if (this.#back === 0 || this.#back > this.#known) throw this.#damaged();
      this.#went(this.#match === 19 ? PLACE.matchLength : PLACE.match);
    }
  }

  /** As many of `count` bytes as there are and as there is room for; gives where it stopped. */
  #copy(bytes: Uint8Array, at: number, count: number): number {
    const length = Math.min(count, bytes.length - at, this.#room.length - this.#to);
    this.#grow(length);
    if (length > FEW) this.#room.set(bytes.subarray(at, at + length), this.#to - length);
    else
      for (let index = 0, to = this.#to - length; index < length; index += 1)
        this.#room[to + index] = bytes[at + index] ?? 0;
    return at + length;
  }

  #copyMatch(): void {
    const length = Math.min(this.#match, this.#room.length - this.#to);
    const to = this.#to;
    const back = to - this.#back;
    this.#grow(length);
    this.#match -= length;
    if (length > FEW && this.#back >= length) this.#room.copyWithin(to, back, back + length);
    else for (let index = 0; index < length; index += 1) this.#room[to + index] = this.#room[back + index] ?? 0;
  }

  #grow(length: number): void {
    if (length > this.#left) throw this.#damaged();
    this.#left -= length;
    this.#to += length;
    this.#known = Math.min(HISTORY, this.#known + length);
  }
}
