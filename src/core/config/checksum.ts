import { meant } from "../model/check.ts";
import { ALGORITHMS, type Algorithm, algorithmOf, type Digest, parseDigest } from "../model/digest.ts";
import { isUrl } from "./world.ts";

export type ReadChecksum =
  | { readonly kind: "digest"; readonly digest: Digest }
  | { readonly kind: "sums"; readonly algorithm: Algorithm; readonly where: string }
  | { readonly kind: "wrong"; readonly message: string; readonly hint?: string };

const DIGITS: Readonly<Record<Algorithm, number>> = { md5: 32, sha1: 40, sha256: 64, sha384: 96, sha512: 128 };

/** `ALGORITHM:HEX`, or `ALGORITHM:` and the URL or path of a file of sums. */
export function readChecksum(text: string): ReadChecksum {
  const digest = parseDigest(text);
  if (digest !== undefined) return { kind: "digest", digest };
  const [, name = "", rest = ""] = /^([^:/]*):(.*)$/s.exec(text) ?? [];
  const algorithm = ALGORITHMS.find((one) => one === name.toLowerCase());
  if (algorithm === undefined) return noAlgorithm(text, name);
  if (rest !== "" && !/^[0-9a-f]{16,}$/i.test(rest)) return { kind: "sums", algorithm, where: rest };
  const digits = DIGITS[algorithm];
  return {
    kind: "wrong",
    message: `a ${algorithm} digest has ${digits} hexadecimal digits, and this has ${rest.length}`,
  };
}

/** `file_hash` of terraform: an MD5 by itself, or `ALGORITHM:HEX`; never a file of sums. */
export function readHash(text: string): Exclude<ReadChecksum, { kind: "sums" }> {
  const read = readChecksum(text.includes(":") ? text : `md5:${text}`);
  if (read.kind !== "sums") return read;
  const message = `expected the ${DIGITS[read.algorithm]} hexadecimal digits of a ${read.algorithm} digest, got ${JSON.stringify(read.where.slice(0, 40))}`;
  return { kind: "wrong", message, hint: "the sums file of a publisher goes into `checksum`" };
}

function noAlgorithm(text: string, name: string): ReadChecksum {
  const message = "expected an algorithm, a colon, and the digest or where it is";
  const guess = algorithmOf(text);
  if (guess !== undefined && /^[0-9a-f]+$/i.test(text))
    return { kind: "wrong", message, hint: `write "${guess}:" before it` };
  if (name === "" || isUrl(text)) return { kind: "wrong", message, hint: 'as in "sha256:…"' };
  return { kind: "wrong", message: `${name} is no algorithm`, ...meant(name, ALGORITHMS) };
}
