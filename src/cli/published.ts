import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { redactUrls } from "../core/config/redact.ts";
import { Failure } from "../core/failure.ts";
import { createHttpClient } from "../core/net/http.ts";
import { minisignCheck } from "../core/source/verify/index.ts";
import type { Shell } from "./shell.ts";
import { traceOf } from "./trace.ts";

// The version of a published release: a directory, or a URL, with the files VERSION, SHA256SUMS and SHA256SUMS.minisig.

/** Bytes of a file of a release that is read here; SHA256SUMS has two kilobytes. */
const MOST = 1 << 20;

interface ReleasePlace {
  /** A URL or a directory. */
  readonly from: string;
  /** The minisign public key that must have signed; undefined: nothing is verified. */
  readonly key: string | undefined;
  readonly allowsHttp: boolean;
}

/**
 * What VERSION says, without the line break.
 * @throws Failure net.*, backend.*, disk.read; source.signature, source.key, source.checksum where a key is given
 */
export async function publishedVersion(place: ReleasePlace, shell: Shell): Promise<string> {
  await using files = filesOf(place, shell);
  const version = await files.read("VERSION");
  if (place.key !== undefined) {
    const [sums, signature] = [await files.read("SHA256SUMS"), await files.read("SHA256SUMS.minisig")];
    await proveSums(`of ${place.from}`, sums, signature, place.key);
    proveVersion(place.from, version, sums);
  }
  return version.trim();
}

interface ReleaseFiles extends AsyncDisposable {
  read(name: string): Promise<string>;
}

function filesOf({ from, allowsHttp }: ReleasePlace, shell: Shell): ReleaseFiles {
  if (!/^[a-z]+:\/\//i.test(from))
    return { read: (name) => readSmall(join(from, name)), [Symbol.asyncDispose]: async () => {} };
  const means = { ...traceOf(shell), redact: redactUrls, maskSecret: () => undefined, env: shell.env };
  const client = createHttpClient({ url: from, httpsOnly: !allowsHttp }, means);
  return {
    read: async (name) => {
      try {
        return await (await client.send("GET", name, { signal: shell.signal, timeout: 30 })).text();
      } catch (thrown) {
        throw thrown instanceof Failure && thrown.code === "net.https" ? plain(from, thrown) : thrown;
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

const plain = (from: string, { request }: Failure): Failure =>
  new Failure("net.https", `${redactUrls(from)} is http://, or redirects to it: the answer can be changed on the way`, {
    hint: "use an https URL, or pass --allow-http to accept that",
    request,
  });

async function readSmall(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const buffer = Buffer.alloc(MOST);
    const { bytesRead } = await file.read(buffer, 0, MOST, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (cause) {
    throw new Failure("disk.read", `cannot read ${path}`, {
      hint: "--from is the URL or the directory of a release",
      cause,
    });
  }
}

async function proveSums(where: string, sums: string, signature: string, key: string): Promise<void> {
  const encode = (text: string) => new TextEncoder().encode(text);
  try {
    const check = minisignCheck({ where, signature: encode(signature), key: encode(key) });
    await check.update(encode(sums));
    await check.end(new Map([["blake2b512", createHash("blake2b512").update(sums).digest("hex")]]));
  } catch (cause) {
    throw new Failure("source.signature", `SHA256SUMS ${where} is not signed by ${key}`, {
      hint: "the release was modified, or has another publisher: do not install it",
      cause,
    });
  }
}

function proveVersion(from: string, version: string, sums: string): void {
  const expected = /^([0-9a-f]{64}) [ *]VERSION$/m.exec(sums)?.[1];
  const found = createHash("sha256").update(version).digest("hex");
  if (expected === found) return;
  throw new Failure("source.checksum", `checksum mismatch of ${from}/VERSION: expected ${expected}, got ${found}`, {
    hint: "the file was modified after the release was signed",
  });
}
