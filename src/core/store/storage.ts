import type { Holder, State } from "../model/state.ts";

/** The operation of a lock that is only taken to see whether it is held. */
export const PEEK = "look";

/** The state document as it was read. */
export interface TextDocument {
  readonly text: string;
  /** Stands for exactly these contents: an optimistic write names it. */
  readonly tag: string;
}

/** The state in a document, of this version and checked, where the storage has read it without having its text. */
interface StateDocument extends Pick<TextDocument, "tag"> {
  readonly state: State;
  readonly text?: undefined;
}

export type Document = TextDocument | StateDocument;

/** The journal of a run that has not ended: it goes on just now, or it was killed. */
export interface OpenRun {
  readonly run: string;
  readonly text: string;
}

/** All that the state is made of, at one moment. */
export interface StoredSnapshot {
  /** None: there is no state yet. */
  readonly document?: Document;
  readonly open: readonly OpenRun[];
}

/** A run of the run history as the storage lists it. */
export interface ListedRun {
  readonly run: string;
  readonly open: boolean;
  /** Its first line, and its last whole one. */
  readonly first: string;
  readonly last: string;
}

/** A former document. */
export interface Version {
  readonly id: string;
  /** When it was replaced, or written, as far as the storage knows. RFC 3339. */
  readonly at: string;
}

/** Where runs write what they do, before and beside the document. Calls come one after another, never side by side. */
export interface Journal {
  /**
   * Adds whole lines to the journal of `run`, which comes into being with the first of them. `durable`: they survive a power cut once
   * this resolves, and so does all that was added before. A failure leaves no part of them behind.
   * @throws Failure state.lost when the lock is no longer ours; nothing is written then
   */
  append(run: string, text: string, durable: boolean): Promise<void>;
  /** From here on the run is one of the run history. `bytes`: cut it to that length first; 0 takes it away. */
  finish(run: string, bytes?: number): Promise<void>;
}

/** The lock as long as it is held, and with it the right to write. Disposing gives it back. */
export interface StateLock extends AsyncDisposable {
  /**
   * Replaces the document whole; a reader sees the former one or this one. Durable when it resolves. Answers its tag.
   * @param expected the tag of the document that was read; undefined: there was none
   * @throws Failure state.conflict when another document is there; state.lost when the lock is no longer ours. Nothing is written then.
   */
  write(text: string, expected: string | undefined): Promise<string>;
  /** None: this storage cannot append, so each change replaces the document. */
  readonly journal?: Journal;
}

/**
 * A place where the state document, its journal and its lock live. It knows nothing of what they mean. Anything it cannot do is a
 * Failure state.*; the signal ends what waits.
 */
export interface Storage {
  /** Path or URL for people, without secrets. */
  readonly where: string;
  /** Whether `holder` can be asked beside a run: it disturbs none, though it may take the lock for a moment. */
  readonly canPeek: boolean;
  /** Milliseconds between two tries of a lock that is held, at most: a server that is asked costs something. Default: half a second. */
  readonly pause?: number;
  /** Where the former document is, for people. */
  readonly backup?: string;
  /** Needs no lock: it is one moment, also while another process writes. */
  read(signal: AbortSignal): Promise<StoredSnapshot>;
  /** Tries once. The lock of a holder that is known to be dead is taken over; two that try at once never both get it. */
  lock(holder: Holder, signal: AbortSignal): Promise<{ readonly lease: StateLock } | { readonly holder: Holder }>;
  holder(signal: AbortSignal): Promise<Holder | undefined>;
  /** Removes the lock if its holder is `id`; false if it is not. */
  unlock(id: string, signal: AbortSignal): Promise<boolean>;
  /** The runs that it still remembers, oldest first. */
  runs(signal: AbortSignal): Promise<readonly ListedRun[]>;
  readRun(run: string, signal: AbortSignal): Promise<string | undefined>;
  /** The former documents that it still has, oldest first; undefined: the storage cannot tell. */
  versions(signal: AbortSignal): Promise<readonly Version[] | undefined>;
  readVersion(id: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Runs of the run history that are kept for `images log`. */
export const KEPT_RUNS = 50;
/** Milliseconds between two tries of a lock on a server. */
export const REMOTE_PAUSE = 3000;
/** Former documents that are kept. */
export const KEPT_VERSIONS = 20;
