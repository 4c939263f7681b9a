import type { Digest } from "./model/digest.ts";
import type { Compression, Format } from "./model/image.ts";
import type { Attributes } from "./model/value.ts";

/** What a plan knows of the bytes of a source. */
export interface Facts {
  /** The declared image is created from bytes. */
  readonly source?: boolean;
  readonly size?: number;
  readonly format?: Format;
  readonly virtualSize?: number;
  /** The compression of bytes that are sent unchanged. */
  readonly untouched?: Compression;
  /** The settings of the backend; sensitive ones are references. */
  readonly settings?: Attributes;
}

/** What a plan knows of the bytes of the new image. */
export interface KnownBytes {
  /** Of the source. */
  readonly digest?: Digest;
  /** `Resolved.content` of an origin of the backend's own. */
  readonly resolved?: string;
  readonly format?: Format;
  /** The source is one file that is sent unchanged, without metadata. */
  readonly whole?: boolean;
  /** Of all that is sent, one file after the other, the metadata first. */
  readonly sent?: Digest;
  /** A metadata file is sent with the source. */
  readonly beside?: boolean;
  /** The backend's own sha256 of the existing image that stays. */
  readonly live?: Digest;
}
