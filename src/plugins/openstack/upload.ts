import {
  type Algorithm,
  type Context,
  type Digest,
  digest,
  Failure,
  hexOf,
  nameOf,
  passThrough,
  poll,
  type Source,
} from "images";
import type { Glance } from "./glance.ts";
import { digestsOf } from "./image.ts";
import type { GlanceAnswer, Task } from "./wire.ts";

/** Seconds that an image may stay on its way without anything being seen to happen: far more than a healthy Glance takes. */
const PATIENCE = 3600;

/** After how many looks the tasks of an import are asked, each time. */
const LOOKS = 4;

/** Statuses that an image has while bytes are on their way into it. */
const MOVING = new Set(["queued", "saving", "uploading", "importing", "pending"]);

/** Seconds after which the status of an image that is waited for is reported. */
const TELLS = 5;

/** Looks until an image can be used; tells its status where that takes long. @throws Failure when it never will */
export async function untilActive(
  glance: Glance,
  id: string,
  context: Pick<Context, "signal" | "progress" | "note">,
  deadline = PATIENCE,
): Promise<GlanceAnswer> {
  const { signal, progress, note } = context;
  const began = Date.now();
  let status = "queued";
  let reported: string | undefined;
  const look = async (attempt: number): Promise<GlanceAnswer | undefined> => {
    const seen = await whenBack(glance, id, signal);
    if (seen === undefined) throw gone(id);
    if (seen.status === "active") return seen;
    status = seen.status;
    // An import that failed is reported by the image, or by its task alone: some Glances leave the image as it was for ever.
    const hasFailed = Boolean(seen.os_glance_failed_import);
    if (hasFailed || attempt % LOOKS === 0) {
      const words = importEnded(await glance.tasks(id, signal), hasFailed);
      if (words !== undefined) throw importFailure(words);
    }
    if (!MOVING.has(status))
      throw new Failure("backend.failed", `the image ${id} became ${status}`, { hint: "apply again" });
    progress("wait", 0, undefined, `the image to become active (${status})`);
    if (status !== reported && Date.now() - began > TELLS * 1000) {
      note(`waiting for Glance: the image ${id} is ${status}`);
      reported = status;
    }
    return undefined;
  };
  try {
    return await poll(look, { signal, interval: 0.3, max: 10, deadline });
  } catch (thrown) {
    const isTimeout = thrown instanceof DOMException && thrown.name === "TimeoutError";
    if (!isTimeout && !(thrown instanceof Failure && thrown.code === "net.timeout")) throw thrown;
    const seconds = Math.round((Date.now() - began) / 1000);
    throw new Failure("run.timeout", `timed out after ${seconds} s: the image ${id} is still ${status}`, {
      hint: `its log says why; ${isTimeout ? "a longer `timeout` gives it more time; " : ""}apply again begins the image again`,
      cause: thrown,
    });
  }
}

const gone = (id: string): Failure =>
  new Failure("backend.missing", `the image ${id} was deleted while it was created`, { hint: "apply again" });

/** What Glance says of an import that it failed at; undefined while it is at it, perhaps a second time. Pure. */
function importEnded(tasks: readonly Task[], hasFailed: boolean): string | undefined {
  const [last] = tasks;
  if (last === undefined) return hasFailed ? "" : undefined;
  return tasks.every(({ status }) => status === "failure") ? (last.message ?? "") : undefined;
}

const importFailure = (words: string): Failure =>
  new Failure("backend.import", `Glance could not import the image${words === "" ? "" : `: ${words}`}`, {
    hint: "see the log of Glance; without web_download and use_import the bytes are uploaded directly",
  });

/** Whether a failed upload may have left an image that only Glance's absence or its cleaning up is in the way of. */
export const isPassing = (thrown: unknown): boolean =>
  thrown instanceof Failure &&
  (thrown.code.startsWith("net.") ||
    ["backend.unreachable", "backend.busy", "backend.failed"].includes(thrown.code) ||
    /from (?:saving|active|uploading) to (?:saving|uploading)/.test(thrown.message));

/** The image, as soon as Glance answers: one that is away is waited for, for five minutes. Undefined: the image is gone. */
export async function whenBack(glance: Glance, id: string, signal: AbortSignal): Promise<GlanceAnswer | undefined> {
  const end = Date.now() + 300_000;
  const look = async () => {
    try {
      return { image: await glance.image(id, signal) };
    } catch (thrown) {
      if (signal.aborted || !isPassing(thrown) || Date.now() > end) throw thrown;
      return undefined;
    }
  };
  return (await poll(look, { signal, interval: 0.5, max: 5 })).image;
}

/** Seconds that Glance may take for an upload without a response. */
const SETTLES = 900;

/**
 * What a failed upload left. No answer in time, of Glance's or of a proxy's in front of it, says nothing of the upload itself: Glance may
 * have all of the bytes, and is waited for while it is at them.
 */
export async function whenSettled(
  glance: Glance,
  id: string,
  thrown: unknown,
  { signal, note }: Pick<Context, "signal" | "note">,
): Promise<GlanceAnswer | undefined> {
  const left = await whenBack(glance, id, signal);
  const isCut = thrown instanceof Failure && thrown.code === "net.timeout";
  if (!isCut || left?.status !== "saving") return left;
  note(`${thrown.message}: waiting for Glance to finish the upload`);
  const end = Date.now() + SETTLES * 1000;
  const look = async () => {
    const image = await whenBack(glance, id, signal);
    return image?.status === "saving" && Date.now() < end ? undefined : { image };
  };
  return (await poll(look, { signal, interval: 0.5, max: 10 })).image;
}

/**
 * What Glance says that it got against what was sent. A Glance that reports no digest that was made on the way has the bytes read once
 * more. @throws Failure source.digest
 */
export async function compare(
  made: GlanceAnswer,
  source: Source,
  asked: string | undefined,
  { note, signal }: Pick<Context, "note" | "signal">,
): Promise<void> {
  if (asked !== undefined && made.disk_format !== asked)
    return note(`the cloud converted the image to ${made.disk_format}, so that its bytes cannot be compared`);
  const got = Object.values(digestsOf(made)).filter((one) => one !== undefined);
  const sent = Object.values(await source.digests()).filter((one) => one !== undefined);
  const isKnown = got.some((theirs) => sent.some((ours) => nameOf(ours) === nameOf(theirs)));
  const [first] = got;
  if (first === undefined) return;
  const all = isKnown ? sent : [await hashedAgain(source, nameOf(first), signal)];
  for (const theirs of got) {
    const ours = all.find((one) => nameOf(one) === nameOf(theirs));
    if (ours === undefined || ours === theirs) continue;
    throw new Failure(
      "source.digest",
      `checksum mismatch of the upload: sent ${nameOf(ours)} ${hexOf(ours)}, Glance has ${hexOf(theirs)}`,
      { hint: "apply again; if it persists, a proxy on the way to Glance changes the bytes" },
    );
  }
}

async function hashedAgain(source: Source, name: Algorithm, signal: AbortSignal): Promise<Digest> {
  const hasher = new Bun.CryptoHasher(name);
  for await (const piece of passThrough(source, signal)) hasher.update(piece);
  return digest(name, hasher.digest("hex"));
}
