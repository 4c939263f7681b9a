/** What must hold of bytes: digests, sums files and signatures, and hashing on the way. */

export { type DeclaredProof, declaredProof } from "./declared.ts";
export { digestsOf, Hashers } from "./hashing.ts";
export { changed, type Expectation, Verifier } from "./verifier.ts";
