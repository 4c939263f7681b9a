import { Failure } from "../../failure.ts";
import { type Algorithm, type Digest, digest, nameOf } from "../../model/digest.ts";
import type { VerificationResult } from "../verified-bytes.ts";
import type { DeclaredProof } from "./declared.ts";
import { digestsOf, Hashers, type Hashes, type HashingOptions, type HashName } from "./hashing.ts";
import type { SignatureCheck } from "./signature.ts";

/** What bytes have to be, and what is to be known of them. */
export interface Expectation {
  readonly proof: DeclaredProof;
  /** The digest that the plan was made from. */
  readonly expected: Digest | undefined;
  /** Where the bytes come from, for messages. */
  readonly where: string;
}

/** One pass over all bytes, at whose end it shows whether they are what they should be. */
export class Verifier implements Disposable {
  readonly #expectation: Expectation;
  readonly #hashing: Hashers;
  readonly #signature: SignatureCheck | undefined;
  #size = 0;

  private constructor(expectation: Expectation, hashing: Hashers, signature: SignatureCheck | undefined) {
    this.#expectation = expectation;
    this.#hashing = hashing;
    this.#signature = signature;
  }

  /** The digests that it will give. */
  static algorithms({ proof, expected }: Expectation): ReadonlySet<Algorithm> {
    const compared = [proof.digest, expected].flatMap((one) => (one === undefined ? [] : [nameOf(one)]));
    return new Set<Algorithm>(["sha256", ...compared]);
  }

  /** @throws Failure source.signature, source.key, and those of fetching them */
  static async begin(expectation: Expectation, options: HashingOptions = {}): Promise<Verifier> {
    const signature = await expectation.proof.signature?.();
    const names: HashName[] = [...Verifier.algorithms(expectation)];
    if (signature?.hash !== undefined) names.push(signature.hash);
    return new Verifier(expectation, new Hashers(names, options), signature);
  }

  /** Resolves when there is room for more; undefined: there is. */
  update(bytes: Uint8Array): Promise<void> | undefined {
    this.#size += bytes.length;
    const hashed = this.#hashing.update(bytes);
    return this.#signature === undefined ? hashed : this.#signed(this.#signature, hashed, bytes);
  }

  async #signed(signature: SignatureCheck, hashed: Promise<void> | undefined, bytes: Uint8Array): Promise<void> {
    await hashed;
    await signature.update(bytes);
  }

  /** sha256 of what came until now. */
  async soFar(): Promise<string> {
    return (await this.#hashing.soFar()) ?? "";
  }

  /** `isOld`: some of the bytes were left by an earlier run. `giver`: where all of them came from, if not from where the demand says. @throws Failure source.checksum, source.changed, source.signature, source.key */
  async end(isOld = false, giver?: string): Promise<VerificationResult> {
    const { proof, expected, where: declared } = this.#expectation;
    const where = giver ?? declared;
    const hashes = await this.#hashing.end();
    if (proof.digest !== undefined) compareDeclared(proof.digest, hashes, where, isOld, proof.label);
    else if (expected !== undefined) compareExpected(expected, hashes, where);
    await this.#signature?.end(hashes).catch((thrown: unknown): never => {
      throw thrown instanceof Failure && giver !== undefined ? from(thrown, giver) : thrown;
    });
    return { digests: digestsOf(hashes), size: this.#size };
  }

  [Symbol.dispose](): void {
    this.#hashing[Symbol.dispose]();
    this.#signature?.stop();
  }
}

function compareDeclared(declared: Digest, hashes: Hashes, where: string, isOld: boolean, label = "checksum"): void {
  const found = made(declared, hashes);
  if (found === declared) return;
  const message = `${where}: checksum mismatch: expected ${declared}, got ${found}`;
  throw new Failure("source.checksum", message, {
    hint: isOld
      ? "a part from an earlier run was deleted: run the same command again"
      : `do not use the file; if the publisher has changed it, update \`${label}\``,
    retry: isOld,
  });
}

function compareExpected(expected: Digest, hashes: Hashes, where: string): void {
  const found = made(expected, hashes);
  if (found !== expected) throw changed(where, `${expected} then, ${found} now`);
}

/** A signature says nothing of where the bytes came from. */
const from = ({ code, message, hint, cause }: Failure, giver: string): Failure =>
  new Failure(code, `${giver}: ${message}`, { hint, cause });

const made = (like: Digest, hashes: Hashes): Digest => digest(nameOf(like), hashes.get(nameOf(like)) ?? "");

/** Other bytes than those that the plan was made from. */
export const changed = (where: string, what: string, when = "since the plan was made"): Failure =>
  new Failure("source.changed", `${where} has changed ${when}: ${what}`, {
    hint: "make a new plan and review it; `checksum` in images.toml pins the bytes",
  });
