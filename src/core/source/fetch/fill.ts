import { Failure } from "../../failure.ts";
import { collected } from "../../format/garbage.ts";
import type { Validators } from "../../model/source.ts";
import { type Clock, systemClock } from "../../net/clock.ts";
import type { Answer } from "../../net/door.ts";
import { backoff } from "../../net/retry.ts";
import type { Patience } from "../means.ts";
import { gathered } from "../pieces.ts";
import { type Access, ifRange, judge, lengthOf, publicUrl, rangeOf, validatorsOf, type Web } from "../web/index.ts";

/** Where the bytes of a download go. Its failures end the download. */
export interface Sink {
  /** Bytes that are there. */
  readonly offset: number;
  readonly total: number | undefined;
  /** What the server said of the version that they are of, and which server. */
  readonly validators: Validators;
  readonly where: string | undefined;
  /** Somebody has seen the first of them: they cannot be taken back. */
  readonly isSeen: boolean;
  /** sha256 of what is there. */
  soFar(): string;
  /** An answer goes on with the bytes, or begins them: what it says of the file holds from now on. */
  accept(where: string, validators: Validators, total: number | undefined): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** Throws away what is there. @throws Failure source.changed where it has been seen */
  restart(): Promise<void>;
}

export interface Filling {
  /** Mirrors, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly access: Access;
  /** A digest is declared: parts of several mirrors may be put together, since the whole is proven. */
  readonly isProven: boolean;
  readonly web: Web;
  readonly signal: AbortSignal;
  readonly patience: Patience;
  readonly clock?: Clock | undefined;
}

/** What went wrong on the network's side, and whether the same mirror may be asked again. */
class Lost {
  readonly failure: unknown;
  readonly again: boolean;
  constructor(failure: unknown, again: boolean) {
    this.failure = failure;
    this.again = again;
  }
}

/** Fewer bytes than this do not count as progress between two tries. */
const ENOUGH = 64 << 10;
const TRIES = 5;
const SLOW = { bytes: 16 << 10, seconds: 60 };

/**
 * Fetches until all is there: a body that breaks off is taken up where it ended, a mirror that fails is left for the next.
 * Rejects with the last failure, with a failure of the sink, or with the signal's reason.
 */
export async function fill(sink: Sink, filling: Filling): Promise<void> {
  const { urls, isProven, signal, patience, clock = systemClock } = filling;
  if (isProven && sink.total !== undefined && sink.offset === sink.total) return;
  const tries = patience.tries ?? TRIES;
  const lost: unknown[] = [];
  for (const [i, url] of urls.entries()) {
    const mirror = new Mirror(url, i === urls.length - 1, sink, filling);
    for (let idle = 0; idle < tries; ) {
      const before = sink.offset;
      try {
        if (await mirror.attempt()) return;
        continue;
      } catch (thrown) {
        signal.throwIfAborted();
        if (!(thrown instanceof Lost)) throw thrown;
        lost.push(thrown.failure);
        if (!thrown.again) break;
      }
      idle = sink.offset - before >= ENOUGH ? 0 : idle + 1;
      if (idle > 0 && idle < tries) await clock.sleep(backoff(idle), signal);
    }
  }
  throw given(lost, sink, urls);
}

class Mirror {
  readonly #url: string;
  readonly #isLast: boolean;
  readonly #sink: Sink;
  readonly #filling: Filling;
  /** Parts are of no use here: the whole file is asked for. */
  #isPlain = false;
  /** The server counts its versions otherwise than before, though the file is the same. */
  #isLoose = false;

  constructor(url: string, isLast: boolean, sink: Sink, filling: Filling) {
    this.#url = url;
    this.#isLast = isLast;
    this.#sink = sink;
    this.#filling = filling;
  }

