import { basename } from "node:path";
import { Failure } from "../../failure.ts";
import { type Detected, identify, wholeDiskEncrypted } from "../../format/identify.ts";
import { DEFAULT_LIMIT, tooLarge } from "../../format/limit.ts";
import { MemoryBudget } from "../../format/memory-budget.ts";
import { memoryFor, memoryForCheck } from "../../format/memory-cost.ts";
import { planTransform } from "../../format/plan.ts";
import { transform } from "../../format/transform.ts";
import type { Digest } from "../../model/digest.ts";
import type { ByteRequirements, Source } from "../../model/image.ts";
import type { Content, PlainSource } from "../../model/source.ts";
import { canonical } from "../../model/value.ts";
import { orAborted } from "../../net/scope.ts";
import type { SourceContext, SourceRequest } from "../context.ts";
import { DownloadPool, type SpooledDownload } from "../fetch/index.ts";
import { heldBack, type VerifiedBytes } from "../verified-bytes.ts";
import { declaredProof } from "../verify/index.ts";
import { Web } from "../web/index.ts";
import { compressionOf, planOf } from "./conversion.ts";
import { FileDigests, inspectSource } from "./inspect.ts";
import { ConversionSlot, convertedBytes, OpenedSource, type OpenResult, type SourceConversion } from "./opened.ts";
import { detect, originOf, type SourceOrigin } from "./origin.ts";
import { compareProof, isProven, sha256Of, unpackedCheckOf } from "./proof.ts";
import { isDecidedByTail, tailOf } from "./tail.ts";
import type { SeenSource } from "./tree.ts";
import { VerifiedReader } from "./verified-reader.ts";

export type { SourceContext } from "../context.ts";

interface Making {
  readonly origin: SourceOrigin;
  readonly conversion: SourceConversion;
  readonly detected: Detected;
  readonly filename: string;
}

/** All sources of one run. Dispose of it at the end: downloads without a reader are stopped, and kept for the next run. */
export class Sources implements AsyncDisposable {
  readonly #web: Web;
  readonly #files = new FileDigests();
  readonly #supplies: DownloadPool;
  readonly #announced = new Map<string, number>();
  readonly #turns = new MemoryBudget();
  readonly #limit: number | undefined;
  readonly #note: SourceContext["note"];
  readonly #imageMade: SourceContext["made"];
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(context: SourceContext) {
    this.#signal = AbortSignal.any([context.signal, this.#stop.signal]);
    this.#limit = context.limit;
    this.#note = context.note;
    this.#imageMade = context.made;
    this.#web = new Web({ ...context, signal: this.#signal });
    this.#supplies = new DownloadPool(context, this.#web, this.#signal);
  }

  /** What a source means now, without a download. All looks of a run share their requests. @throws Failure source.*, net.* */
  async look(spec: PlainSource, previous: Content | undefined, signal: AbortSignal, quick = false): Promise<Content> {
    return await this.lookAt({ spec }, previous, signal, quick);
  }

