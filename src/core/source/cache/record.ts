import { readFile } from "node:fs/promises";
import * as t from "typanion";
import { errno } from "../../disk/reason.ts";
import { type Digest, type Digests, nameOf, parseDigest } from "../../model/digest.ts";
import type { Stat, Validators } from "../../model/source.ts";

/** What is known of one blob of the cache; stands beside it. */
export interface CacheRecord {
  readonly digest: Digest;
  /** Digests of the same bytes that were made when they came. */
  readonly digests: Digests;
  /** What the file system said of the blob when it had been proven. */
  readonly stat: Stat;
  /** Where it came from, without secrets. */
  readonly from: string;
  readonly filename: string;
  /** RFC 3339. */
  readonly added: string;
}

/** Which blob a URL or a digest of another kind means. */
interface Pointer {
  readonly digest: Digest;
  readonly validators?: Validators;
}

/** Beside a partial file: which version of which file it is a part of. */
export interface Sidecar {
  /** The place that the bytes came from, without secrets. */
  readonly where: string;
  readonly validators: Validators;
  /** The whole of it. */
  readonly total?: number;
  /** Of the system that wrote it: after a power cut the end of the partial file may be anything. */
  readonly boot?: string;
}

const text = t.isString();
const optional = t.isOptional;
const count = t.applyCascade(t.isNumber(), [t.isInteger(), t.isAtLeast(0)]);
const validators = t.isPartial({ etag: optional(text), modified: optional(text), length: optional(count) });
const stat = t.isPartial({ size: count, mtime: text, inode: text });
const isKept = t.isPartial({
  digest: text,
  digests: t.isRecord(text),
  stat,
  from: text,
  filename: text,
  added: text,
});
const isPointer = t.isPartial({ digest: text, validators: optional(validators) });
const isSidecar = t.isPartial({ where: text, validators, total: optional(count), boot: optional(text) });

export function parseKept(json: unknown): CacheRecord | undefined {
  if (!isKept(json)) return undefined;
  const own = parseDigest(json.digest);
  if (own === undefined) return undefined;
  const digests = Object.values(json.digests).flatMap((one) => parseDigest(one) ?? []);
  const { from, filename, added } = json;
  const { size, mtime, inode } = json.stat;
  return { digest: own, digests: named(digests), stat: { size, mtime, inode }, from, filename, added };
}

export function parsePointer(json: unknown): Pointer | undefined {
  if (!isPointer(json)) return undefined;
  const own = parseDigest(json.digest);
  if (own === undefined) return undefined;
  return { digest: own, ...(json.validators === undefined ? {} : { validators: present(json.validators) }) };
}

export function parseSidecar(json: unknown): Sidecar | undefined {
  if (!isSidecar(json)) return undefined;
  const { where, total, boot } = json;
  return {
    where,
    validators: present(json.validators),
    ...(total === undefined ? {} : { total }),
    ...(boot === undefined ? {} : { boot }),
  };
}

/** A JSON file of the cache; undefined when it is not there, or is not what it should be. */
export async function readJson<T>(path: string, parse: (json: unknown) => T | undefined): Promise<T | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(path, "utf8"));
    return parse(json);
  } catch (error) {
    if (error instanceof SyntaxError || errno(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Several digests of the same bytes, by their names. */
function named(digests: readonly Digest[]): Digests {
  return Object.fromEntries(digests.map((one) => [nameOf(one), one]));
}

const present = ({ etag, modified, length }: { [K in keyof Validators]?: Validators[K] | undefined }): Validators => ({
  ...(etag === undefined ? {} : { etag }),
  ...(modified === undefined ? {} : { modified }),
  ...(length === undefined ? {} : { length }),
});
