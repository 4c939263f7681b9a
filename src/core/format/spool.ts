import type { RandomAccess, Use } from "./access.ts";
import { ByteReader, type ByteStream, copyOf, PIECE } from "./bytes.ts";
import { corrupt, needsFile } from "./failures.ts";
import { KeptRanges } from "./kept-ranges.ts";
import { Scratch } from "./scratch.ts";

/** What is kept in memory before a temporary file is made. */
const MEMORY = 16 << 20;
/** How far a `packed` range may reach into the next one. */
const OVERLAP = 511;

interface SpoolOptions {
  /** Where a temporary file may be made. None: a stream that needs one fails with `source.order`. */
  readonly directory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A stream that is read at any place. Read forwards, nothing of it is stored; what is passed over or asked for `again` is kept, up
 * to 16 MiB of it in memory, more in a sparse temporary file. What is read is copied out of the pieces of the stream, of which one at a
 * time is held: they may be lent.
 */
export class Spool implements RandomAccess {
  readonly size = undefined;
  readonly #reader: ByteReader;
  readonly #directory: string | undefined;
  readonly #kept = new KeptRanges();
  #scratch: Scratch | undefined;
  /** End of the last `packed` range. What is passed over before it was probably read, but that is not certain. */
  #doubt = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(input: ByteStream, options: SpoolOptions = {}) {
    this.#reader = new ByteReader(input, options.signal);
    this.#directory = options.directory;
  }

  /** Whether a temporary file was needed. */
  get spilled(): boolean {
    return this.#scratch !== undefined;
  }

  /** Fails with `source.corrupt` when bytes are asked for that were read `once` before. */
  read(offset: number, length: number, use: Use, room?: Uint8Array): Promise<Uint8Array> {
    const turn = this.#turn.then(() => this.#read(offset, use, room?.subarray(0, length) ?? roomFor(length)));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async finish(): Promise<void> {
    await this.#turn;
    await this.#reader.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#reader[Symbol.asyncDispose]();
    await this.#scratch?.[Symbol.asyncDispose]();
  }

  async #read(offset: number, use: Use, room: Uint8Array): Promise<Uint8Array> {
    await this.#pass(offset);
    const { length } = room;
    const behind = offset >= this.#reader.offset ? 0 : Math.min(length, this.#reader.offset - offset);
    if (behind === 0) return await this.#advance(room, use);
    const own = { again: 0, once: length, packed: length - OVERLAP }[use];
    const old = await this.#kept.get(offset, behind, own);
    room.set(old);
    if (old.length < behind) {
      if (use === "packed" && old.length > 0) return room.subarray(0, old.length);
      throw corrupt("the image uses the same bytes in two places, against its own header");
    }
    const more = behind === length ? 0 : (await this.#advance(room.subarray(behind), use)).length;
    return room.subarray(0, behind + more);
  }

  /** The next bytes of the stream, in the room. */
  async #advance(room: Uint8Array, use: Use): Promise<Uint8Array> {
    const from = this.#reader.offset;
    const bytes = await this.#reader.into(room);
    switch (use) {
      case "again":
        this.#reader.unread(bytes);
        await this.#pass(from + bytes.length);
        return bytes;
      case "once":
        return bytes;
      case "packed":
        this.#reader.unread(copyOf(bytes.subarray(Math.max(0, bytes.length - OVERLAP))));
        this.#doubt = from + bytes.length;
        return bytes;
      default:
        return use satisfies never;
    }
  }

  /** Reads on to `offset`, and keeps what lies between. */
  async #pass(offset: number): Promise<void> {
    for (let at = this.#reader.offset; at < offset; at = this.#reader.offset) {
      const doubtful = at < this.#doubt;
      const piece = await this.#reader.piece(Math.min(PIECE, (doubtful ? Math.min(offset, this.#doubt) : offset) - at));
      if (piece === undefined) return;
      await this.#kept.add(at, piece, doubtful);
      if (this.#scratch === undefined && this.#kept.inMemory > MEMORY) await this.#spill();
    }
  }

  async #spill(): Promise<void> {
    if (this.#directory === undefined) {
      throw needsFile("the parts of this image are in an order that needs a temporary file");
    }
    this.#scratch = await Scratch.make(this.#directory);
    await this.#kept.moveTo(this.#scratch);
  }
}

const roomFor = (length: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(Math.max(0, length)).buffer);
