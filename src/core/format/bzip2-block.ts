import { corrupt, unsupported } from "./failures.ts";

/** Bits from the most significant one on. `Short` is thrown when they are read beyond the end. */
export class Bits {
  readonly bytes: Uint8Array;
  /** Bits read so far. */
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** The next bits, at most 24, without taking them; zeros mean those behind the end. */
  look(count: number): number {
    const { bytes, at } = this;
    const from = at >>> 3;
    const word =
      ((bytes[from] ?? 0) << 24) |
      ((bytes[from + 1] ?? 0) << 16) |
      ((bytes[from + 2] ?? 0) << 8) |
      (bytes[from + 3] ?? 0);
    return (word << (at & 7)) >>> (32 - count);
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length * 8) throw new Short();
  }

  read(count: number): number {
    const value = this.look(count);
    this.skip(count);
    return value;
  }
}

/** More bytes are needed to go on. */
export class Short extends Error {}

/** A block before its last step: the permuted bytes with the chain through them. */
export interface Bzip2Block {
  /** Low 8 bits: a byte; the rest: where the next one stands. */
  readonly chain: Uint32Array;
  readonly length: number;
  readonly first: number;
  readonly crc: number;
}

const damaged = (): Error => corrupt("the bzip2 data cannot be unpacked: it is damaged");

/** A canonical prefix code: for each length the largest code of it (left-aligned to 20 bits, exclusive), and where its symbols begin. */
interface Code {
  readonly limits: Int32Array;
  readonly offsets: Int32Array;
  readonly symbols: Uint16Array;
  readonly shortest: number;
}

const LONGEST = 20;
const GROUP = 50;
const RUN_A = 0;
const RUN_B = 1;

/** Reads one block behind its magic, into `chain`, which has room for the largest one of this stream. */
export function readBlock(bits: Bits, chain: Uint32Array): Bzip2Block {
  const crc = ((bits.read(16) << 16) | bits.read(16)) >>> 0;
  if (bits.read(1) === 1) throw unsupported("bzip2 data of a version before 0.9.5", "unpack it and compress it again");
  const origin = bits.read(24);
  const alphabet = readAlphabet(bits);
  const selectors = readSelectors(bits);
  const codes = Array.from({ length: selectors.codes }, () => readCode(bits, alphabet.length + 2));
  const length = readSymbols(bits, alphabet, selectors.of, codes, chain);
  if (origin >= length) throw damaged();
  return { chain, length, first: link(chain, length, origin), crc };
}

function readAlphabet(bits: Bits): Uint8Array {
  const rows = bits.read(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row += 1) {
    if (((rows >>> (15 - row)) & 1) === 0) continue;
    const columns = bits.read(16);
    for (let column = 0; column < 16; column += 1) {
      if (((columns >>> (15 - column)) & 1) === 1) used.push(row * 16 + column);
    }
  }
  if (used.length === 0) throw damaged();
  return Uint8Array.from(used);
}

/** Which code each group of 50 symbols uses: numbers moved to the front, in unary. */
function readSelectors(bits: Bits): { readonly codes: number; readonly of: Uint8Array } {
  const codes = bits.read(3);
  const count = bits.read(15);
  if (codes < 2 || codes > 6 || count === 0) throw damaged();
  const order = [0, 1, 2, 3, 4, 5].slice(0, codes);
  const of = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    let place = 0;
    while (bits.read(1) === 1) {
      place += 1;
      if (place >= codes) throw damaged();
    }
    const [code = 0] = order.splice(place, 1);
    order.unshift(code);
    of[at] = code;
  }
  return { codes, of };
}

function readCode(bits: Bits, size: number): Code {
  const lengths = new Uint8Array(size);
  let length = bits.read(5);
  for (let symbol = 0; symbol < size; symbol += 1) {
    for (;;) {
      if (length < 1 || length > LONGEST) throw damaged();
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return canonical(lengths);
}

function canonical(lengths: Uint8Array): Code {
  const counts = new Int32Array(LONGEST + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  const limits = new Int32Array(LONGEST + 2).fill(1 << LONGEST);
  const offsets = new Int32Array(LONGEST + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let placed = 0;
  let shortest = LONGEST;
  for (let length = 1; length <= LONGEST; length += 1) {
    const count = counts[length] ?? 0;
    if (count > 0) shortest = Math.min(shortest, length);
    offsets[length] = placed - code;
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      if (lengths[symbol] === length) {
        symbols[placed] = symbol;
        placed += 1;
      }
    }
    code += count;
    limits[length] = code << (LONGEST - length);
    code <<= 1;
  }
  return { limits, offsets, symbols, shortest };
}

/** Undoes the prefix codes, the runs of zeros and the move-to-front; the bytes are in the low bits of `chain`. */
function readSymbols(
  bits: Bits,
  alphabet: Uint8Array,
  selectors: Uint8Array,
  codes: readonly Code[],
  chain: Uint32Array,
): number {
  const end = alphabet.length + 1;
  const front = alphabet.slice();
  let length = 0;
  let run = 0;
  let weight = 1;
  let left = 0;
  let group = 0;
  let code = codes[0];
  for (;;) {
    if (left === 0) {
      if (group >= selectors.length) throw damaged();
      code = codes[selectors[group] ?? 0];
      group += 1;
      left = GROUP;
    }
    if (code === undefined) throw damaged();
    left -= 1;
    const symbol = readSymbol(bits, code);
    if (symbol === RUN_A || symbol === RUN_B) {
      run += weight << symbol;
      weight <<= 1;
      if (run > chain.length) throw damaged();
      continue;
    }
    if (run > 0) {
      if (length + run > chain.length) throw damaged();
      chain.fill(front[0] ?? 0, length, length + run);
      length += run;
      run = 0;
      weight = 1;
    }
    if (symbol === end) return length;
    if (length >= chain.length) throw damaged();
    const place = symbol - 1;
    const byte = front[place] ?? 0;
    front.copyWithin(1, 0, place);
    front[0] = byte;
    chain[length] = byte;
    length += 1;
  }
}

function readSymbol(bits: Bits, code: Code): number {
  const word = bits.look(LONGEST);
  let length = code.shortest;
  while (length <= LONGEST && word >= (code.limits[length] ?? 0)) length += 1;
  if (length > LONGEST) throw damaged();
  bits.skip(length);
  const symbol = code.symbols[(word >>> (LONGEST - length)) + (code.offsets[length] ?? 0)];
  if (symbol === undefined) throw damaged();
  return symbol;
}

/** Makes the chain of the Burrows-Wheeler transform, and gives its beginning. */
function link(chain: Uint32Array, length: number, origin: number): number {
  const starts = new Int32Array(256);
  for (let at = 0; at < length; at += 1) {
    const byte = (chain[at] ?? 0) & 0xff;
    starts[byte] = (starts[byte] ?? 0) + 1;
  }
  let sum = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    const count = starts[byte] ?? 0;
    starts[byte] = sum;
    sum += count;
  }
  for (let at = 0; at < length; at += 1) {
    const byte = (chain[at] ?? 0) & 0xff;
    const place = starts[byte] ?? 0;
    starts[byte] = place + 1;
    chain[place] = (chain[place] ?? 0) | (at << 8);
  }
  return (chain[origin] ?? 0) >>> 8;
}