  /** The same of a source whose file was just seen. */
  async lookAt(
    { spec, seen }: SeenSource<PlainSource>,
    previous: Content | undefined,
    signal: AbortSignal,
    quick = false,
  ): Promise<Content> {
    return await inspectSource(spec, previous, { web: this.#web, files: this.#files, signal, quick, seen });
  }

  /** Announces a reader: a conversion that several want runs once. */
  announce(spec: PlainSource, wanted: ByteRequirements): void {
    const key = wish(spec, wanted);
    this.#announced.set(key, (this.#announced.get(key) ?? 0) + 1);
  }

  /**
   * The bytes of a source as a backend wants them. Resolves when it is known what they are; they may still be on their way.
   * @throws Failure source.*, net.*; the opening signal's reason
   */
  async open(spec: PlainSource, wanted: ByteRequirements, opening: SourceRequest): Promise<OpenResult> {
    const { signal, progress } = opening;
    const proof = await declaredProof(spec, this.#web, signal);
    compareProof(spec, proof, opening.expected);
    const origin = await originOf(spec, proof, opening, {
      supplies: this.#supplies,
      files: this.#files,
      web: this.#web,
      made: this.#imageMade,
    });
    const bytes = await origin.supply(signal);
    // The first file of an archive, whatever its name.
    const isFirst = spec.member === "*";
    const member = isFirst ? undefined : spec.member;
    const directory = await this.#supplies.scratch();
    const look = (tail?: Uint8Array) =>
      detect(bytes, bytes.path ?? bytes.location ?? origin.path, isFirst ? true : member, signal, tail);
    const first = await look();
    const detected = isDecidedByTail(spec, first) ? await look(await tailOf(spec, this.#web, signal)) : first;
    const most = this.#limit ?? DEFAULT_LIMIT;
    if (Math.max(bytes.size ?? 0, detected.virtualSize ?? 0) > most) throw tooLarge("the image", most);
    const plan = planOf(detected, spec, wanted);
    const metadata = origin.metadata && (await this.#metadata(origin.metadata, signal));
    const filename = member === undefined ? bytes.filename : basename(member);
    const common = {
      filename,
      algorithms: wanted.digests ?? [],
      metadata,
      content: origin.content,
      signal,
      onConverted: (done: number) => progress("convert", done, plan.size),
    };
    const noted = new Set<string>();
    // Once, however often it is read.
    const note = (text: string): void => {
      if (!noted.has(text)) this.#note?.(`${opening.address}: ${text}`);
      noted.add(text);
    };
    // Of a file, the plan says it.
    if (detected.encrypted !== undefined && spec.kind !== "file") note(wholeDiskEncrypted(detected.encrypted));
    if (plan.steps.length === 0) {
      const { format = "other", compression } = plan;
      const size = bytes.size ?? (wanted.sized === true ? (await bytes.verify(signal)).size : undefined);
      const virtualSize = detected.virtualSize ?? (format === "raw" && compression === "none" ? size : undefined);
      const about = { limit: this.#limit, note };
      const check = opening.isCompared === true ? undefined : unpackedCheckOf(plan, detected.layers, proof, about);
      const memory = check && memoryForCheck(detected, size);
      return new OpenedSource({
        ...common,
        format,
        compression,
        size,
        virtualSize,
        digest: proof.digest,
        supply: origin.supply,
        check,
        place: memory === undefined ? undefined : await ConversionSlot.take(this.#turns, memory, signal),
      });
    }
    const scanned = (done: number, total: number): void => progress("verify", done, total);
    const conversion: SourceConversion = {
      ...{ plan, wanted, member, directory, note, scanned },
      limit: this.#limit,
      isProven: isProven(proof),
    };
    const place = await ConversionSlot.take(this.#turns, memoryFor(plan, detected), signal);
    try {
      const { format, compression, virtualSize } = await this.#outcome(detected, conversion, bytes, signal);
      const made = { ...common, format, compression, virtualSize };
      const isShared = (this.#announced.get(wish(spec, wanted)) ?? 0) > 1;
      if (!isShared && (wanted.sized !== true || plan.size !== undefined))
        return new OpenedSource({ ...made, size: plan.size, supply: origin.supply, conversion, place });
      place.release();
      const key = canonical([origin.key, wish(spec, wanted)]);
      const again = () => this.#made(key, { origin, conversion, detected, filename });
      const first = await again();
      first.watch(progress);
      const size = wanted.sized === true ? (plan.size ?? (await first.verify(signal)).size) : plan.size;
      await orAborted(first.begun, signal);
      const reader = async () => new VerifiedReader(await again(), { proof: {}, expected: undefined, where: filename });
      return new OpenedSource({ ...made, size, supply: reader });
    } catch (thrown) {
      place.release();
      throw thrown;
    }
  }

  /**
   * The sha256 of all that a backend would get of a file of this host, the metadata first. Undefined: it is no file of this host.
   * @throws Failure source.*
   */
  async sent(spec: PlainSource, wanted: ByteRequirements, opening: SourceRequest): Promise<Digest | undefined> {
    if (spec.kind !== "file") return undefined;
    const source = await this.open(spec, wanted, { ...opening, isCompared: true });
    try {
      return await sha256Of(source.metadata === undefined ? [source] : [source.metadata, source], opening.signal);
    } finally {
      source.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Failure("source.closed", "the run has ended"));
    await this.#supplies[Symbol.asyncDispose]();
    await this.#web[Symbol.asyncDispose]();
  }

  /** What several want, or what has to be measured before it is sent, is made once and kept for them. */
  async #made(key: string, { origin, conversion, detected, filename }: Making): Promise<SpooledDownload> {
    const { plan } = conversion;
    const turns = this.#turns;
    async function* produce(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      const end = await turns.take(memoryFor(plan, detected), signal);
      try {
        yield* heldBack(convertedBytes(await origin.supply(signal), conversion, signal, false));
      } finally {
        end();
      }
    }
    return await this.#supplies.made(key, { filename, produce, size: plan.size, phase: "convert" });
  }

  /** What will come out; where that shows only behind other files of an archive, they are passed over once to see it. */
  async #outcome(detected: Detected, conversion: SourceConversion, supply: VerifiedBytes, signal: AbortSignal) {
    const { plan, wanted, member, directory, limit } = conversion;
    if (plan.format !== undefined)
      return { format: plan.format, compression: plan.compression, virtualSize: detected.virtualSize };
    const { path, size } = supply;
    const input =
      path === undefined
        ? ({ kind: "stream", bytes: supply.read(signal), size } as const)
        : ({ kind: "file", path } as const);
    const bytes = transform(input, { ...plan, open: false }, { target: wanted, member, directory, limit, signal });
    const inside = await identify(bytes, {}, signal);
    await inside.whole[Symbol.asyncIterator]().return?.();
    const { format = "other", compression } = planTransform(inside.detected, wanted);
    return { format, compression, virtualSize: inside.detected.virtualSize };
  }

  /** The metadata of an image in two parts goes to the backend as it is. */
  async #metadata(bytes: VerifiedBytes, signal: AbortSignal): Promise<Source> {
    const { digests, size } = await bytes.verify(signal);
    const detected = bytes.path === undefined ? undefined : await detect(bytes, bytes.path, undefined, signal);
    return new OpenedSource({
      format: detected?.format ?? "other",
      compression: compressionOf(detected),
      filename: bytes.filename,
      size,
      digest: digests.sha256,
      algorithms: [],
      supply: async () => bytes,
      onConverted: () => {},
      content: async () => ({ where: bytes.filename }),
      signal,
    });
  }
}

/** Two openings with the same wish get the same bytes. */
const wish = ({ at: _, ...spec }: PlainSource, { formats, compressions }: ByteRequirements): string =>
  canonical([spec, formats, compressions]);
