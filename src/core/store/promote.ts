import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { type Address, parseAddress } from "../model/name.ts";
import type { Content, FileSource, PromotedSource, UrlSource } from "../model/source.ts";
import type { Recorded, State } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { parseJournal } from "./journal.ts";
import { replay } from "./replay.ts";
import type { Storage } from "./storage.ts";

/**
 * What a promoted source means now: the place and the digest of the bytes that the other state has accepted. Where those are younger
 * than is wanted, the bytes that are here (`previous`) stay.
 * @throws Failure source.promotion when there are none
 */
export async function promoted(
  spec: PromotedSource,
  previous: Content | undefined,
  storage: Storage,
  now: Date,
  signal: AbortSignal,
): Promise<FileSource | UrlSource> {
  const { state } = replay(await storage.read(signal), storage, "none");
  const content = contentOf(spec, state, storage);
  if (spec.minAge === undefined || previous?.digest === content.digest) return pinnedTo(spec, content, storage);
  const since = await acceptedSince(storage, spec.address, content, signal);
  if (since === undefined)
    throw refused(
      spec,
      storage,
      "has no history, which `min_age` needs",
      "remove min_age, or keep that state in a file, S3 or PostgreSQL",
    );
  const ripe = new Date(since.getTime() + spec.minAge * 1000);
  if (ripe <= now) return pinnedTo(spec, content, storage);
  if (previous?.digest !== undefined) return pinnedTo(spec, previous, storage);
  throw refused(spec, storage, `has these bytes only since ${rfc(since)}`, `they are old enough from ${rfc(ripe)} on`);
}

const rfc = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");

const refused = (spec: PromotedSource, { where }: Storage, why: string, hint?: string): Failure =>
  new Failure("source.promotion", `${spec.address} cannot be promoted: the state in ${where} ${why}`, {
    at: spec.at,
    hint,
  });

/** The bytes of that address; those of an image that was made from another one are that one's. */
function contentOf(spec: PromotedSource, state: State, storage: Storage): Content & { readonly digest: Digest } {
  const seen = new Set<Address>();
  for (let at: Address | undefined = spec.address; at !== undefined && !seen.has(at); ) {
    seen.add(at);
    const row: Recorded | undefined = Object.hasOwn(state.images, at) ? state.images[at] : undefined;
    if (row === undefined)
      throw refused(spec, storage, `has no ${at}`, "list addresses with: images state list --state …");
    if (row.status !== "ready") throw refused(spec, storage, `has it ${row.status}`, "apply there first");
    const content: Content | undefined = row.content;
    const from: Address | undefined = content === undefined ? undefined : parseAddress(content.where);
    if (from !== undefined && Object.hasOwn(state.images, from)) {
      at = from;
      continue;
    }
    if (content?.digest !== undefined) return { ...content, digest: content.digest };
    break;
  }
  throw refused(spec, storage, "has no digest of its bytes", "declare a checksum there, and apply");
}

function pinnedTo(spec: PromotedSource, { where, digest }: Content, storage: Storage): FileSource | UrlSource {
  const { kind: _, state: __, address: ___, minAge: ____, ...common } = spec;
  if (digest === undefined) throw refused(spec, storage, "has no digest of its bytes");
  const pinned = { ...common, checksum: { kind: "digest", digest } } as const;
  if (/^https?:\/\//.test(where)) return { ...pinned, kind: "url", urls: [where] };
  if (where.startsWith("/")) return { ...pinned, kind: "file", path: where };
  throw refused(
    spec,
    storage,
    `made it from ${where}, which cannot be read from here`,
    "use a URL as its source there",
  );
}

/** Since when a state has had these bytes without a break, as far as its runs are remembered; undefined: they are not. */
async function acceptedSince(
  storage: Storage,
  address: Address,
  { digest }: Content,
  signal: AbortSignal,
): Promise<Date | undefined> {
  const isIt = (row: unknown): boolean =>
    isTable(row) && row["status"] === "ready" && isTable(row["content"]) && row["content"]["digest"] === digest;
  let since: string | undefined;
  let oldest: string | undefined;
  for (const { run } of (await storage.runs(signal)).toReversed()) {
    const text = await storage.readRun(run, signal);
    if (text === undefined) continue;
    const { lines } = parseJournal(text, run, `${storage.where}, run ${run}`);
    oldest = lines[0]?.at ?? oldest;
    for (const line of lines.toReversed()) {
      if (!("put" in line) || !Object.hasOwn(line.put, address)) continue;
      if (!isIt(line.put[address])) return since === undefined ? undefined : new Date(since);
      since = line.at;
    }
  }
  const first = since ?? oldest;
  return first === undefined ? undefined : new Date(first);
}
