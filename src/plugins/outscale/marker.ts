import { type Address, MARKER_FIELDS, type Marker, type MarkerField, markerFields, markerFromFields } from "images";
import type { OutscaleTag } from "./client.ts";

// Our marker is kept in tags. Tags are written by a request of their own after an image was made, so until then the marker stands as the last
// line of the description: an image of ours is never there without it, whenever a run is killed.

/** What an image was made of: `own` snapshots came with it and go with it, `given` ones are somebody's. */
export type Snapshots = "own" | "given";

const key = (field: MarkerField): string => `images.${field}`;
const KEYS = { file: key("file"), owner: key("owner"), snapshots: "images.snapshots" };
const ALL: ReadonlySet<string> = new Set([...MARKER_FIELDS.map(key), KEYS.snapshots]);

export const isMarkTag = ({ Key }: OutscaleTag): boolean => ALL.has(Key);

/** The tag by which snapshots are found that go with an image, also once the image is gone. */
const OF = "images.image";
export const imageFilter = (id: string): string => `${OF}=${id}`;

/** What a snapshot of uploaded bytes is called: it is found by that before it can have tags, and leads to its object by the token. */
export const snapshotText = (file: string, owner: Address, token: string): string =>
  `${`images ${file} ${owner}`.slice(0, 200)} ${token}`;

/** The token of an upload, from the description of its snapshot. */
export const tokenIn = (text: string): string | undefined => /^images .* ([0-9a-f-]{36})$/s.exec(text)?.[1];

export const marksOf = (marker: Marker, snapshots: Snapshots): readonly OutscaleTag[] => [
  ...markerFields(marker).map(([field, Value]): OutscaleTag => ({ Key: key(field), Value })),
  { Key: KEYS.snapshots, Value: snapshots },
];

/** The tags of a snapshot that goes with an image of an address. */
export const snapshotTags = (file: string, owner: Address, image: string): readonly OutscaleTag[] => [
  { Key: KEYS.file, Value: file },
  { Key: KEYS.owner, Value: owner },
  { Key: OF, Value: image },
];

export const goesWith = (tags: readonly OutscaleTag[], image: string): boolean =>
  tags.some(({ Key, Value }) => Key === OF && Value === image);

const LINE = /(?:^|\n)\[images: (\S+) (\S+) (\S+)(?: (\S+) (\S+))? (own|given)\]\s*$/;

/** A description with the marker as its last line. */
export function withMark(description: string, marker: Marker | undefined, snapshots: Snapshots): string {
  if (marker === undefined) return description;
  const { file, owner, content, lineage = "-", self = "-" } = marker;
  const words = [file, owner, content, lineage, self]
    .map(encodeURIComponent)
    .map((word) => word.replaceAll("%2F", "/"));
  const line = `[images: ${words.join(" ")} ${snapshots}]`;
  return description === "" ? line : `${description}\n${line}`;
}

export interface Marked {
  readonly description: string;
  readonly mark?: Marker;
  readonly snapshots: Snapshots;
  /** The mark is still a line of the description. */
  readonly isLine: boolean;
}

/** The mark of an image, from its tags or from its description. */
export function readMark(text: string, tags: readonly OutscaleTag[]): Marked {
  const found = LINE.exec(text);
  const description = found === null ? text : text.slice(0, found.index);
  const value = (name: string) => tags.find(({ Key }) => Key === name)?.Value;
  const written = value(KEYS.file) !== undefined && value(KEYS.owner) !== undefined;
  const kind = (written ? value(KEYS.snapshots) : found?.[6]) === "own" ? "own" : "given";
  const marker = markerFromFields((field) => {
    if (written) return value(key(field));
    const word = field === "retained" ? undefined : found?.[MARKER_FIELDS.indexOf(field) + 1];
    return word === undefined || word === "-" ? undefined : decoded(word);
  });
  if (marker === undefined) return { description: text, snapshots: kind, isLine: false };
  return { description, mark: marker, snapshots: kind, isLine: found !== null };
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