  /** True: all is there. False: to be asked once more at once, in another way. @throws Lost */
  async attempt(): Promise<boolean> {
    const sink = this.#sink;
    const { isProven } = this.#filling;
    const isOwn = sink.where === publicUrl(this.#url);
    const version = isOwn && !this.#isLoose ? ifRange(sink.validators) : undefined;
    const isPart = sink.offset > 0 && !this.#isPlain && (version !== undefined || isProven);
    const answer = await this.#ask(isPart, version);
    const { status, headers } = answer;
    const range = rangeOf(headers.get("content-range"));
    const length = lengthOf(headers);
    const validators = validatorsOf(headers, range?.total ?? (status === 200 ? length : undefined));
    const known = version === undefined ? {} : sink.validators;
    const begun = { offset: isPart ? sink.offset : 0, total: sink.total, validators: known };
    const verdict = judge(begun, { status, range, length, validators });
    if (verdict.kind === "complete") return true;
    if (verdict.kind === "again") {
      await drop(answer);
      if (!isPart) throw new Lost(new Failure("net.answer", `${publicUrl(this.#url)}: ${verdict.why}`), false);
      this.#isPlain = true;
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
    const isWhole = verdict.kind === "whole";
    const isOther = verdict.total !== undefined && sink.total !== undefined && verdict.total !== sink.total;
    if (isWhole && sink.offset > 0 && (!sink.isSeen || isOther)) await sink.restart();
    const skip = isWhole ? sink.offset : 0;
    await sink.accept(publicUrl(this.#url), validators, verdict.total);
    await this.#take(answer, skip);
    if (sink.total === undefined || sink.offset === sink.total) return true;
    throw new Lost(short(this.#url, sink), true);
  }

  async #ask(isPart: boolean, version: string | undefined): Promise<Answer> {
    const { web, access, signal } = this.#filling;
    const condition = version === undefined ? {} : { "if-range": version };
    const headers = isPart ? { range: `bytes=${this.#sink.offset}-`, ...condition } : {};
    try {
      return await web.get(this.#url, access, { signal, headers, accept: isPart ? [416] : [] });
    } catch (thrown) {
      signal.throwIfAborted();
      // The door has tried several times already: another mirror is better, unless there is none and much would be lost.
      throw new Lost(
        thrown,
        this.#isLast && this.#sink.offset > 0 && thrown instanceof Failure && thrown.retry !== false,
      );
    }
  }

  /** Stores the body; the first `skip` bytes of it are those that are there already, or it is another file. */
  async #take(answer: Answer, skip: number): Promise<void> {
    const sink = this.#sink;
    const old = new Bun.CryptoHasher("sha256");
    let left = skip;
    for await (const piece of collected(gathered(this.#body(answer)))) {
      const part = piece.subarray(0, left);
      if (left > 0) {
        old.update(part);
        left -= part.length;
        if (left === 0 && old.digest("hex") !== sink.soFar()) await sink.restart();
      }
      const fresh = piece.subarray(part.length);
      if (fresh.length === 0) continue;
      if (sink.total !== undefined && sink.offset + fresh.length > sink.total) {
        this.#isPlain = true;
        throw new Lost(new Failure("net.answer", `${publicUrl(this.#url)}: more bytes than were announced`), true);
      }
      await sink.append(fresh);
    }
    if (left > 0) await sink.restart();
  }

  /** The body as it comes; it ends when it breaks off or only drips. */
  async *#body(answer: Answer): AsyncGenerator<Uint8Array> {
    const { bytes: few, seconds } = this.#filling.patience.slow ?? SLOW;
    let since = performance.now();
    let count = 0;
    const pieces = answer.stream()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await pieces.next().catch((thrown: unknown): never => {
          throw new Lost(thrown, thrown instanceof Failure && thrown.code.startsWith("net."));
        });
        if (done === true) return;
        yield value;
        count += value.length;
        if (performance.now() - since < seconds * 1000) continue;
        if (count < few) throw new Lost(drips(this.#url, count, seconds), true);
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

const short = (url: string, { offset, total }: Sink): Failure =>
  new Failure("net.short", `${publicUrl(url)} ended after ${offset} of ${total} bytes`, { retry: true });

const drips = (url: string, bytes: number, seconds: number): Failure =>
  new Failure("net.slow", `${publicUrl(url)} gave no more than ${bytes} bytes in ${seconds} s`, {
    retry: true,
    hint: "the server or the network in between is as good as standing still: try again, or name a mirror",
  });

/** What to say when all mirrors were tried. */
function given(lost: readonly unknown[], sink: Sink, urls: readonly string[]): unknown {
  const last = lost.at(-1);
  if (!(last instanceof Failure)) return last;
  const come =
    sink.offset === 0
      ? ""
      : `; ${sink.offset}${sink.total === undefined ? "" : ` of ${sink.total}`} bytes have come and are kept for the next try`;
  const others = urls.length > 1 ? ` (the last of ${urls.length} mirrors)` : "";
  return new Failure(last.code, `${last.message}${others}${come}`, {
    hint: last.hint ?? "try again",
    cause: last.cause,
    retry: last.retry,
    request: last.request,
  });
}
