import type { UrlSource } from "../model/source.ts";
import { besideEach, isBeside } from "./beside.ts";
import { absolute, type CheckContext, isUrl, reportPassword } from "./context.ts";
import type { Node, TextNode } from "./node.ts";
import { checksumOf } from "./source-parts.ts";

/**
 * The metadata file of an image in two parts, beside a disk on the web: a URL, or a table with `url` and `checksum`. Undefined, and reported,
 * where it is neither. `beside`: how the disk itself is fetched.
 */
export function metadataOf(
  node: Node,
  beside: Pick<UrlSource, "at" | "follow" | "username" | "password" | "headers" | "cache">,
  context: CheckContext,
): UrlSource | undefined {
  const tell = (at: Node["at"], message: string, hint?: string): undefined => {
    context.problems.error("config.value", message, { at, hint });
  };
  const entry = (key: string): Node | undefined => (node.kind === "table" ? node.entries.get(key)?.value : undefined);
  const url = node.kind === "text" ? node : entry("url");
  if (url?.kind !== "text" || !isUrl(url.value))
    return tell(node.at, "source.metadata: expected a URL, because the disk has one", "metadata = { url = … }");
  if (!URL.canParse(url.value) || !/^https?:$/.test(new URL(url.value).protocol))
    return tell(url.at, "source.metadata: expected a URL that begins with https:// or http://");
  if (reportPassword(url.value, url.at, "source.metadata", context)) return undefined;
  const sum = entry("checksum");
  const label = "source.metadata.checksum";
  const place = ({ value, at }: TextNode) => {
    if (!isBeside(value)) return [isUrl(value) ? value : absolute(context, value)];
    const found = besideEach(value, [url.value]);
    return typeof found === "string" ? tell(at, `${label}: ${found}`) : found;
  };
  const checksum = sum && checksumOf({ value: sum, label }, tell, place);
  if (sum !== undefined && checksum === undefined) return undefined;
  return { ...beside, kind: "url", urls: [url.value], ...(checksum === undefined ? {} : { checksum }) };
}
