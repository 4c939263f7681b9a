import { type Code, Failure } from "../../failure.ts";
import type { Hashes, HashName } from "./hashing.ts";

/** Proves a detached signature of bytes that flow by. */
export interface SignatureCheck {
  /** A hash of all the bytes that `end` needs. */
  readonly hash: HashName | undefined;
  /** All the bytes, in order. */
  update(bytes: Uint8Array): Promise<void>;
  /** @throws Failure source.signature, source.key */
  end(hashes: Hashes): Promise<void>;
  /** It will not be ended. */
  stop(): void;
}

/** A signature and the public key that it has to be made with, as they were read. */
export interface SignedFile {
  /** Where the signature stands, for messages. */
  readonly where: string;
  readonly signature: Uint8Array;
  readonly key: Uint8Array;
  /** For a sigstore certificate: whose it has to be, and who vouched for that. */
  readonly identity?: string;
  readonly issuer?: string;
}

export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export const isPgp = (bytes: Uint8Array): boolean =>
  textOf(bytes.subarray(0, 4096)).includes("-----BEGIN PGP") || ((bytes[0] ?? 0) & 0x80) !== 0;

const fault =
  (code: Code) =>
  (where: string, what: string, hint: string, cause?: unknown): Failure =>
    new Failure(code, `the signature ${where} ${what}`, { hint, cause });

/** The bytes are not proven. */
export const badSignature = fault("source.signature");
/** The key cannot prove anything. */
export const badKey = fault("source.key");
