import { meant } from "../model/check.ts";
import { ALGORITHMS, type Algorithm, algorithmOf, type Digest, LENGTH, parseDigest } from "../model/digest.ts";
import { isUrl } from "./context.ts";

export type ReadChecksum =
  | { readonly kind: "digest"; readonly digest: Digest }
  | { readonly kind: "sums"; readonly algorithm?: Algorithm; readonly where: string }
  | { readonly kind: "wrong"; readonly message: string; readonly hint?: string };

/** `ALGORITHM:HEX`, or `ALGORITHM:` and the URL or path of a file of sums. */
export function readChecksum(text: string): ReadChecksum {
  const digest = parseDigest(text);
  if (digest !== undefined) return { kind: "digest", digest };
  const [, name = "", rest = ""] = /^([^:/]*):(.*)$/s.exec(text) ?? [];
  const algorithm = ALGORITHMS.find((one) => one === name.toLowerCase());
  if (algorithm === undefined) return noAlgorithm(text, name);
  if (rest !== "" && !/^[0-9a-f]{16,}$/i.test(rest)) return { kind: "sums", algorithm, where: rest };
  const digits = LENGTH[algorithm];
  return {
    kind: "wrong",
    message: `a ${algorithm} digest has ${digits} hexadecimal digits, and this has ${rest.length}`,
  };
}

/** `sums` of a table: the URL or path of a file of sums, with `ALGORITHM:` before it or the strongest that it has. */
export function readSums(text: string): ReadChecksum {
  const isNamed = ALGORITHMS.some((name) => text.toLowerCase().startsWith(`${name}:`));
  if (!isNamed) return { kind: "sums", where: text };
  const read = readChecksum(text);
  if (read.kind !== "digest") return read;
  return {
    kind: "wrong",
    message: "expected the URL or path of a sums file",
    hint: "a literal digest goes into `checksum`",
  };
}

/** `file_hash` of terraform: an MD5 by itself, or `ALGORITHM:HEX`; never a file of sums. */
export function readHash(text: string): Exclude<ReadChecksum, { kind: "sums" }> {
  const read = readChecksum(text.includes(":") ? text : `md5:${text}`);
  if (read.kind !== "sums") return read;
  const message = `expected the ${LENGTH[read.algorithm ?? "md5"]} hexadecimal digits of a ${read.algorithm ?? "md5"} digest, got ${JSON.stringify(read.where.slice(0, 40))}`;
  return { kind: "wrong", message, hint: "the sums file of a publisher goes into `checksum`" };
}

function noAlgorithm(text: string, name: string): ReadChecksum {
  const message = "expected ALGORITHM:DIGEST, or ALGORITHM: and the URL or path of a sums file";
  const guess = algorithmOf(text);
  if (guess !== undefined && /^[0-9a-f]+$/i.test(text))
    return { kind: "wrong", message, hint: `write "${guess}:" before it` };
  if (name === "" || isUrl(text)) return { kind: "wrong", message, hint: 'as in "sha256:…"' };
  return { kind: "wrong", message: `unknown algorithm ${name}`, ...meant(name, ALGORITHMS) };
}
