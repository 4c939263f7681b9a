import { constants, inflateSync } from "node:zlib";

/** Bytes that are no disk, and that are not unpacked here: by their beginning, and in words. */
const MAGIC: readonly (readonly [words: string, bytes: readonly number[]])[] = [
  ["a 7z archive", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
  ["a RAR archive", [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07]],
  ["an ar archive or Debian package", ascii("!<arch>\n")],
  ["an RPM package", [0xed, 0xab, 0xee, 0xdb]],
  ["a cpio archive", ascii("070701")],
  ["lzip data", ascii("LZIP\x01")],
  ["lzop data", [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["lrzip data", ascii("LRZI")],
  ["lz4 data of the legacy format", [0x02, 0x21, 0x4c, 0x18]],
  ["a split or spanned zip archive", ascii("PK\x07\x08")],
  ["an Apple partition image", ascii("cdsaencr")],
];
/** Also behind a comment, or as XHTML. */
const HTML = /^(?:\uFEFF|\s|<!--[\s\S]*?-->|<\?xml[^>]*>)*<(?:!doctype html|html|head|body|title|meta|style|script)\b/i;
/** More is no answer of an API. */
const JSON_MOST = 32 << 10;
/** No image. */
export const PAGE = "an HTML page";
const MARKUP = /^(?:\uFEFF|\s)*<\?xml\b/i;
const SIGNATURE = /^-----BEGIN [A-Z0-9 ]+-----/;

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}

/** What the bytes are, when they can be no disk: a 7z archive, an HTML page. */
export function nonDiskKind(head: Uint8Array, tail: Uint8Array | undefined): string | undefined {
  for (const [words, bytes] of MAGIC) {
    if (head[0] === bytes[0] && head.length >= bytes.length && bytes.every((byte, at) => head[at] === byte))
      return words;
  }
  if (isCompress(head)) return "compress data (.Z)";
  if (isZlib(head)) return "zlib data";
  if (tail?.length === 512 && ascii("koly").every((byte, at) => tail[at] === byte)) return "an Apple disk image (DMG)";
  if (!mayBeText(head)) return undefined;
  const text = textOf(head);
  if (HTML.test(text)) return PAGE;
  if (MARKUP.test(text)) return "an XML document";
  if (isJson(head, text)) return "a JSON document";
  return SIGNATURE.test(text) ? "an OpenPGP or PEM file" : undefined;
}

/** Whether its first letter, behind what may be white space, is one that text of a kind below begins with. */
function mayBeText(head: Uint8Array): boolean {
  const first = head.find((byte) => byte !== 32 && !(byte >= 9 && byte <= 13));
  // Beyond ASCII: white space of other kinds, or the mark of UTF-8.
  return first !== undefined && (first >= 128 || TEXT_BEGINS.has(first));
}
const TEXT_BEGINS: ReadonlySet<number> = new Set(ascii("<{[-"));

/** Its magic, and a plausible width of its codes. */
const isCompress = ([first, second, flags = 0]: Uint8Array): boolean =>
  first === 0x1f && second === 0x9d && (flags & 0x60) === 0 && (flags & 31) >= 9 && (flags & 31) <= 16;

/** Its two bytes are too little to tell: what follows them has to unpack as well. */
function isZlib(head: Uint8Array): boolean {
  const [first = 0, second = 0] = head;
  if (head.length < 16 || first !== 0x78 || (first * 256 + second) % 31 !== 0) return false;
  try {
    return inflateSync(head.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH }).length > 0;
  } catch {
    return false;
  }
}

/** All of it: what an API answers in place of a file. */
function isJson(head: Uint8Array, text: string): boolean {
  if (head.length > JSON_MOST || !/^\s*[{[]/.test(text) || !isText(head)) return false;
  try {
    JSON.parse(decoder.decode(head));
    return true;
  } catch {
    return false;
  }
}

/** Whether the bytes are plain text, which no disk begins with. */
export const isText = (head: Uint8Array): boolean =>
  head.length > 0 && head.subarray(0, 512).every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));

const decoder = new TextDecoder();
const textOf = (head: Uint8Array): string => decoder.decode(head.subarray(0, 2048));
