import type { Brand } from "./name.ts";

/** From the weakest to the strongest. */
export const ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] as const;
/** Those that nobody can make other bytes for. */
export const STRONG: readonly Algorithm[] = ["sha224", "sha256", "sha384", "sha512"];
export type Algorithm = (typeof ALGORITHMS)[number];
/** `sha256:<lower-case hex>` and its siblings. */
export type Digest = Brand<string, "Digest">;
/** Several digests of the same bytes. */
export type Digests = { readonly [A in Algorithm]?: Digest };

/** Hexadecimal digits. */
export const LENGTH: Readonly<Record<Algorithm, number>> = {
  md5: 32,
  sha1: 40,
  sha224: 56,
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

/** `ALGORITHM:HEX` in any case; undefined when it is not that. */
export function parseDigest(text: string): Digest | undefined {
  const [name, hex, ...more] = text.toLowerCase().split(":");
  const algorithm = ALGORITHMS.find((known) => known === name);
  if (algorithm === undefined || hex === undefined || more.length > 0) return undefined;
  return hex.length === LENGTH[algorithm] && /^[0-9a-f]+$/.test(hex) ? digest(algorithm, hex) : undefined;
}

// biome-ignore lint/plugin: the brand is given here.
export const digest = (algorithm: Algorithm, hex: string): Digest => `${algorithm}:${hex.toLowerCase()}` as Digest;
/** The algorithm that bare hex of this length most likely is, as sums files without names have it. */
export const algorithmOf = (hex: string): Algorithm | undefined =>
  ALGORITHMS.find((name) => LENGTH[name] === hex.length);
export const hexOf = (of: Digest): string => of.slice(of.indexOf(":") + 1);
export const nameOf = (of: Digest): Algorithm =>
  of.startsWith("sha256:") ? "sha256" : (ALGORITHMS.find((name) => of.startsWith(`${name}:`)) ?? "sha256");
/** For a reader: the algorithm and the first twelve digits. */
export const shortDigest = (of: Digest): string => `${nameOf(of)}:${hexOf(of).slice(0, 12)}…`;
