import type { MemoryBudget } from "../../format/memory-budget.ts";
import type { TransformPlan } from "../../format/plan.ts";
import { takesLent, transform } from "../../format/transform.ts";
import { checkedUnpacked, type UnpackedCheck } from "../../format/unpacked-check.ts";
import { watched } from "../../format/whole.ts";
import type { Algorithm, Digest, Digests } from "../../model/digest.ts";
import type { ByteRequirements, Compression, Format, Source } from "../../model/image.ts";
import type { Content } from "../../model/source.ts";
import { heldBack, type VerifiedBytes } from "../verified-bytes.ts";
import { digestsOf, Hashers } from "../verify/index.ts";
import { distrusting } from "./proof.ts";

/** A source that also tells, once it was read, what it was found to be. */
export interface OpenResult extends Source {
  content(): Promise<Content>;
  /** The caller has finished reading. */
  release(): void;
}

/** Room for a conversion: kept from the opening on, so that no upload begins that then has to wait. */
export class ConversionSlot {
  readonly #turns: MemoryBudget;
  readonly #bytes: number;
  #kept: (() => void) | undefined;

  private constructor(turns: MemoryBudget, bytes: number, kept: () => void) {
    this.#turns = turns;
    this.#bytes = bytes;
    this.#kept = kept;
  }

  static async take(turns: MemoryBudget, bytes: number, signal: AbortSignal): Promise<ConversionSlot> {
    return new ConversionSlot(turns, bytes, await turns.take(bytes, signal));
  }

  /** For one reading. A second one does not wait: what it is read for may be what others with a place wait for. */
  begin(): () => void {
    const kept = this.#kept ?? this.#turns.force(this.#bytes);
    this.#kept = undefined;
    return kept;
  }

  release(): void {
    this.#kept?.();
    this.#kept = undefined;
  }
}

/** How the bytes of a supply become what a backend wants. */
export interface SourceConversion {
  readonly plan: TransformPlan;
  readonly wanted: ByteRequirements;
  readonly member: string | undefined;
  /** For temporary files. */
  readonly directory: string;
  /** Called with what is odd about the bytes, and no failure. */
  readonly note: (text: string) => void;
  /** Called with how far a disk was read to see where its data is. */
  readonly scanned: (done: number, total: number) => void;
  /** Bytes that any step may give. */
  readonly limit: number | undefined;
  /** Something declared covers the bytes: what they unpack to is no sign of a bad download. */
  readonly isProven: boolean;
}

/**
 * The bytes that come out of a conversion, proven before the last of them. A file on disk is read at any place where that spares a
 * second copy.
 */
export async function* convertedBytes(
  bytes: VerifiedBytes,
  { plan, wanted, member, directory, limit, note, scanned, isProven }: SourceConversion,
  signal: AbortSignal,
  lent: boolean,
): AsyncGenerator<Uint8Array> {
  const isDisk = plan.steps[0] === "raw->qcow2";
  const unread = isDisk ? await bytes.unread?.() : undefined;
  if (isDisk && unread === undefined) await bytes.verify(signal);
  const { path = unread, size } = bytes;
  const input =
    path === undefined
      ? ({ kind: "stream", bytes: bytes.read(signal, takesLent(plan)), size } as const)
      : ({ kind: "file", path } as const);
  const made = transform(input, plan, { target: wanted, member, directory, limit, note, scanned, lent, signal });
  yield* isProven ? made : distrusting(bytes, made);
  if (path !== undefined) await bytes.check();
}

