import type { Resource } from "../model/declaration.ts";
import type { Digest } from "../model/digest.ts";
import type { Content, SourceSpec, UrlSource } from "../model/source.ts";
import type { Attributes } from "../model/value.ts";
import type { Plugin } from "../plugin.ts";

/** A source that the backend fetches by itself. */
export interface PulledSource {
  readonly source: UrlSource;
  /** The declared digest of the bytes; what was seen the last time does not count. */
  readonly digest: Digest | undefined;
  readonly verified: boolean;
  readonly why?: string;
}

/** Whether the backend fetches a source by itself: it says so, and nothing of the source is only to be had or proven here. */
export function pulledSource(
  plugin: Plugin,
  want: Attributes,
  source: SourceSpec | undefined,
  content: Content | undefined,
): PulledSource | undefined {
  if (plugin.pulls === undefined || source?.kind !== "url") return undefined;
  const { username, password, headers, member, signature, decompress, checksum } = source;
  const isPlain =
    [username, password, headers, member].every((one) => one === undefined) &&
    (signature === undefined || checksum?.kind === "sums") &&
    decompress !== true;
  if (!isPlain) return undefined;
  const digest = checksum === undefined ? undefined : checksum.kind === "digest" ? checksum.digest : content?.digest;
  const found = plugin.pulls(want, digest);
  return found === undefined ? undefined : { source, digest, ...found };
}

/** The bytes reach the backend as the source has them: nothing is taken out, undone or converted, and there is one file. */
export function sentAsIs(plugin: Plugin, { source, want }: Resource): boolean {
  const wanted = source === undefined ? undefined : plugin.bytes?.(want);
  if (source === undefined || wanted === undefined || source.member !== undefined || source.decompress === true)
    return false;
  if (source.kind === "file" && source.metadata !== undefined) return false;
  return wanted.formats === "any" && wanted.compressions === "any";
}
