import { Failure } from "../../failure.ts";
import type { Answer } from "../../net/client.ts";
import { type Clock, systemClock } from "../../net/clock.ts";
import { backoff } from "../../net/retry.ts";
import type { RetryPolicy } from "../context.ts";
import { received } from "../pieces.ts";
import {
  codingOf,
  ifRange,
  isCoded,
  judge,
  lengthOf,
  publicUrl,
  rangeOf,
  type UrlCredentials,
  validatorsOf,
  type Web,
} from "../web/index.ts";
import type { DownloadSink } from "./sink.ts";
import { allMirrorsFailed, isTooSlow, short, TransferFailure } from "./transfer-failure.ts";

export interface DownloadJob {
  /** Mirrors, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly access: UrlCredentials;
  /** A digest is declared: parts of several mirrors may be put together, since the whole is proven. */
  readonly isProven: boolean;
  /** Only bytes as they are kept: nothing is known that would show whether those that a server has compressed on the way are meant. */
  readonly isPlain: boolean;
  readonly web: Web;
  readonly signal: AbortSignal;
  readonly patience: RetryPolicy;
  readonly clock?: Clock | undefined;
}

/** Fewer bytes than this do not count as progress between two tries. */
const ENOUGH = 64 << 10;
const TRIES = 5;
/** The statuses with which a server gives a file, a part of it, or says that no part is missing. */
const FILE = [200, 203, 206, 416];
/** In place of the mirror that left bytes in an earlier run. */
export const EARLIER = "";
const SLOW = { bytes: 16 << 10, seconds: 60 };

/**
 * Fetches until all is there: a body that breaks off is taken up where it ended, a mirror that fails is left for the next.
 * Returns the mirrors that bytes came from. Rejects with the last failure, with a failure of the sink, or with the signal's reason.
 */
export async function downloadInto(sink: DownloadSink, job: DownloadJob): Promise<ReadonlySet<string>> {
  const { urls, isProven, signal, patience, clock = systemClock } = job;
  const givers = new Set<string>(sink.offset > 0 ? [EARLIER] : []);
  if (isProven && sink.total !== undefined && sink.offset === sink.total) return givers;
  const tries = patience.tries ?? TRIES;
  const lost: unknown[] = [];
  for (const [i, url] of urls.entries()) {
    const mirror = new Mirror(url, i === urls.length - 1, sink, job, givers);
    for (let idle = 0; idle < tries; ) {
      const before = sink.offset;
      try {
        if (await mirror.attempt()) return givers;
        continue;
      } catch (thrown) {
        signal.throwIfAborted();
        if (!(thrown instanceof TransferFailure)) throw thrown;
        lost.push(thrown.failure);
        if (!thrown.again) break;
      }
      idle = sink.offset - before >= ENOUGH ? 0 : idle + 1;
      if (idle > 0 && idle < tries) await clock.sleep(backoff(idle), signal);
    }
  }
  throw allMirrorsFailed(lost, sink, urls);
}

class Mirror {
  readonly #url: string;
  readonly #isLast: boolean;
  readonly #sink: DownloadSink;
  readonly #job: DownloadJob;
  readonly #givers: Set<string>;
  /** Parts are of no use here: the whole file is asked for. */
  #isWholeOnly = false;
  /** The server counts its versions otherwise than before, though the file is the same. */
  #isLoose = false;

  constructor(url: string, isLast: boolean, sink: DownloadSink, job: DownloadJob, givers: Set<string>) {
    this.#url = url;
    this.#isLast = isLast;
    this.#sink = sink;
    this.#job = job;
    this.#givers = givers;
  }

