import type { Key, KeyID, Signature } from "openpgp";
import { Failure } from "../../failure.ts";
import { excerpt } from "../../net/text.ts";
import { checkSigner, day, faultOf, idOf, keysOf, type PgpSigner, shownId, signerOf } from "./pgpkeys.ts";
import { badSignature, type SignatureCheck, type SignedFile, textOf } from "./signature.ts";

// A key whose life was prolonged has self-signatures that are newer than what it signed before: it counts as it is now, as with gpg.
const RENEWED = { allowInsecureVerificationWithReformattedKeys: true };

/** A signature that the library has looked at. */
interface Looked {
  readonly keyID: KeyID;
  readonly verified: Promise<true>;
  readonly signature: Promise<Signature>;
}

// Loaded when there is a signature to prove, and only then: it is large.
const library = async () => await import("openpgp");

/** @throws Failure source.key, source.signature: what cannot be read */
export async function openpgpCheck({ where, signature, key }: SignedFile, now: Date): Promise<SignatureCheck> {
  const { createMessage, enums, verify } = await library();
  const keys = await keysOf(key);
  const made = await signatureOf(where, signature);
  if (made.packets.every(({ signatureType }) => signatureType === enums.signature.text))
    throw badSignature(
      where,
      "is of text mode, which leaves line endings open",
      "ask the publisher for one of the bytes: gpg --detach-sign, without --textmode",
    );
  const pipe = new Pipe();
  const verifier = (async () => {
    const message = await createMessage({ binary: pipe.readable });
    const { data, signatures } = await verify({
      message,
      signature: made,
      verificationKeys: [...keys],
      format: "binary",
      date: now,
      config: RENEWED,
    });
    if (data instanceof Uint8Array) return signatures;
    const reader = data.getReader();
    while (!(await reader.read()).done);
    return signatures;
  })();
  // A writer must not wait for a reader that is gone.
  verifier.then(
    () => pipe.close(),
    () => pipe.close(),
  );
  return {
    hash: undefined,
    // Copied: openpgp may take it up only when the giver has gone on.
    update: async (bytes) => await pipe.write(new Uint8Array(bytes)),
    async end() {
      pipe.close();
      await proven(where, await verifier, keys, now);
    },
    stop: () => pipe.close(),
  };
}

/** The text within a clear-signed message, once its signature has been proven. @throws Failure source.key, source.signature */
export async function openClearText({ where, signature, key }: SignedFile, now: Date): Promise<string> {
  const { readCleartextMessage, verify } = await library();
  const keys = await keysOf(key);
  const message = await readCleartextMessage({ cleartextMessage: textOf(signature) }).catch((cause: unknown) => {
    throw badSignature(where, "cannot be read as a signed text", "fetch it again", cause);
  });
  const { data, signatures } = await verify({ message, verificationKeys: [...keys], date: now, config: RENEWED });
  await proven(where, signatures, keys, now);
  return data;
}

export const isClearText = (bytes: Uint8Array): boolean =>
  textOf(bytes.subarray(0, 200)).trimStart().startsWith("-----BEGIN PGP SIGNED MESSAGE-----");

/** One good signature of a key that is good is enough: of an old key and its successor, either will do. */
async function proven(where: string, results: readonly Looked[], keys: readonly Key[], now: Date): Promise<void> {
  const failures: Failure[] = [];
  for (const { verified, signature, keyID } of results) {
    const signer = signerOf(keys, keyID);
    try {
      await verified;
      await checkSigner(where, signer, now);
      return;
    } catch (thrown) {
      const failure =
        thrown instanceof Failure ? thrown : await refused(thrown, { where, signer, keyID, keys, now }, signature);
      // What is wrong with a signature of the right key says more than a signature of another one.
      if (signer === undefined) failures.push(failure);
      else failures.unshift(failure);
    }
  }
  throw failures[0] ?? badSignature(where, "contains no signature", "use the file that contains it");
}

interface Refusal {
  readonly where: string;
  readonly signer: PgpSigner | undefined;
  readonly keyID: KeyID;
  readonly keys: readonly Key[];
  readonly now: Date;
}

/** Why a signature is not accepted: what the signature and its key say of themselves, else what the library says. */
async function refused(
  thrown: unknown,
  { where, signer, keyID, keys, now }: Refusal,
  signature: Promise<Signature>,
): Promise<Failure> {
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  if (signer === undefined)
    return badSignature(
      where,
      `was made with the key ${shownId(keyID)}, and ${keys.length === 1 ? "the one" : "those"} in images.toml ${keys.length === 1 ? "is" : "are"} ${keys.map(idOf).join(", ")}`,
      "if the publisher has a new key, add it to `key`, next to the old one",
      thrown,
    );
  if (/digest did not match|verification failed/i.test(said))
    return badSignature(
      where,
      "does not match the bytes",
      "the bytes or the signature were modified: do not use them",
      thrown,
    );
  const [packet] = (await signature).packets;
  const until = packet?.getExpirationTime();
  if (until instanceof Date && until <= now)
    return badSignature(
      where,
      `expired on ${day(until)}`,
      "the key is not the cause: get a newer signature from the publisher",
      thrown,
    );
  const made = packet?.created;
  if (made != null && made > now)
    return badSignature(where, `was made in the future, on ${day(made)}`, "check the clock of this host", thrown);
  return (
    (await faultOf(where, signer, now)) ??
    (made == null ? undefined : await faultOf(where, signer, made)) ??
    badSignature(where, `is not accepted: ${excerpt(said)}`, "check the signature with gpg --verify", thrown)
  );
}

const BLOCK = /-----BEGIN PGP SIGNATURE-----[\s\S]*?-----END PGP SIGNATURE-----/g;

/** All the signatures of a file: of armoured blocks there may be several, one of each key. */
async function signatureOf(where: string, bytes: Uint8Array): Promise<Signature> {
  const { readSignature } = await library();
  const blocks = textOf(bytes).match(BLOCK);
  try {
    if (blocks === null) return await readSignature({ binarySignature: bytes });
    const [first, ...others] = await Promise.all(
      blocks.map(async (armoredSignature) => await readSignature({ armoredSignature })),
    );
    if (first === undefined) throw new Error("no block");
    for (const { packets } of others) first.packets.push(...packets);
    return first;
  } catch (cause) {
    throw badSignature(
      where,
      "is not an OpenPGP signature",
      "use the .asc, .sig or .gpg file of the image or sums file",
      cause,
    );
  }
}

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
