import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

// A self-signed client certificate as the incus client makes one: ECDSA on P-384, ten years, X.509 version 3 (RFC 5280).

/** A new key with its certificate, both in PEM. */
export function selfSigned(name: string, now: Date): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const algorithm = sequence(ECDSA_WITH_SHA384);
  const who = sequence(set(sequence(oid(ORGANIZATION), text("images"))), set(sequence(oid(COMMON_NAME), text(name))));
  const until = new Date(now);
  until.setUTCFullYear(until.getUTCFullYear() + 10);
  const usage = sequence(oid(EXTENDED_KEY_USAGE), wrap(0x04, sequence(oid(CLIENT_AUTH))));
  const body = sequence(
    wrap(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    who,
    sequence(time(now), time(until)),
    who,
    publicKey.export({ type: "spki", format: "der" }),
    wrap(0xa3, sequence(usage)),
  );
  const signature = wrap(0x03, Buffer.concat([Buffer.from([0]), sign("sha384", body, privateKey)]));
  const lines =
    sequence(body, algorithm, signature)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

const COMMON_NAME = "550403";
const ORGANIZATION = "55040a";
const EXTENDED_KEY_USAGE = "551d25";
const CLIENT_AUTH = "2b06010505070302";
const ECDSA_WITH_SHA384 = Buffer.from("06082a8648ce3d040303", "hex");

function wrap(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
const sequence = (...parts: readonly Buffer[]): Buffer => wrap(0x30, ...parts);
const set = (...parts: readonly Buffer[]): Buffer => wrap(0x31, ...parts);
const integer = (value: Buffer): Buffer => wrap(0x02, value);
const oid = (hex: string): Buffer => wrap(0x06, Buffer.from(hex, "hex"));
const text = (value: string): Buffer => wrap(0x0c, Buffer.from(value));
/** YYYYMMDDHHMMSSZ, or with two digits of the year before 2050, as the standard wants it. */
const time = (at: Date): Buffer => {
  const digits = `${at.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return at.getUTCFullYear() < 2050 ? wrap(0x17, Buffer.from(digits.slice(2))) : wrap(0x18, Buffer.from(digits));
};
