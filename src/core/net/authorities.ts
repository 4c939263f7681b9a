import { X509Certificate } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { getCACertificates } from "node:tls";
import { Failure } from "../failure.ts";
import { reasonOf } from "./failures.ts";
import type { Environment } from "./proxy.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** Files of a directory of certificates that are larger are something else. */
const MOST = 4 << 20;

/**
 * The authorities that are trusted, besides those of the runtime: those of the system's store, of the file SSL_CERT_FILE and of the
 * directories SSL_CERT_DIR, and those of `extra` (PEM). Undefined where that adds none.
 * @throws Failure backend.tls: a file or `extra` that holds no certificate
 */
export async function authorities(
  { SSL_CERT_FILE: file, SSL_CERT_DIR: authorityDirectories }: Environment,
  extra: string | undefined,
): Promise<string[] | undefined> {
  const usual = fromRuntime();
  const more = [
    ...fromSystem(),
    ...(file === undefined || file === "" ? [] : await fromFile(file)),
    ...(await Promise.all((authorityDirectories ?? "").split(delimiter).map(fromDirectory))).flat(),
    ...(extra === undefined ? [] : certificatesIn(extra, "`ca`")),
  ];
  const known = new Set(usual.map(identity));
  const added = more.filter((one) => {
    const isNew = !known.has(identity(one));
    known.add(identity(one));
    return isNew;
  });
  return added.length === 0 ? undefined : [...usual, ...added];
}

/** The certificates of a PEM text. @throws Failure backend.tls: there is none, or one that is none */
export function certificatesIn(text: string, what: string): readonly string[] {
  const found = text.match(BLOCK) ?? [];
  const broken = found.findIndex((one) => !isCertificate(one));
  if (found.length > 0 && broken < 0) return found;
  const message =
    found.length === 0 ? `${what} contains no certificate` : `${what}: certificate ${broken + 1} is not valid`;
  throw new Failure("backend.tls", message, {
    hint: "expected CA certificates in PEM; from DER: openssl x509 -inform DER -in FILE -out FILE.pem",
  });
}

let runtime: readonly string[] | undefined;
/** Those that come with the program, and those of NODE_EXTRA_CA_CERTS. */
function fromRuntime(): readonly string[] {
  runtime ??= getCACertificates("default");
  return runtime;
}

let system: readonly string[] | undefined;
function fromSystem(): readonly string[] {
  try {
    system ??= getCACertificates("system").filter(isCertificate);
  } catch {
    // A host without a store.
    system = [];
  }
  return system;
}

async function fromFile(file: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new Failure("backend.tls", `cannot read ${file}: ${reasonOf(error)}`, {
      hint: "SSL_CERT_FILE must be a file with CA certificates in PEM",
      cause: error,
    });
  }
  // Bundles are other people's: one that is odd in them is no reason to trust none.
  const good = (text.match(BLOCK) ?? []).filter(isCertificate);
  return good.length > 0 ? good : certificatesIn(text, file);
}

const directories = new Map<string, Promise<readonly string[]>>();

/** All files of a directory, as they are: what exists besides certificates is passed over, and so is a directory that is not there. */
function fromDirectory(directory: string): Promise<readonly string[]> {
  if (directory === "") return Promise.resolve([]);
  const before = directories.get(directory);
  if (before !== undefined) return before;
  const reading = readDirectory(directory);
  directories.set(directory, reading);
  return reading;
}

async function readDirectory(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const found = new Set<string>();
  for (const name of names) {
    const path = join(directory, name);
    const text = await smallText(path).catch(() => "");
    for (const one of text.match(BLOCK) ?? []) if (isCertificate(one)) found.add(one);
  }
  return [...found];
}

async function smallText(path: string): Promise<string> {
  const { size } = await stat(path);
  return size > MOST ? "" : await readFile(path, "utf8");
}

const identity = (pem: string): string => pem.replace(/\s+/g, "");

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
