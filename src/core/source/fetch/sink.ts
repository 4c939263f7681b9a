import type { Validators } from "../../model/source.ts";

/** Where the bytes of a download go. Its failures end the download. */
export interface DownloadSink {
  /** Bytes that are there. */
  readonly offset: number;
  readonly total: number | undefined;
  /** What the server said of the version that they are of, and which server. */
  readonly validators: Validators;
  readonly where: string | undefined;
  /** A reader has seen the first bytes: they cannot be taken back. */
  readonly isSeen: boolean;
  /** sha256 of what exists. */
  soFar(): Promise<string>;
  /** An answer goes on with the bytes, or begins them: what it says of the file holds from now on. */
  accept(where: string, validators: Validators, total: number | undefined): Promise<void>;
  /** The bytes are in a buffer of their own, and belong to the sink from now on. */
  append(bytes: Uint8Array): Promise<void>;
  /** Throws away what exists. @throws Failure source.changed where it has been seen */
  restart(): Promise<void>;
}
