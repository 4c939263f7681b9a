import { Failure } from "../../failure.ts";
import { ALGORITHMS, type Algorithm, algorithmOf, type Digest, digest, STRONG } from "../../model/digest.ts";

/** One digest of a sums file. */
interface Sum {
  readonly hex: string;
  /** Said by a BSD line; of the others only the number of digits is known. */
  readonly algorithm: Algorithm | undefined;
  /** Undefined: the digest stands alone, or is that of the standard input. */
  readonly name: string | undefined;
}

const GNU = /^(\\?)([0-9a-f]{32,128})(?: [ *]|\t+| )(.+)$/i;
const BSD = /^(\\?)([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9a-f]{32,128})$/i;
const BARE = /^(?:([A-Za-z0-9-]+):)?([0-9a-f]{32,128})$/i;

/** Reads GNU lines (`HEX  name`), BSD lines (`SHA256 (name) = HEX`) and single digests; every other line is passed over. */
export function parseSums(text: string): readonly Sum[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const sum = parseLine(line.trimEnd());
    return sum === undefined ? [] : [sum];
  });
}

/** The digests of one sums file that may count. */
export class Sums {
  /** By algorithm, the first one before the others. */
  readonly #kinds: ReadonlyMap<Algorithm, readonly Sum[]>;
  readonly #where: string;

  /** Without an algorithm: the strong ones, the strongest first. @throws Failure source.sums where there is none of them */
  constructor(text: string, algorithm: string | undefined, where: string) {
    const wanted = ALGORITHMS.find((known) => known === algorithm?.toLowerCase());
    if (algorithm !== undefined && wanted === undefined)
      throw new Failure("source.sums", `unknown algorithm ${algorithm}`, {
        hint: `use ${[...ALGORITHMS].reverse().join(", ")}`,
      });
    const all = parseSums(text);
    if (all.length === 0)
      throw new Failure("source.sums", `${where} contains no digests`, {
        hint: "expected a sums file: GNU lines, BSD lines, or one digest",
      });
    const kinds = (wanted === undefined ? [...STRONG].reverse() : [wanted]).map(
      (name) => [name, all.filter((sum) => kindOf(sum) === name)] as const,
    );
    this.#kinds = new Map(kinds.filter(([, sums]) => sums.length > 0));
    this.#where = where;
    if (this.#kinds.size === 0) throw wrongKind(all, wanted, where);
  }

  /**
   * The digest of the first of `paths` (URL paths, file paths or names of the same bytes) that is there: by file name; of several with
   * the same name, the one whose directories agree; `whole`: only one whose directories all agree.
   * @throws Failure source.sums where two have a claim
   */
  find(paths: readonly string[], whole = false): Digest | undefined {
    for (const path of paths)
      for (const [name, sums] of this.#kinds) {
        const found = choose(sums, path, this.#where, whole ? split(path).length : 1);
        if (found !== undefined) return digest(name, found.hex);
      }
    return undefined;
  }

  /** The digest, where there is only one. Of other bytes it would be a mismatch. `nameless`: only where it says no name either. */
  only(nameless = false): Digest | undefined {
    for (const [name, sums] of this.#kinds) {
      const [first] = sums;
      const isOne = sums.every((sum) => sum.hex === first?.hex && (!nameless || sum.name === undefined));
      if (first !== undefined && isOne) return digest(name, first.hex);
    }
    return undefined;
  }

  missing(paths: readonly string[]): Failure {
    const names = [...new Set(paths.map((path) => split(path).at(-1) ?? path))];
    const [[name, sums] = ["sha256", []] as const] = this.#kinds;
    return new Failure(
      "source.sums",
      `${this.#where} has no digest of ${names.join(" or ")}; it has: ${listed(sums)}`,
      {
        hint: `choose the entry: checksum = { sums = "${name}:${this.#where}", name = "…" }`,
      },
    );
  }
}

const kindOf = ({ algorithm, hex }: Sum): Algorithm | undefined => algorithm ?? algorithmOf(hex);

function choose(sums: readonly Sum[], path: string, where: string, least: number): Sum | undefined {
  const parts = split(path);
  const ranked = sums
    .filter((sum) => sum.name !== undefined && split(sum.name).at(-1) === parts.at(-1))
    .map((sum) => ({ sum, agrees: agreement(split(sum.name ?? ""), parts) }))
    .filter(({ agrees }) => agrees >= least)
    .sort((a, b) => b.agrees - a.agrees);
  const best = ranked.filter((one) => one.agrees === ranked[0]?.agrees).map((one) => one.sum);
  const [first] = best;
  if (best.every((sum) => sum.hex === first?.hex)) return first;
  throw new Failure("source.sums", `${where} has several digests for ${parts.at(-1)}: ${listed(best)}`, {
    hint: 'say which entry it is: checksum = { sums = "…", name = "DIRECTORY/FILE" }',
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

function wrongKind(sums: readonly Sum[], wanted: Algorithm | undefined, where: string): Failure {
  const there = ALGORITHMS.filter((name) => sums.some((sum) => kindOf(sum) === name)).reverse();
  const [strongest] = there;
  const missing = wanted ?? "sha256, sha512 or other strong";
  const hint =
    strongest === undefined
      ? "use the other sums file"
      : `write \`checksum = "${strongest}:${where}"\`, or use the other sums file`;
  return new Failure(
    "source.sums",
    `${where} contains no ${missing} digests, but ${there.join(" and ") || "unknown ones"}`,
    { hint },
  );
}
