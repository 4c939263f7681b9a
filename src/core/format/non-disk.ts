/** Bytes that are no disk, and that are not unpacked here: by their beginning, and in words. */
const MAGIC: readonly (readonly [words: string, ...bytes: number[]])[] = [
  ["a 7z archive", 0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c],
  ["a RAR archive", 0x52, 0x61, 0x72, 0x21, 0x1a, 0x07],
  ["an ar archive or Debian package", ...ascii("!<arch>\n")],
  ["an RPM package", 0xed, 0xab, 0xee, 0xdb],
  ["a cpio archive", ...ascii("070701")],
  ["lzip data", ...ascii("LZIP\x01")],
  ["lzop data", 0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a],
  ["lrzip data", ...ascii("LRZI")],
  ["lz4 data of the legacy format", 0x02, 0x21, 0x4c, 0x18],
  ["a split or spanned zip archive", ...ascii("PK\x07\x08")],
  ["an Apple partition image", ...ascii("cdsaencr")],
];
const HTML = /^(?:\uFEFF|\s)*<(?:!doctype html|html|head|body)\b/i;
/** No image, whoever takes it. */
export const PAGE = "an HTML page";
const MARKUP = /^(?:\uFEFF|\s)*<\?xml\b/i;
const SIGNATURE = /^-----BEGIN [A-Z0-9 ]+-----/;

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}

/** What the bytes are, when they can be no disk: a 7z archive, an HTML page. */
export function nonDiskKind(head: Uint8Array, tail: Uint8Array | undefined): string | undefined {
  for (const [words, ...bytes] of MAGIC) {
    if (head.length >= bytes.length && bytes.every((byte, at) => head[at] === byte)) return words;
  }
  if (tail?.length === 512 && ascii("koly").every((byte, at) => tail[at] === byte)) return "an Apple disk image (DMG)";
  const text = textOf(head);
  if (HTML.test(text)) return PAGE;
  if (MARKUP.test(text)) return "an XML document";
  return SIGNATURE.test(text) ? "an OpenPGP or PEM file" : undefined;
}

/** Whether the bytes are plain text, which no disk begins with. */
export const isText = (head: Uint8Array): boolean =>
  head.length > 0 && head.subarray(0, 512).every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));

const textOf = (head: Uint8Array): string => new TextDecoder().decode(head.subarray(0, 256));
