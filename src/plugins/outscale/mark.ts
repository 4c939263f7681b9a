import { type Address, type Mark, parseAddress } from "images";
import type { Tag } from "./client.ts";

// Our mark is kept in tags. Tags are written by a request of their own after an image was made, so until then the mark stands as the last
// line of the description: an image of ours is never there without it, whenever a run is killed.

/** What an image was made of: `own` snapshots came with it and go with it, `given` ones are somebody's. */
export type Snapshots = "own" | "given";

const KEYS = { file: "images.file", owner: "images.owner", content: "images.content", snapshots: "images.snapshots" };
const ALL: ReadonlySet<string> = new Set(Object.values(KEYS));

export const isMarkTag = ({ Key }: Tag): boolean => ALL.has(Key);

export const ownerFilter = (owner: Address): string => `${KEYS.owner}=${owner}`;

/** What a snapshot is called that was made for an address; findable before it can have tags. */
export const snapshotText = (file: string, owner: Address): string => `images ${file} ${owner}`.slice(0, 255);

export const marksOf = ({ file, owner, content }: Mark, snapshots: Snapshots): readonly Tag[] => [
  { Key: KEYS.file, Value: file },
  { Key: KEYS.owner, Value: owner },
  { Key: KEYS.content, Value: content },
  { Key: KEYS.snapshots, Value: snapshots },
];

/** The tags of a snapshot that goes with an image of an address. */
export const snapshotTags = (file: string, owner: Address): readonly Tag[] => [
  { Key: KEYS.file, Value: file },
  { Key: KEYS.owner, Value: owner },
];

export const isMadeFor = (tags: readonly Tag[], file: string, owner: Address): boolean =>
  snapshotTags(file, owner).every(({ Key, Value }) => tags.some((tag) => tag.Key === Key && tag.Value === Value));

const LINE = /(?:^|\n)\[images: (\S+) (\S+) (\S+) (own|given)\]\s*$/;

/** A description with the mark as its last line. */
export function withMark(description: string, mark: Mark | undefined, snapshots: Snapshots): string {
  if (mark === undefined) return description;
  const line = `[images: ${encodeURIComponent(mark.file)} ${mark.owner} ${encodeURIComponent(mark.content)} ${snapshots}]`;
  return description === "" ? line : `${description}\n${line}`;
}

export interface Marked {
  readonly description: string;
  readonly mark?: Mark;
  readonly snapshots: Snapshots;
  /** The mark is still a line of the description. */
  readonly isLine: boolean;
}

/** The mark of an image, from its tags or from its description. */
export function readMark(text: string, tags: readonly Tag[]): Marked {
  const found = LINE.exec(text);
  const description = found === null ? text : text.slice(0, found.index);
  const value = (key: string) => tags.find(({ Key }) => Key === key)?.Value;
  const [, file = "", owner = "", content = "", snapshots = "given"] = found ?? [];
  const written = value(KEYS.file) !== undefined && value(KEYS.owner) !== undefined;
  const at = parseAddress(written ? (value(KEYS.owner) ?? "") : owner);
  const kind = (written ? value(KEYS.snapshots) : snapshots) === "own" ? "own" : "given";
  if (at === undefined) return { description: text, snapshots: kind, isLine: false };
  const mark = written
    ? { file: value(KEYS.file) ?? "", owner: at, content: value(KEYS.content) ?? "" }
    : { file: decoded(file), owner: at, content: decoded(content) };
  return { description, mark, snapshots: kind, isLine: found !== null };
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
