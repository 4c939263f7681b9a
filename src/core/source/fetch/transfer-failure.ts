import { Failure } from "../../failure.ts";
import { publicUrl } from "../web/index.ts";
import type { DownloadSink } from "./sink.ts";

/** What went wrong on the network's side, and whether the same mirror may be asked again. */
export class TransferFailure {
  readonly failure: unknown;
  readonly again: boolean;
  constructor(failure: unknown, again: boolean) {
    this.failure = failure;
    this.again = again;
  }
}

export const short = (url: string, { offset, total }: DownloadSink): Failure =>
  new Failure("net.short", `${publicUrl(url)} ended after ${offset} of ${total} bytes`, { retry: true });

export const isTooSlow = (url: string, bytes: number, seconds: number): Failure =>
  new Failure("net.slow", `${publicUrl(url)} sent only ${bytes} bytes in ${seconds} s`, {
    retry: true,
    hint: "the server or the network is stalled: try again, or add a mirror",
  });

/** What to say when all mirrors were tried. */
export function allMirrorsFailed(lost: readonly unknown[], sink: DownloadSink, urls: readonly string[]): unknown {
  const last = lost.at(-1);
  if (!(last instanceof Failure)) return last;
  const come =
    sink.offset === 0
      ? ""
      : `; ${sink.offset}${sink.total === undefined ? "" : ` of ${sink.total}`} bytes were received and are kept for the next try`;
  const others = urls.length > 1 ? ` (the last of ${urls.length} mirrors)` : "";
  return new Failure(last.code, `${last.message}${others}${come}`, {
    hint: last.hint ?? "try again",
    cause: last.cause,
    retry: last.retry,
    request: last.request,
  });
}
