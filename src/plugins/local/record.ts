import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type ImageId, imageId, type Marker, type Written } from "images";
import { whenMissing } from "./disk.ts";
import type { LocalImage } from "./schema.ts";

/** One file of an image: bytes under `blobs/`, named by their sha256. */
export interface StoreBlob {
  readonly sha256: string;
  readonly size: number;
}

/** An image as its file under `images/` has it. Written last: an image without its record is none. */
export interface StoreEntry {
  readonly id: ImageId;
  readonly name: string;
  readonly mark?: Marker;
  readonly attributes: Written<LocalImage>;
  readonly disk: StoreBlob;
  readonly metadata?: StoreBlob;
  /** What Incus calls it: the sha256 of the metadata followed by the disk, or of the one file with everything in it. */
  readonly fingerprint: string;
  readonly format: string;
  readonly compression: string;
  /** RFC 3339. */
  readonly created: string;
}

// Records are files that users may have edited: what they say is checked before it names a file.

const ID = /^[A-Za-z0-9_:@-][A-Za-z0-9._:@-]*$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$/;
const WORD = /^[a-z0-9]{1,16}$/;
const HEX = /^[0-9a-f]{64}$/;
const TEXTS = ["description", "visibility", "format", "compression", "os", "release", "architecture", "variant"];

/** Whether an id can be the name of a record's file. */
export const isId = (id: string): boolean => ID.test(id);

/** Names of the records' files, in their order. */
export async function recordNames(root: string): Promise<readonly string[]> {
  const names = await readdir(join(root, "images")).catch(whenMissing<string[]>([]));
  return names.filter((name) => name.endsWith(".json") && !name.startsWith(".")).sort();
}

export const idOfFile = (file: string): ImageId => imageId(file.slice(0, -".json".length));

/** The record in a file's text, or what is wrong with it. */
export function recordOf(text: string, file: string): StoreEntry | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "not JSON";
  }
  if (!isTable(value)) return "not an object";
  const fault: Fault = {};
  return isEntry(value, file, fault) ? value : `invalid \`${fault.of ?? "id"}\``;
}

/** Which part of a record is wrong. */
interface Fault {
  of?: string;
}

function isEntry(value: object, file: string, fault: Fault): value is StoreEntry {
  const found = faultOf(value, file);
  if (found !== undefined) fault.of = found;
  return found === undefined;
}

function faultOf(record: object, file: string): string | undefined {
  const id = own(record, "id");
  if (typeof id !== "string" || !ID.test(id) || `${id}.json` !== file) return "id";
  if (!matches(own(record, "name"), NAME)) return "name";
  for (const key of ["format", "compression"]) if (!matches(own(record, key), WORD)) return key;
  if (!isBlob(own(record, "disk"))) return "disk";
  if (Object.hasOwn(record, "metadata") && !isBlob(own(record, "metadata"))) return "metadata";
  if (!matches(own(record, "fingerprint"), HEX)) return "fingerprint";
  const created = own(record, "created");
  if (typeof created !== "string" || Number.isNaN(Date.parse(created))) return "created";
  if (Object.hasOwn(record, "mark") && !isMark(own(record, "mark"))) return "mark";
  return attributesFault(own(record, "attributes"));
}

function attributesFault(value: unknown): string | undefined {
  if (!isTable(value)) return "attributes";
  for (const key of TEXTS)
    if (Object.hasOwn(value, key) && typeof own(value, key) !== "string") return `attributes.${key}`;
  for (const key of ["aliases", "tags"]) {
    const list = own(value, key) ?? [];
    if (!Array.isArray(list) || !list.every(isText)) return `attributes.${key}`;
  }
  const properties = own(value, "properties") ?? {};
  return isTable(properties) && Object.values(properties).every(isText) ? undefined : "attributes.properties";
}

const own = (value: object, key: string): unknown => (Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined);
const isText = (value: unknown): boolean => typeof value === "string";
const isTable = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const matches = (value: unknown, pattern: RegExp): boolean => typeof value === "string" && pattern.test(value);
const isBlob = (value: unknown): value is StoreBlob =>
  isTable(value) &&
  "sha256" in value &&
  matches(value.sha256, HEX) &&
  "size" in value &&
  Number.isSafeInteger(value.size) &&
  Number(value.size) >= 0;
const isMark = (value: unknown): boolean =>
  isTable(value) &&
  ["file", "owner", "content"].every((key) => isText(Reflect.get(value, key))) &&
  ["lineage", "self", "retained"].every((key) => ["string", "undefined"].includes(typeof Reflect.get(value, key)));
