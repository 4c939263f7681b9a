import { ALGORITHMS, type Digest, type Digests, nameOf, STRONG } from "../../model/digest.ts";
import type { MadeImage } from "../context.ts";

/**
 * What the bytes of an image have to be that was made from `origin`: that itself, where its backend has them as they came; where it has
 * others, which a conversion made, their digest.
 */
export function digestOfImage(origin: Digest, made: MadeImage | undefined): Digest {
  const { content, digests = {} } = made ?? {};
  const from: Digests = { ...content?.digests, ...(content?.digest && { [nameOf(content.digest)]: content.digest }) };
  if (content === undefined || from[nameOf(origin)] !== origin) return origin;
  if (ALGORITHMS.some((name) => from[name] !== undefined && from[name] === digests[name])) return origin;
  return STRONG.flatMap((name) => digests[name] ?? []).at(-1) ?? origin;
}
