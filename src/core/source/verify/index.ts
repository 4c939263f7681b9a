/** What must hold of bytes: digests, sums files and signatures, and hashing on the way. */

export { digestsOf, Hashing } from "./hashing.ts";
export { minisignCheck } from "./minisign.ts";
export { type Proof, proofOf } from "./proof.ts";
export { changed, type Demand, Proving } from "./proving.ts";
