import type { Digest } from "./model/digest.ts";
import type { Compression, Format } from "./model/image.ts";
import type { Attributes } from "./model/value.ts";

/** What is known of the bytes when a plan is made. */
export interface Facts {
  /** The image is declared to be made from bytes. */
  readonly source?: boolean;
  readonly size?: number;
  readonly format?: Format;
  readonly virtualSize?: number;
  /** Known where the bytes go up as they are: the compression around them. */
  readonly untouched?: Compression;
  /** The settings of the backend, as they are written; sensitive ones are references. */
  readonly settings?: Attributes;
}

/** What is known, when a plan is made, of the bytes that an image is to have. */
export interface KnownBytes {
  /** Of the source. */
  readonly digest?: Digest;
  /** `Resolved.content` of an origin of the backend's own. */
  readonly resolved?: string;
  readonly format?: Format;
  /** The source is one file that is sent as it is: nothing is taken out of it or put beside it. */
  readonly whole?: boolean;
  /** Of all that is sent, one file after the other, the metadata first. */
  readonly sent?: Digest;
  /** A metadata file goes beside the source. */
  readonly beside?: boolean;
  /** The backend's own sha256 of the image that is there and stays. */
  readonly live?: Digest;
}
