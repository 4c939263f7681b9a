import type { ImageId } from "./name.ts";
import type { Content } from "./source.ts";

// What a step moves, reads and deletes.

/** How the bytes of an image come to the backend, and what that costs. */
export interface Transfer {
  /** `upload`: through this host. `pull`: the backend fetches them. `none`: nothing moves. */
  readonly how: "upload" | "pull" | "none";
  /** Bytes, where they are known. */
  readonly bytes?: number;
  /** Why nobody will have proven the bytes. */
  readonly unverified?: string;
}

/** What a step that makes an image makes it from. */
export interface CreationSource {
  readonly content?: Content;
  readonly transfer: Transfer;
}

/** Bytes that are read, and compared with those that an image was made from, because nothing that is known tells whether they are the same. */
export interface Verification {
  /** What the source is declared to be, and seen as now. */
  readonly content: Content;
  /** Why it has to be: a sentence. */
  readonly why: string;
  /** `download`: over the network to this host. `read`: from a file here, or out of a backend. */
  readonly how: "download" | "read";
  readonly bytes?: number;
}

/** One image that a run may delete: it deletes these, and what it made itself, and no others. */
export interface Deletion {
  readonly id: ImageId;
  /**
   * `removed`: not wanted any more. `replaced`: a new one takes its place. `superseded`: a version beyond those that `retain` keeps, or
   * that goes with its image. `leftover`: an interrupted run left it.
   */
  readonly why: "removed" | "replaced" | "superseded" | "leftover";
  /** What the backend's plugin deletes with it: snapshots, objects. */
  readonly owns?: readonly string[];
}
