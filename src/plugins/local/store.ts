import type { Context, ImageId, ReadContext, Source } from "images";
import type { StoreBlob, StoreEntry } from "./record.ts";

type Note = ReadContext["note"];

/** What a store shows of itself, as texts. */
export interface StoreTexts {
  readonly sums: string;
  readonly index: string;
  readonly products: string;
  readonly feed: string;
  readonly page: string;
  readonly robots: string;
}

/** How the texts are made of the records. `products`: where the products are found, from the top of the store. */
export type Show = (entries: readonly StoreEntry[], store: string, products?: string) => StoreTexts;

/** Bytes for a store, and what is reported while they go there. */
export interface Putting {
  /** `combined` is the sha256 of these followed by the source's. */
  readonly before?: Uint8Array;
  readonly progress?: (done: number) => void;
  /** Which of an image's files it is. */
  readonly part: "disk" | "metadata";
  readonly context: Pick<Context, "address" | "signal" | "desiredMarker">;
}

export type Bytes = Pick<Source, "open" | "lend"> & Partial<Pick<Source, "digests" | "digest" | "size">>;

/** A record, and whether its bytes are there, with their sizes. */
export interface ListedEntry {
  readonly entry: StoreEntry;
  readonly isWhole: boolean;
}

/** What keeps the files of a store: a directory, or a bucket. Several processes and hosts may work in it at once. */
export interface ImageStore {
  /** The store's own id; undefined before the first change of a store that is not there yet. */
  id(): Promise<string | undefined>;
  /** A place in the store, for people. */
  where(...parts: readonly string[]): string;
  /** Before the first change: it is a store, nothing of another user's is in the way, and a run that dies from here on is seen to have died. */
  begin(reading: ReadContext): Promise<void>;
  /** All records that can be read, in the order of their names. A store that is not there yet is empty. */
  entries(note?: Note): AsyncGenerator<StoreEntry>;
  /** The same, some at a time. */
  list(note: Note): AsyncGenerator<readonly ListedEntry[]>;
  entry(id: ImageId, note?: Note): Promise<StoreEntry | undefined>;
  isWhole(entry: StoreEntry): Promise<boolean>;
  /** The bytes of the entry are in the store before. */
  putEntry(entry: StoreEntry): Promise<void>;
  /** The record goes at once; the bytes after the grace period, when no other image has them. */
  removeEntry(entry: StoreEntry): Promise<void>;
  /** Streams bytes into the store; the same bytes are kept once. */
  put(source: Bytes, how: Putting): Promise<StoreBlob & { readonly combined: string }>;
  read(blob: StoreBlob): Promise<Uint8Array>;
  open(blob: StoreBlob, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** @throws Failure backend.conflict: a file of that name is there that the store did not write */
  checkFile(file: string): Promise<void>;
  /** A file with a name of its own beside the blob, for people and web servers. */
  name(blob: StoreBlob, file: string): Promise<void>;
  /** Takes the name away from these bytes, where the store gave it to them. Whether it did. */
  unname(blob: StoreBlob, file: string): Promise<boolean>;
  /** Writes what the store shows of itself, of the records as they are by then. */
  publish(show: Show): Promise<void>;
  /** At the end of a run, of one that changed nothing as well: removes what no record has any more, and what runs that died have left. */
  end(show: Show, hasChanged: boolean): Promise<void>;
}

export const blobsOf = ({ disk, metadata }: StoreEntry): readonly string[] =>
  metadata === undefined ? [disk.sha256] : [disk.sha256, metadata.sha256];
