import type { Key, KeyID, Signature } from "openpgp";
import { Failure } from "../../failure.ts";
import { excerpt } from "../../net/words.ts";
import { badKey, badSignature, type SignatureCheck, type Signed, textOf } from "./signature.ts";

// Loaded when there is a signature to prove, and only then: it is large.
const library = async () => await import("openpgp");

/** @throws Failure source.key, source.signature: what cannot be read */
export async function openpgpCheck({ where, signature, key }: Signed, now: Date): Promise<SignatureCheck> {
  const { createMessage, verify } = await library();
  const keys = await keysOf(key);
  const made = await signatureOf(where, signature);
  const pipe = new Pipe();
  const proving = (async () => {
    const message = await createMessage({ binary: pipe.readable });
    const { data, signatures } = await verify({
      message,
      signature: made,
      verificationKeys: [...keys],
      format: "binary",
      date: now,
    });
    if (data instanceof Uint8Array) return signatures;
    const reader = data.getReader();
    while (!(await reader.read()).done);
    return signatures;
  })();
  // Whoever writes is not to wait for a reader that has gone.
  proving.then(
    () => pipe.close(),
    () => pipe.close(),
  );
  return {
    hash: undefined,
    // Copied: openpgp may take it up only when the giver has gone on.
    update: async (bytes) => await pipe.write(new Uint8Array(bytes)),
    async end() {
      pipe.close();
      await proven(where, await proving, keys, now);
    },
    stop: () => pipe.close(),
  };
}

/** The text within a clear-signed message, once its signature has been proven. @throws Failure source.key, source.signature */
export async function openClearText({ where, signature, key }: Signed, now: Date): Promise<string> {
  const { readCleartextMessage, verify } = await library();
  const keys = await keysOf(key);
  const message = await readCleartextMessage({ cleartextMessage: textOf(signature) }).catch((cause: unknown) => {
    throw badSignature(where, "cannot be read as a signed text", "fetch it again", cause);
  });
  const { data, signatures } = await verify({ message, verificationKeys: [...keys], date: now });
  await proven(where, signatures, keys, now);
  return data;
}

export const isClearText = (bytes: Uint8Array): boolean =>
  textOf(bytes.subarray(0, 200)).trimStart().startsWith("-----BEGIN PGP SIGNED MESSAGE-----");

/** One good signature of a key that is good is enough. */
async function proven(
  where: string,
  results: readonly { readonly verified: Promise<true>; readonly keyID: KeyID }[],
  keys: readonly Key[],
  now: Date,
): Promise<void> {
  const failures: Failure[] = [];
  for (const { verified, keyID } of results) {
    const key = keys.find((one) => one.getKeys(keyID).length > 0);
    try {
      await verified;
      await alive(where, key, now);
      return;
    } catch (thrown) {
      const failure = thrown instanceof Failure ? thrown : refused(where, keyID.toHex(), keys, thrown);
      // What is wrong with a signature of the right key says more than a signature of another one.
      if (key === undefined) failures.push(failure);
      else failures.unshift(failure);
    }
  }
  throw failures[0] ?? badSignature(where, "holds no signature", "name the file that holds it");
}

async function alive(where: string, key: Key | undefined, now: Date): Promise<void> {
  const until = await key?.getExpirationTime();
  if (key === undefined || until === null || until === undefined)
    throw badKey(where, "was made with a key that is not valid", "give a key that is neither revoked nor broken");
  if (until instanceof Date && until <= now)
    throw badKey(
      where,
      `was made with the key ${idOf(key)}, which expired on ${until.toISOString().slice(0, 10)}`,
      "get the renewed key from the publisher and write it as `key`",
    );
}

function refused(where: string, made: string, keys: readonly Key[], thrown: unknown): Failure {
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  if (/could not find signing key/i.test(said))
    return badSignature(
      where,
      `was made with the key ${made.toUpperCase()}, and the one in images.toml is ${keys.map(idOf).join(", ")}`,
      "if the publisher really has a new key, write that one as `key`",
      thrown,
    );
  if (/digest did not match/i.test(said))
    return badSignature(
      where,
      "is not one of these bytes",
      "the bytes or the signature were changed: do not use them",
      thrown,
    );
  if (/expired/i.test(said))
    return badKey(
      where,
      `was made with the key ${made.toUpperCase()}, which has expired`,
      "get the renewed key from the publisher",
      thrown,
    );
  return badSignature(where, `is not accepted: ${excerpt(said)}`, "check the signature with gpg --verify", thrown);
}

async function keysOf(key: Uint8Array): Promise<readonly Key[]> {
  const { readKeys } = await library();
  const text = textOf(key);
  try {
    return text.includes("-----BEGIN") ? await readKeys({ armoredKeys: text }) : await readKeys({ binaryKeys: key });
  } catch (cause) {
    throw new Failure("source.key", "`key` holds no OpenPGP public key that can be read", {
      hint: "export it with gpg --armor --export",
      cause,
    });
  }
}

async function signatureOf(where: string, bytes: Uint8Array): Promise<Signature> {
  const { readSignature } = await library();
  const text = textOf(bytes);
  try {
    return text.includes("-----BEGIN")
      ? await readSignature({ armoredSignature: text })
      : await readSignature({ binarySignature: bytes });
  } catch (cause) {
    throw badSignature(
      where,
      "is no OpenPGP signature",
      "name the .asc, .sig or .gpg file that belongs to the image or sums file",
      cause,
    );
  }
}

const idOf = (key: Key): string => key.getKeyID().toHex().toUpperCase();

/** A stream that is written to, one piece at a time. */
class Pipe {
  readonly readable: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wanted = Promise.withResolvers<void>();

  constructor() {
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#wanted.resolve(),
      cancel: () => this.#wanted.resolve(),
    });
  }

  /** Resolves when the next piece is wanted. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#wanted.promise;
    if (this.#controller === undefined) return;
    this.#wanted = Promise.withResolvers<void>();
    this.#controller.enqueue(bytes);
  }

  close(): void {
    this.#controller?.close();
    this.#controller = undefined;
    this.#wanted.resolve();
  }
}
