import type { Key, KeyID, Subkey } from "openpgp";
import { Failure } from "../../failure.ts";
import { badKey, textOf } from "./signature.ts";

/** The key that made a signature: a primary key, or one of its subkeys. */
export interface PgpSigner {
  readonly primary: Key;
  readonly key: Key | Subkey;
}

const BLOCK = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

/**
 * All the keys of a file: any number of armoured blocks, each with any number of keys, or binary. A key that is there twice, as an old
 * and a renewed export, is one. What cannot be read is passed over where others can. @throws Failure source.key
 */
export async function keysOf(bytes: Uint8Array): Promise<readonly Key[]> {
  // Loaded when there is a signature to prove, and only then: it is large.
  const { readKeys } = await import("openpgp");
  const blocks = textOf(bytes).match(BLOCK);
  const reading =
    blocks === null ? [readKeys({ binaryKeys: bytes })] : blocks.map((armoredKeys) => readKeys({ armoredKeys }));
  const read = await Promise.allSettled(reading);
  const keys = read.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const known = new Map<string, Key>();
  for (const key of keys) {
    const before = known.get(key.getFingerprint());
    known.set(key.getFingerprint(), before === undefined ? key : await before.update(key));
  }
  if (known.size > 0) return [...known.values()];
  throw new Failure("source.key", "`key` contains no readable OpenPGP public key", {
    hint: "export it with gpg --armor --export",
    cause: read.find((one) => one.status === "rejected")?.reason,
  });
}

export function signerOf(keys: readonly Key[], id: KeyID): PgpSigner | undefined {
  for (const primary of keys) {
    const [key] = primary.getKeys(id);
    if (key !== undefined) return { primary, key };
  }
  return undefined;
}

/** @throws Failure source.key: the key, or the subkey that signed, cannot be relied on any more */
export async function checkSigner(where: string, signer: PgpSigner | undefined, now: Date): Promise<void> {
  const fault = signer === undefined ? undefined : await faultOf(where, signer, now);
  if (fault !== undefined) throw fault;
}

/** What is wrong with a key at that time: with the subkey that signed, and with the primary key that answers for it. */
export async function faultOf(where: string, { primary, key }: PgpSigner, at: Date): Promise<Failure | undefined> {
  const isSubkey = "mainKey" in key;
  const main = await primary.verifyPrimaryKey(at).then(none, messageOf);
  const own = isSubkey ? await key.verify(at).then(none, messageOf) : undefined;
  const said = main ?? own;
  if (said === undefined) return undefined;
  const until = main === undefined && isSubkey ? await key.getExpirationTime(at) : await primary.getExpirationTime();
  const name =
    main === undefined ? `the subkey ${shownId(key.getKeyID())} of ${idOf(primary)}` : `the key ${idOf(primary)}`;
  if (/revoked/i.test(said))
    return badKey(
      where,
      `was made with ${name}, which is revoked`,
      "ask the publisher for the current key, and set it as `key`",
    );
  if (until instanceof Date && until <= at)
    return badKey(
      where,
      `was made with ${name}, which expired on ${day(until)}`,
      "get the renewed key from the publisher and set it as `key`",
    );
  return badKey(where, `was made with ${name}, which is not valid: ${said}`, "check the key with gpg --show-keys");
}

const none = (): undefined => undefined;
const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
export const day = (date: Date): string => date.toISOString().slice(0, 10);
export const shownId = (id: KeyID): string => id.toHex().toUpperCase();
export const idOf = (key: Key): string => shownId(key.getKeyID());
