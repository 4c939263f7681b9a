import { Failure } from "../../failure.ts";
import { ALGORITHMS, type Algorithm, algorithmOf, type Digest, digest } from "../../model/digest.ts";

/** One digest of a sums file. */
export interface Sum {
  readonly hex: string;
  /** Said by a BSD line; of the others only the number of digits is known. */
  readonly algorithm: Algorithm | undefined;
  /** Undefined: the digest stands alone, or is that of the standard input. */
  readonly name: string | undefined;
}

const GNU = /^(\\?)([0-9a-f]{32,128})(?: [ *]|\t+)(.+)$/i;
const BSD = /^(\\?)([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9a-f]{32,128})$/i;
const BARE = /^(?:([A-Za-z0-9-]+):)?([0-9a-f]{32,128})$/i;

/** Reads GNU lines (`HEX  name`), BSD lines (`SHA256 (name) = HEX`) and single digests; every other line is passed over. */
export function parseSums(text: string): readonly Sum[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const sum = parseLine(line.trimEnd());
    return sum === undefined ? [] : [sum];
  });
}

/**
 * The digest that a sums file has for the first of `paths` (URL paths or file paths of the same bytes) that it knows. An entry is
 * chosen by file name; of several with the same name, the one whose folders agree.
 * @throws Failure source.sums, which lists what is there
 */
export function findSum(text: string, algorithm: string, paths: readonly string[], where: string): Digest {
  const wanted = ALGORITHMS.find((known) => known === algorithm.toLowerCase());
  if (wanted === undefined)
    throw new Failure("source.sums", `${algorithm} is no digest that we know`, {
      hint: `Use ${ALGORITHMS.join(", ")}.`,
    });
  const all = parseSums(text);
  if (all.length === 0)
    throw new Failure("source.sums", `${where} holds no digests`, {
      hint: "Give the file of digests itself: GNU lines, BSD lines, or one digest alone.",
    });
  const sums = all.filter((sum) => (sum.algorithm ?? algorithmOf(sum.hex)) === wanted);
  if (sums.length === 0) throw wrongKind(all, wanted, where);
  for (const path of paths) {
    const found = choose(sums, path, where);
    if (found !== undefined) return digest(wanted, found.hex);
  }
  const [only] = sums;
  if (only !== undefined && only.name === undefined && sums.length === 1) return digest(wanted, only.hex);
  throw missing(sums, paths, where);
}

function choose(sums: readonly Sum[], path: string, where: string): Sum | undefined {
  const parts = split(path);
  const ranked = sums
    .filter((sum) => sum.name !== undefined && split(sum.name).at(-1) === parts.at(-1))
    .map((sum) => ({ sum, agrees: agreement(split(sum.name ?? ""), parts) }))
    .sort((a, b) => b.agrees - a.agrees);
  const best = ranked.filter((one) => one.agrees === ranked[0]?.agrees).map((one) => one.sum);
  const [first] = best;
  if (best.every((sum) => sum.hex.toLowerCase() === first?.hex.toLowerCase())) return first;
  throw new Failure("source.sums", `${where} has several digests for ${parts.at(-1)}: ${listed(best)}`, {
    hint: "Write the digest itself as `checksum`.",
  });
}

function parseLine(line: string): Sum | undefined {
  const gnu = GNU.exec(line);
  if (gnu !== null) return named(gnu[2], undefined, gnu[3], gnu[1] === "\\");
  const bsd = BSD.exec(line);
  if (bsd !== null) {
    const algorithm = algorithmNamed(bsd[2]);
    return algorithm === undefined ? undefined : named(bsd[4], algorithm, bsd[3], bsd[1] === "\\");
  }
  const bare = BARE.exec(line.trim());
  return bare === null ? undefined : named(bare[2], algorithmNamed(bare[1]), undefined, false);
}

function named(hex: string | undefined, algorithm: Algorithm | undefined, name: string | undefined, escaped: boolean) {
  if (hex === undefined || (algorithm ?? algorithmOf(hex)) !== algorithmOf(hex)) return undefined;
  const plain = escaped
    ? name?.replace(/\\(n|r|\\)/g, (_, c: string) => (c === "n" ? "\n" : c === "r" ? "\r" : c))
    : name;
  return { hex: hex.toLowerCase(), algorithm, name: plain === "-" ? undefined : plain };
}

/** `SHA2-256`, `SHA-256` and `SHA256` are one. */
function algorithmNamed(text: string | undefined): Algorithm | undefined {
  const plain = text
    ?.toLowerCase()
    .replace(/^sha2-/, "sha")
    .replace(/-/g, "");
  return ALGORITHMS.find((known) => known === plain);
}

const split = (path: string): readonly string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/** How many path segments agree, from the end. */
function agreement(a: readonly string[], b: readonly string[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[a.length - 1 - n] === b[b.length - 1 - n]) n++;
  return n;
}

function listed(sums: readonly Sum[]): string {
  const names = [...new Set(sums.map((sum) => sum.name ?? "a digest without a name"))];
  return names.length > 10 ? `${names.slice(0, 10).join(", ")} and ${names.length - 10} more` : names.join(", ");
}

function wrongKind(sums: readonly Sum[], wanted: Algorithm, where: string): Failure {
  const kinds = [...new Set(sums.flatMap((sum) => sum.algorithm ?? algorithmOf(sum.hex) ?? []))];
  return new Failure(
    "source.sums",
    `${where} holds no ${wanted} digests, but ${kinds.join(" and ") || "unknown ones"}`,
    {
      hint: `Write \`checksum = "${kinds[0] ?? wanted}:${where}"\`, or give the other sums file.`,
    },
  );
}

const missing = (sums: readonly Sum[], paths: readonly string[], where: string): Failure => {
  const names = [...new Set(paths.map((path) => split(path).at(-1) ?? path))];
  return new Failure("source.sums", `${where} has no digest of ${names.join(" or ")}; it has: ${listed(sums)}`, {
    hint: "A digest is found by the file name; write the digest itself as `checksum` if the file is called otherwise there.",
  });
};
