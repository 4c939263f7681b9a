import { type Mutant, mutant } from "./mutant.ts";

const AT = "tests/core/source";
const SOURCE = `${AT}/open.test.ts ${AT}/proved.test.ts ${AT}/liars.test.ts ${AT}/cache.test.ts`;
const VERIFIER = "src/core/source/verify/verifier.ts";
const DECLARED = "src/core/source/verify/declared.ts";
const SUMS = "src/core/source/verify/sums.ts";
const READER = "src/core/source/open/verified-reader.ts";
const SIGNATURES = `${AT}/signature.test.ts ${AT}/sumsmirrors.test.ts ${AT}/sums.test.ts`;

/** Digests, sums files and signatures: what a reader proves. */
export const PROOF_MUTANTS: readonly Mutant[] = [
  mutant(
    "the digest that the plan was made from is not compared",
    VERIFIER,
    "else if (expected !== undefined)",
    "else if (false)",
    SOURCE,
  ),
  mutant(
    "a signature that does not hold is passed over",
    VERIFIER,
    "await this.#signature?.end(hashes).catch(",
    "await this.#signature?.end(hashes).catch(() => undefined);\n    await Promise.resolve().catch(",
    `${SIGNATURES} ${AT}/open.test.ts ${AT}/liars.test.ts`,
  ),
  mutant(
    "a damaged copy in the cache is given",
    READER,
    "if (whole.digests.sha256 !== undefined &&",
    "if (false &&",
    SOURCE,
  ),
  mutant(
    "a reader gets the last bytes before they are proven",
    READER,
    "return heldBack(this.#pass(signal, lent));",
    "return this.#pass(signal, lent);",
    SOURCE,
  ),
  mutant("what was damaged stays in the cache", READER, "await this.#inner.distrust?.();", "", SOURCE),
  mutant(
    "what stays compressed is not unpacked beside its reader",
    "src/core/source/open/proof.ts",
    "if (isProven(proof)) return undefined;",
    "return undefined;",
    `${AT}/kept-packed.test.ts`,
  ),
  mutant(
    "a download that turns out damaged stays in the cache",
    "src/core/source/open/proof.ts",
    "await bytes.distrust?.();",
    "await Promise.resolve();",
    `${AT}/kept-packed.test.ts`,
  ),
  mutant(
    "what comes behind the damage is kept",
    "src/core/source/fetch/download.ts",
    "this.#isDistrusted = true;",
    "",
    `${AT}/kept-packed.test.ts`,
  ),
  mutant(
    "a file as it is now is recorded with the digest that is declared",
    "src/core/plan/merged-content.ts",
    'if (spec?.kind !== "file" || spec.checksum === undefined) return content;',
    "if (spec !== null) return content;",
    "tests/cli/through.test.ts",
  ),
  mutant(
    "bytes that are known to be others block nothing",
    "src/core/plan/contradicted.ts",
    "if (source === undefined || other === undefined || other === declared) return undefined;",
    "if (source === undefined || other === undefined || other !== declared) return undefined;",
    "tests/core/plan/contradicted.test.ts",
  ),
  mutant(
    "the signature of a sums file is not proven",
    DECLARED,
    "await prove(bytes, await check(signed));",
    "await check(signed);",
    SIGNATURES,
  ),
  mutant(
    "a trusted comment need not be signed",
    "src/core/source/verify/minisign.ts",
    'if (trusted !== undefined && !verify(null, signed, key, Buffer.from(global, "base64")))',
    "if (false)",
    SIGNATURES,
  ),
  mutant(
    "a revoked or expired key proves",
    "src/core/source/verify/pgpkeys.ts",
    "if (fault !== undefined) throw fault;",
    "",
    SIGNATURES,
  ),
  mutant(
    "of two digests for one name the first counts",
    SUMS,
    "if (best.every((sum) => sum.hex === first?.hex)) return first;",
    "return first;",
    SIGNATURES,
  ),
  mutant("an entry of another directory counts", SUMS, ".filter(({ agrees }) => agrees >= least)", "", SIGNATURES),
  mutant("weak digests of a sums file count", SUMS, "[...STRONG].reverse()", "[...ALGORITHMS].reverse()", SIGNATURES),
];
