import { createHash } from "node:crypto";
import { type Digests, nameOf } from "../model/digest.ts";
import type { Content, SourceSpec } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { canonical, isSame } from "../model/value.ts";
import { contentOfKey } from "./content-key.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { markerStatus } from "./ownership.ts";

export const digestsOf = ({ digest, digests }: Content): Digests =>
  digest === undefined ? { ...digests } : { ...digests, [nameOf(digest)]: digest };

/** The signature over the bytes that is declared, as it is recorded once it was proven; the one over a sums file is proven with that. */
function signatureOf(spec: SourceSpec | undefined): string | undefined {
  if (spec?.signature === undefined || spec.checksum?.kind === "sums") return undefined;
  const { where, key } = spec.signature;
  return createHash("sha256")
    .update(canonical([where.replace(/[?#].*$/s, ""), key]))
    .digest("hex");
}

/** What a look at a source shows. Of a file with a declared checksum, what it is now was never compared with that. */
function shownOf(content: Content, spec: SourceSpec | undefined): Content {
  if (spec?.kind !== "file" || spec.checksum === undefined) return content;
  const { stat: _, size: __, ...shown } = content;
  return shown;
}

export const isSigned = ({ signed }: Content, spec: SourceSpec | undefined): boolean => {
  const declared = signatureOf(spec);
  return declared === undefined || declared === signed;
};

/**
 * What is recorded of an image that comes into the state: what its origin is today, with the digests of its bytes that its own marker or
 * the backend tells. A signature is not proven by that.
 */
export function adoptedContent(
  { content: now, sentAsIs, resource }: Pick<DesiredImage, "content" | "sentAsIs" | "resource">,
  found: Pick<LiveImage, "id" | "self" | "marker" | "isOthers" | "digests">,
): Content | undefined {
  if (now === undefined) return undefined;
  const content = shownOf(now, resource.source);
  const marked =
    markerStatus(found) === "genuine" && found.isOthers !== true
      ? contentOfKey(found.marker?.content ?? "")
      : undefined;
  const own = marked === undefined || content.transform !== undefined ? {} : digestsOf(marked);
  return mergedContent(content, content, undefined, { ...(sentAsIs ? found.digests : {}), ...own });
}

/** Whether `now` says nothing of the bytes that `before` does not. */
function isLearned(before: Content, now: Content, spec: SourceSpec | undefined): boolean {
  const { digest, digests } = before;
  const isWhole = digest === undefined || digests === undefined || digests[nameOf(digest)] === digest;
  if (!isWhole || before.signed !== undefined || now.signed !== undefined || spec?.signature !== undefined)
    return false;
  return Object.entries(now).every(([name, value]) => isSame(value, Reflect.get(before, name)));
}

/** What is recorded of bytes that are those of `before`, now that more is known of them or of where they come from. */
export function mergedContent(
  before: Content,
  now: Content,
  spec: SourceSpec | undefined,
  found: Digests = {},
): Content {
  const { signed: _, ...rest } = { ...before, ...now };
  const digests = { ...digestsOf(before), ...digestsOf(now), ...found };
  const signed = signatureOf(spec);
  const isMore = Object.values(digests).some((one) => one !== rest.digest);
  return {
    ...rest,
    ...(isMore ? { digests } : {}),
    ...(signed === undefined ? {} : { signed }),
  };
}

/** The same bytes, but the state should know something new of them or of where they come from: a touched file, a declared checksum. */
export function seenAgain(known: Recorded | undefined, { content, resource }: DesiredImage): Content | undefined {
  if (known?.content === undefined || content === undefined || resource.lifecycle.ignoreChanges.includes("content"))
    return undefined;
  const shown = shownOf(content, resource.source);
  if (isLearned(known.content, shown, resource.source)) return undefined;
  const merged = mergedContent(known.content, shown, resource.source);
  return canonical(merged) === canonical(known.content) ? undefined : merged;
}
