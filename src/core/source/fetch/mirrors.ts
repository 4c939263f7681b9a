import { Failure } from "../../failure.ts";
import type { VerificationResult } from "../verified-bytes.ts";
import { publicUrl } from "../web/index.ts";
import { type DownloadJob, downloadInto, EARLIER } from "./download-into.ts";
import type { DownloadSink } from "./sink.ts";

/** A sink that knows at its end whether the bytes are what they should be. */
export interface VerifyingSink extends DownloadSink {
  /** `giver`: the mirror that all of them came from, where it was one. @throws Failure source.checksum, source.changed, source.signature, source.key */
  verify(giver?: string): Promise<VerificationResult>;
}

/** What is wrong with the bytes that a mirror gave: another mirror may have the right ones. */
const isLie = (thrown: unknown): thrown is Failure =>
  thrown instanceof Failure && ["source.checksum", "source.changed", "source.signature"].includes(thrown.code);

/**
 * Fetches and proves. Wrong bytes are the fault of the mirror that gave them: it is named to `note`, and the next one is asked for the
 * whole file. Where several gave a part each, nobody knows which was wrong, so that each is asked for the whole file. The sink has to
 * show nothing to its readers before it is proven, where there are several mirrors and something to prove.
 */
export async function downloadVerified(
  sink: VerifyingSink,
  job: DownloadJob,
  note?: (text: string) => void,
): Promise<VerificationResult> {
  const { urls, signal } = job;
  const givers = await downloadInto(sink, job);
  const [giver] = givers.size === 1 && !givers.has(EARLIER) ? givers : [];
  const failed: Failure[] = [];
  try {
    return await sink.verify(giver && publicUrl(giver));
  } catch (thrown) {
    if (urls.length < 2 || sink.isSeen || !isLie(thrown)) throw thrown;
    failed.push(thrown);
    note?.(giver === undefined ? mixed(thrown) : lied(thrown));
  }
  // Those before the giver could not be had; where it is not known which gave wrong bytes, all are asked again.
  const rest = giver === undefined ? urls : urls.slice(urls.indexOf(giver) + 1);
  for (const [i, url] of rest.entries()) {
    try {
      await sink.restart();
      await downloadInto(sink, { ...job, urls: [url] });
      return await sink.verify(publicUrl(url));
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof Failure) || !mayPass(thrown)) throw thrown;
      failed.push(thrown);
      if (isLie(thrown) && i < rest.length - 1) note?.(lied(thrown));
    }
  }
  throw none(failed, urls.length);
}

/** A full disk and a key that cannot be read are not the fault of a mirror. */
const mayPass = ({ code }: Failure): boolean =>
  !["source.space", "source.io", "source.key", "source.cache", "source.netrc", "config.secret"].includes(code);

const lied = ({ message }: Failure): string => `${message}; trying the next mirror`;
const mixed = ({ message }: Failure): string =>
  `${message}; the parts came from several mirrors: downloading the whole file from each`;

function none(failed: readonly Failure[], count: number): Failure {
  const [first] = failed;
  if (first === undefined) return new Failure("source.missing", "there is no mirror");
  const lies = failed.filter(isLie);
  const facts = { hint: first.hint, cause: first.cause, request: first.request };
  const all = failed.map(({ message }) => message).join("; ");
  return new Failure((lies[0] ?? first).code, `none of the ${count} mirrors has the expected bytes: ${all}`, facts);
}