interface OpenOptions {
  readonly format: Format;
  readonly compression: Compression;
  readonly filename: string;
  readonly size?: number | undefined;
  readonly virtualSize?: number | undefined;
  readonly digest?: Digest | undefined;
  readonly metadata?: Source | undefined;
  /** Digests that are to be known of what is sent. */
  readonly algorithms: readonly Algorithm[];
  /** The bytes to send, and what is known of their digests when they have all been sent. */
  readonly supply: (signal: AbortSignal) => Promise<VerifiedBytes>;
  /** What is still to be done to them for each reader; none: they are sent as they are. */
  readonly conversion?: SourceConversion | undefined;
  /** What is checked of bytes that are sent compressed, as they are. */
  readonly check?: UnpackedCheck | undefined;
  readonly place?: ConversionSlot | undefined;
  /** Bytes that a conversion has given. */
  readonly onConverted: (done: number) => void;
  readonly content: () => Promise<Content>;
  readonly signal: AbortSignal;
}

/** A source as a backend gets it. */
export class OpenedSource implements OpenResult {
  readonly format: Format;
  readonly compression: Compression;
  readonly filename: string;
  readonly size?: number;
  readonly virtualSize?: number;
  readonly digest?: Digest;
  readonly metadata?: Source;
  readonly #opening: OpenOptions;
  #digests: Digests | undefined;

  constructor(opening: OpenOptions) {
    this.#opening = opening;
    this.format = opening.format;
    this.compression = opening.compression;
    this.filename = opening.filename;
    if (opening.size !== undefined) this.size = opening.size;
    if (opening.virtualSize !== undefined) this.virtualSize = opening.virtualSize;
    if (opening.digest !== undefined) this.digest = opening.digest;
    if (opening.metadata !== undefined) this.metadata = opening.metadata;
  }

  open(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#read(signal, false);
  }

  lend(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#read(signal, true);
  }

  async *#read(signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    const { supply: acquire, conversion, check, place, algorithms, onConverted } = this.#opening;
    this.#digests = undefined;
    const supply = await acquire(signal);
    if (conversion === undefined) {
      const missing = algorithms.filter((name) => !supply.algorithms.has(name));
      const end = place?.begin();
      try {
        // Unpacking beside the reader may hold pieces for longer than those are lent.
        const bytes = supply.read(signal, lent && check === undefined);
        const passed = this.#watched(bytes, supply.size, signal);
        const whole = check === undefined ? passed : distrusting(supply, passed);
        let made: Digests = {};
        if (missing.length > 0) made = yield* hashedBy(missing, supply.size, whole);
        else for await (const piece of whole) yield piece;
        this.#digests = { ...(await supply.verify(signal)).digests, ...made };
      } finally {
        end?.();
      }
      return;
    }
    const end = place?.begin();
    try {
      const bytes = counted(convertedBytes(supply, conversion, signal, lent), onConverted);
      this.#digests = yield* hashedBy(["sha256", ...algorithms], conversion.plan.size, heldBack(bytes));
    } finally {
      end?.();
    }
  }

  /** What is passed on is checked here only: a truncated or damaged image, or one that needs other files, fails before its last piece. */
  #watched(bytes: AsyncIterable<Uint8Array>, size: number | undefined, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { check } = this.#opening;
    if (check !== undefined) return checkedUnpacked(bytes, check, signal);
    return this.compression === "none" ? watched(this.format, bytes, size) : bytes;
  }

  release(): void {
    this.#opening.place?.release();
  }

  async digests(): Promise<Digests> {
    if (this.#digests !== undefined) return this.#digests;
    const { supply: bytes, conversion, signal } = this.#opening;
    if (conversion === undefined) return (await (await bytes(signal)).verify(signal)).digests;
    throw new Error("the digests were requested before the end of the bytes");
  }

  content(): Promise<Content> {
    return this.#opening.content();
  }
}

/** The bytes as they are; what they hash to, at the end. */
async function* hashedBy(
  names: readonly Algorithm[],
  size: number | undefined,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, Digests> {
  using hashing = new Hashers(names, { size });
  let made: Digests = {};
  // The digests are to be there when the last piece is out of hand: a backend may ask for them at once.
  for await (const piece of bytes) {
    await hashing.update(piece);
    yield piece;
  }
  made = digestsOf(await hashing.end());
  return made;
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  onConverted: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const piece of bytes) {
    yield piece;
    done += piece.length;
    onConverted(done);
  }
}
