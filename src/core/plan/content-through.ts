import type { Content, ImageSource } from "../model/source.ts";
import { canonical } from "../model/value.ts";

/**
 * What is made from another image: what that one is made from (`other`), or what is declared of its bytes here. What is done to the bytes
 * here comes after what was done to them there.
 */
export function contentThrough({ address }: ImageSource, other: Content | undefined, declared: Content): Content {
  const both = declared.transform === undefined ? other?.transform : canonical([other?.transform, declared.transform]);
  const transform = both === undefined ? {} : { transform: both };
  return { ...(declared.digest === undefined ? other : { digest: declared.digest }), where: address, ...transform };
}
