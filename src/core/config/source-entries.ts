import { parseAddress } from "../model/name.ts";
import type { FilePosition } from "../model/position.ts";
import { absolute, type CheckContext, hintFor, isUrl } from "./context.ts";
import { isSpelling, SOURCE, SPELLINGS, type Spelling } from "./keys.ts";
import type { Node, NodeEntry, TextNode } from "./node.ts";

export type SourcePart = keyof typeof SOURCE;
/** One thing said of the source, wherever and under whatever name it was written. */
export interface SourceEntry {
  readonly part: SourcePart;
  /** As it was written. */
  readonly label: string;
  readonly key: FilePosition;
  readonly value: Node;
  /** Where the whole of it stands: the table, or the value. */
  readonly whole: FilePosition;
}

/** Whether a key of an image says something of its source. */
export const isSourceKey = (key: string): boolean => key === "source" || isSpelling(key);

const isPart = (key: string): key is SourcePart => Object.hasOwn(SOURCE, key);

/**
 * All that an image says of its source, in `source` and in the other tools' spellings of it; `plugin` where its `source` is an attribute
 * of the plugin's own; undefined, and reported, where its `source` is nothing.
 * @param own whether the plugin has an attribute `source`, that takes what is none of ours.
 */
export function sourceEntries(
  entries: ReadonlyMap<string, NodeEntry>,
  own: boolean,
  context: CheckContext,
): SourceEntry[] | "plugin" | undefined {
  const pieces: SourceEntry[] = [];
  const source = entries.get("source");
  if (source?.value.kind === "text") {
    const part = partOf(source.value, own, context);
    if (part === "plugin" || part === undefined) return part;
    pieces.push({ part, label: "source", key: source.key, value: source.value, whole: source.value.at });
  } else if (source?.value.kind === "table") {
    for (const [key, { key: at, value }] of source.value.entries)
      if (isPart(key)) pieces.push({ part: key, label: `source.${key}`, key: at, value, whole: source.value.at });
    if (pieces.length === 0) {
      context.problems.error("config.origin", NOWHERE, { at: source.value.at });
      return undefined;
    }
  } else if (source !== undefined) return undefined;
  for (const [key, { key: at, value }] of entries)
    if (isSpelling(key))
      pieces.push({ part: SPELLINGS[key].part, label: key, key: at, value: meaning(key, value), whole: value.at });
  return pieces;
}

/** What a value means: bytes are recognized by what they are, so that the name of a format only says that there is one. */
function meaning(key: Spelling, value: Node): Node {
  const spelling = SPELLINGS[key];
  if (!("means" in spelling) || value.kind !== "text") return value;
  const { means } = spelling;
  return typeof means === "string"
    ? { kind: "text", at: value.at, value: means }
    : { kind: "plain", at: value.at, value: means };
}

/** Parts that say where the bytes are; there has to be one of them. */
export const KINDS: readonly SourcePart[] = ["file", "url", "urls", "image"];
/** Parts that only go with some kinds of source. */
export const ONLY: { readonly [P in SourcePart]?: readonly SourcePart[] } = {
  metadata: ["file", "url", "urls"],
  username: ["url", "urls"],
  password: ["url", "urls"],
  headers: ["url", "urls"],
  hosts: ["url", "urls"],
  cache: ["url", "urls"],
  state: ["image"],
  min_age: ["image"],
};
export const NOWHERE = "source needs file, url, urls or image";
const ENDING =
  /\.(?:qcow2?|img|raw|iso|vmdk|vhdx?|vdi|ova|qed|hdd|hds|vpc|tar|tgz|tbz2?|txz|tzst|tlz4?|squashfs|gz|gzip|bz2|bzip2|xz|lzma|lz4|zstd?|zip)$/i;

/** What a plain text as source is. */
function partOf(node: TextNode, own: boolean, context: CheckContext): SourcePart | "plugin" | undefined {
  const text = node.value;
  const { problems, declared } = context;
  if (own && /^[A-Za-z0-9._-]+:(?!\/\/)/.test(text)) return "plugin";
  if (/^https?:\/\//i.test(text)) return "url";
  if (/^(?:\.{0,2}\/|~\/|file:\/\/)/.test(text) || text === "." || text === "..") return "file";
  const address = parseAddress(text);
  if (address !== undefined && declared.has(address)) return "image";
  if (context.exists(absolute(context, text)) || (ENDING.test(text) && !isUrl(text))) return "file";
  if (own) return "plugin";
  const near = address === undefined ? undefined : hintFor(address, declared, "");
  const hint = near?.startsWith("did") ? near : 'a path begins with "./", "/" or "~/"';
  const what = isUrl(text) ? "a URL is http:// or https://" : "expected a path, a URL or a declared BACKEND/IMAGE";
  problems.error("config.value", `source: ${what}`, { at: node.at, hint });
  return undefined;
}
