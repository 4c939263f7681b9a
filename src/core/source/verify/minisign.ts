import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { Failure } from "../../failure.ts";
import { copyOf } from "../../format/bytes.ts";
import { badKey, badSignature, type SignatureCheck, type SignedFile, textOf } from "./signature.ts";

// The format: https://jedisct1.github.io/minisign/ ("Signature format", "Public key format"). Those of OpenBSD's signify(1) are the same,
// without the trusted comment; its embedded form has the signed text below the signature.

/** Signatures without a hash need all the bytes at once: enough for a sums file. */
const MOST_LEGACY = 64 << 20;

interface Parsed {
  readonly key: KeyObject;
  readonly signature: Buffer;
  /** True: of the BLAKE2b-512 of the bytes; false: of the bytes themselves, as signify and old versions of minisign do. */
  readonly hashed: boolean;
}

/** @throws Failure source.key, source.signature: what cannot be read, another key, a changed trusted comment */
export function minisignCheck({ where, signature, key }: SignedFile): SignatureCheck {
  const all = parse(where, textOf(signature), textOf(key));
  const isHashed = all.some(({ hashed }) => hashed);
  const isWhole = all.some(({ hashed }) => !hashed);
  const kept: Uint8Array[] = [];
  let size = 0;
  return {
    hash: isHashed ? "blake2b512" : undefined,
    async update(bytes) {
      if (!isWhole) return;
      size += bytes.length;
      // Pieces may be lent.
      if (size <= MOST_LEGACY) kept.push(copyOf(bytes));
      else if (isHashed) kept.length = 0;
      else
        throw badSignature(
          where,
          "is of the legacy kind that needs all bytes at once",
          "sign the image again: minisign -S -H",
        );
    },
    async end(hashes) {
      const digest = Buffer.from(hashes.get("blake2b512") ?? "", "hex");
      const whole = Buffer.concat(kept);
      // Of several signatures, one is enough.
      if (all.some((one) => verify(null, one.hashed ? digest : whole, one.key, one.signature))) return;
      throw badSignature(
        where,
        "does not match the bytes",
        "the bytes or the signature were modified: do not use them",
      );
    },
    stop() {},
  };
}

/** A signature as its lines say it. */
interface Block {
  readonly bytes: Buffer;
  /** Undefined: there is none, as signify writes it. */
  readonly trusted: string | undefined;
  readonly global: string;
}

/** All the signatures of a file. */
function blocksOf(text: string): readonly Block[] {
  const lines = text.split(/\r?\n/);
  return lines.flatMap((line, i) => {
    const bytes = signatureIn(line);
    if (bytes === undefined) return [];
    const trusted = /^trusted comment: (.*)$/.exec(lines[i + 1] ?? "")?.[1];
    // Only signify leaves the comment out.
    if (trusted === undefined && bytes[1] !== LEGACY) return [];
    return [{ bytes, trusted, global: lines[i + 2] ?? "" }];
  });
}

const LEGACY = "Ed".charCodeAt(1);

function signatureIn(line: string | undefined): Buffer | undefined {
  const bytes = /^[A-Za-z0-9+/]{99}=\s*$/.test(line ?? "") ? Buffer.from(line ?? "", "base64") : undefined;
  return bytes?.length === 74 && /^E[dD]$/.test(bytes.subarray(0, 2).toString("latin1")) ? bytes : undefined;
}

export const isMinisign = (bytes: Uint8Array): boolean => blocksOf(textOf(bytes)).length > 0;

/** The text below a signature of signify; undefined where there is none. */
export function embeddedText(bytes: Uint8Array): Uint8Array | undefined {
  const first = bytes.indexOf(10);
  const second = bytes.indexOf(10, first + 1);
  if (first < 0 || second < 0 || signatureIn(textOf(bytes.subarray(first + 1, second))) === undefined) return undefined;
  const rest = bytes.subarray(second + 1);
  const start = textOf(rest.subarray(0, 20));
  return start.trim() === "" || /^(?:un)?trusted comment:/.test(start) ? undefined : rest;
}

function parse(where: string, text: string, keyText: string): readonly Parsed[] {
  const keys = parseKeys(keyText);
  const blocks = blocksOf(text);
  if (blocks.length === 0)
    throw badSignature(where, "is not a minisign signature", "use the .minisig file of the image or sums file");
  const idIn = ({ bytes }: Block): Buffer => bytes.subarray(2, 10);
  const found = blocks.flatMap((block) => {
    const key = keys.find(({ id }) => idIn(block).equals(id));
    return key === undefined ? [] : [{ block, key: key.key }];
  });
  if (found.length === 0)
    throw badSignature(
      where,
      `was made with the key ${blocks.map((block) => shown(idIn(block))).join(" and ")}, and ${keys.length === 1 ? "the one in images.toml is" : "those in images.toml are"} ${keys.map(({ id }) => shown(id)).join(", ")}`,
      "if the publisher has a new key, set it as `key`",
    );
  return found.map(({ block: { bytes, trusted, global }, key }) => {
    const signature = bytes.subarray(10);
    const signed = Buffer.concat([signature, Buffer.from(trusted ?? "")]);
    if (trusted !== undefined && !verify(null, signed, key, Buffer.from(global, "base64")))
      throw badSignature(
        where,
        "has a trusted comment that is not signed",
        "the signature was modified: download it again",
      );
    return { key, signature, hashed: bytes[1] !== LEGACY };
  });
}

interface PublicKey {
  readonly id: Buffer;
  readonly key: KeyObject;
}

/** One key a line; comments between them. */
function parseKeys(text: string): readonly PublicKey[] {
  const keys = text.split(/\r?\n/).flatMap((line) => parseKey(line.trim()) ?? []);
  if (keys.length === 0)
    throw new Failure("source.key", "`key` is neither a minisign key nor an OpenPGP one", {
      hint: "expected the path of the public key, its minisign line (RW…), or its armored block",
    });
  return keys;
}

export const hasMinisignKey = (bytes: Uint8Array): boolean =>
  textOf(bytes)
    .split(/\r?\n/)
    .some((line) => keyIn(line.trim()) !== undefined);

function keyIn(line: string): Buffer | undefined {
  const bytes = /^[A-Za-z0-9+/]{56}$/.test(line) ? Buffer.from(line, "base64") : undefined;
  return bytes?.subarray(0, 2).toString("latin1") === "Ed" ? bytes : undefined;
}

function parseKey(line: string): PublicKey | undefined {
  const bytes = keyIn(line);
  if (bytes === undefined) return undefined;
  const x = bytes.subarray(10).toString("base64url");
  try {
    return {
      id: bytes.subarray(2, 10),
      key: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }),
    };
  } catch (cause) {
    throw badKey("of this source", "has an invalid public key", "copy the key again", cause);
  }
}

/** As minisign shows it: the eight bytes as a little-endian number. */
const shown = (id: Buffer): string => Buffer.from(id).reverse().toString("hex").toUpperCase();
