import { MARKER_FIELDS, type Marker, markerFromFields } from "images";

// Where our marker is kept. Linode has no properties, and a tag holds 50 characters and is shown to every user of the account, while an
// owner's address alone may have 127. So the marker is the last line of the description, which holds 65,000: it is written by the same
// request that makes the image, an image is never there without it, and it gives back the owner exactly.

/** Characters that the longest mark takes, with the line break before it. */
export const MARK_ROOM = 450;
/** Characters of a description; from the description of POST /images/upload. */
export const DESCRIPTION_ROOM = 65_000;

const LINE = /(?:^|\s)\[images: (\S+) (\S+) (\S+)(?: (\S+) (\S+)(?: (\S+))?)?\]\s*$/;

/** A description with the marker as its last line. */
export function withMark(description: string, marker: Marker | undefined): string {
  if (marker === undefined) return description;
  const words = MARKER_FIELDS.flatMap((field) => marker[field] ?? []).map((word) =>
    encodeURI(word).replaceAll("]", "%5D"),
  );
  const line = `[images: ${words.join(" ")}]`;
  return description === "" ? line : `${description}\n${line}`;
}

/** A description as it came from the API, taken apart. */
export function readMark(text: string): { readonly description: string; readonly mark?: Marker } {
  const found = LINE.exec(text);
  const marker = markerFromFields((field) => {
    const word = found?.[MARKER_FIELDS.indexOf(field) + 1];
    return word === undefined ? undefined : decoded(word);
  });
  return found === null || marker === undefined
    ? { description: text }
    : { description: text.slice(0, found.index), mark: marker };
}

const decoded = (text: string): string => {
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
};
