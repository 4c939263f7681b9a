import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { Failure } from "../../failure.ts";
import { copyOf } from "../../format/bytes.ts";
import { badKey, badSignature, type SignatureCheck, type SignedFile, textOf } from "./signature.ts";

// The format: https://jedisct1.github.io/minisign/ ("Signature format", "Public key format").

/** Signatures without a hash need all the bytes at once: enough for a sums file. */
const MOST_LEGACY = 64 << 20;

interface Parsed {
  readonly id: Buffer;
  readonly key: KeyObject;
  readonly signature: Buffer;
  /** True: of the BLAKE2b-512 of the bytes; false: of the bytes themselves, as old versions of minisign did. */
  readonly hashed: boolean;
}

/** @throws Failure source.key, source.signature: what cannot be read, another key, a changed trusted comment */
export function minisignCheck({ where, signature, key }: SignedFile): SignatureCheck {
  const parsed = parse(where, textOf(signature), textOf(key));
  const kept: Uint8Array[] = [];
  let size = 0;
  const prove = (message: Uint8Array): void => {
    if (!verify(null, message, parsed.key, parsed.signature))
      throw badSignature(
        where,
        "does not match the bytes",
        "the bytes or the signature were modified: do not use them",
      );
  };
  if (parsed.hashed)
    return {
      hash: "blake2b512",
      async update() {},
      end: async (hashes) => prove(Buffer.from(hashes.get("blake2b512") ?? "", "hex")),
      stop() {},
    };
  return {
    hash: undefined,
    async update(bytes) {
      size += bytes.length;
      if (size > MOST_LEGACY)
        throw badSignature(
          where,
          "is of the legacy kind that needs all bytes at once",
          "sign the image again: minisign -S -H",
        );
      // Pieces may be lent.
      kept.push(copyOf(bytes));
    },
    end: async () => prove(Buffer.concat(kept)),
    stop() {},
  };
}

function parse(where: string, text: string, keyText: string): Parsed {
  const keys = parseKeys(keyText);
  const [, line, comment, global] = text.split(/\r?\n/);
  const bytes = Buffer.from(line ?? "", "base64");
  const kind = bytes.subarray(0, 2).toString("latin1");
  const trusted = /^trusted comment: (.*)$/.exec(comment ?? "")?.[1];
  if (bytes.length !== 74 || (kind !== "Ed" && kind !== "ED") || trusted === undefined)
    throw badSignature(where, "is not a minisign signature", "use the .minisig file of the image or sums file");
  const made = bytes.subarray(2, 10);
  const found = keys.find(({ id }) => made.equals(id));
  if (found === undefined)
    throw badSignature(
      where,
      `was made with the key ${shown(made)}, and ${keys.length === 1 ? "the one in images.toml is" : "those in images.toml are"} ${keys.map(({ id }) => shown(id)).join(", ")}`,
      "if the publisher has a new key, set it as `key`",
    );
  const { id, key } = found;
  const signature = bytes.subarray(10);
  const signed = Buffer.concat([signature, Buffer.from(trusted)]);
  if (!verify(null, signed, key, Buffer.from(global ?? "", "base64")))
    throw badSignature(
      where,
      "has a trusted comment that is not signed",
      "the signature was modified: download it again",
    );
  return { id, key, signature, hashed: kind === "ED" };
}

type PublicKey = Pick<Parsed, "id" | "key">;

/** One key a line; comments between them. */
function parseKeys(text: string): readonly PublicKey[] {
  const lines = text
    .split(/\r?\n/)
    .map((one) => one.trim())
    .filter((one) => one !== "" && !one.startsWith("untrusted comment:"));
  const keys = lines.flatMap((line) => parseKey(line) ?? []);
  if (keys.length === 0)
    throw new Failure("source.key", "`key` is neither a minisign key nor an OpenPGP one", {
      hint: "expected the path of the public key, its minisign line (RW…), or its armored block",
    });
  return keys;
}

function parseKey(line: string): PublicKey | undefined {
  const bytes = Buffer.from(line, "base64");
  if (bytes.length !== 42 || bytes.subarray(0, 2).toString("latin1") !== "Ed") return undefined;
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