  /** True: all is there. False: to be asked once more at once, in another way. @throws Lost */
  async attempt(): Promise<boolean> {
    const sink = this.#sink;
    const { isProven } = this.#job;
    const isOwn = sink.where === publicUrl(this.#url);
    const version = isOwn && !this.#isLoose ? ifRange(sink.validators) : undefined;
    const isPart = sink.offset > 0 && !this.#isWholeOnly && (version !== undefined || isProven);
    const answer = await this.#ask(isPart, version);
    const { status, headers } = answer;
    await this.#refuseOther(answer);
    const range = rangeOf(headers.get("content-range"));
    const length = lengthOf(headers);
    const validators = validatorsOf(headers, range?.total ?? (status === 200 ? length : undefined));
    const known = version === undefined ? {} : sink.validators;
    const begun = { offset: isPart ? sink.offset : 0, total: sink.total, validators: known, isProven };
    const verdict = judge(begun, { status, range, length, validators });
    if (verdict.kind === "complete") return true;
    if (verdict.kind === "again") {
      await drop(answer);
      if (!isPart)
        throw new TransferFailure(new Failure("net.answer", `${publicUrl(this.#url)}: ${verdict.why}`), false);
      this.#isWholeOnly = true;
      return false;
    }
    if (
      verdict.kind === "whole" &&
      isPart &&
      version !== undefined &&
      isProven &&
      length === sink.total &&
      length !== undefined
    ) {
      await drop(answer);
      this.#isLoose = true;
      return false;
    }
    // A part that was not asked for is one of the beginning.
    const isWhole = verdict.kind === "whole" || !isPart;
    const isOther = verdict.total !== undefined && sink.total !== undefined && verdict.total !== sink.total;
    if (isWhole && sink.offset > 0 && (!sink.isSeen || isOther)) await this.#restart();
    const skip = isWhole ? sink.offset : 0;
    await sink.accept(publicUrl(this.#url), validators, verdict.total);
    await this.#take(answer, skip);
    this.#givers.add(this.#url);
    if (sink.total === undefined || sink.offset === sink.total) return true;
    throw new TransferFailure(short(this.#url, sink), true);
  }

  /** An answer that is not the file. @throws TransferFailure */
  async #refuseOther(answer: Answer): Promise<void> {
    const where = publicUrl(this.#url);
    if (!FILE.includes(answer.status)) {
      await drop(answer);
      throw new TransferFailure(
        new Failure("net.answer", `${where}: expected the file, got status ${answer.status}`),
        false,
      );
    }
    const coding = codingOf(this.#url, answer);
    if (coding === undefined) return;
    if (!this.#job.isPlain)
      return this.#job.web.note(
        `${where} is sent with Content-Encoding: ${coding}; the bytes are verified as they are sent`,
      );
    await drop(answer);
    throw new TransferFailure(isCoded(where, coding), false);
  }

  async #ask(isPart: boolean, version: string | undefined): Promise<Answer> {
    const { web, access, signal } = this.#job;
    const condition = version === undefined ? {} : { "if-range": version };
    const headers = isPart ? { range: `bytes=${this.#sink.offset}-`, ...condition } : {};
    try {
      return await web.get(this.#url, access, { signal, headers, accept: isPart ? [416] : [] });
    } catch (thrown) {
      signal.throwIfAborted();
      // The client has tried several times already: another mirror is better, unless there is none and much would be lost.
      throw new TransferFailure(
        thrown,
        this.#isLast && this.#sink.offset > 0 && thrown instanceof Failure && thrown.retry !== false,
      );
    }
  }

  /** Stores the body; the first `skip` bytes of it are those that already exist, or it is another file. */
  async #take(answer: Answer, skip: number): Promise<void> {
    const sink = this.#sink;
    const old = new Bun.CryptoHasher("sha256");
    let left = skip;
    for await (const piece of received(this.#body(answer))) {
      const part = piece.subarray(0, left);
      if (left > 0) {
        old.update(part);
        left -= part.length;
        if (left === 0 && old.digest("hex") !== (await sink.soFar())) await this.#restart();
      }
      const fresh = piece.subarray(part.length);
      if (fresh.length === 0) continue;
      if (sink.total !== undefined && sink.offset + fresh.length > sink.total) {
        this.#isWholeOnly = true;
        throw new TransferFailure(
          new Failure("net.answer", `${publicUrl(this.#url)}: more bytes than announced`),
          true,
        );
      }
      await sink.append(fresh);
      this.#givers.add(this.#url);
    }
    if (left > 0) await this.#restart();
  }

  async #restart(): Promise<void> {
    await this.#sink.restart();
    this.#givers.clear();
  }

  /** The body as it comes; it ends when it breaks off or only drips. */
  async *#body(answer: Answer): AsyncGenerator<Uint8Array> {
    const { bytes: few, seconds } = this.#job.patience.slow ?? SLOW;
    let since = performance.now();
    let count = 0;
    const pieces = answer.stream()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await pieces.next().catch((thrown: unknown): never => {
          throw new TransferFailure(thrown, thrown instanceof Failure && thrown.code.startsWith("net."));
        });
        if (done === true) return;
        yield value;
        count += value.length;
        if (performance.now() - since < seconds * 1000) continue;
        if (count < few) throw new TransferFailure(isTooSlow(this.#url, count, seconds), true);
        since = performance.now();
        count = 0;
      }
    } finally {
      await pieces.return?.();
    }
  }
}

/** The rest of the answer is not wanted. */
async function drop(answer: Answer): Promise<void> {
  try {
    for await (const _ of answer.stream()) break;
  } catch {
    // It would not have been used.
  }
}
