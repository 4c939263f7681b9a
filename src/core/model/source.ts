import type { Digest, Digests } from "./digest.ts";
import type { Address } from "./name.ts";
import type { FilePosition } from "./position.ts";

/** A secret as it is in a file: `env:NAME`, `file:PATH` or `cmd:COMMAND`. Never the secret itself. */
type SecretReference = string;

/** The digest that bytes are to have: written out, or to be found in a sums file. */
export type Checksum =
  /** `label`: the key that it was declared with, where that is not `checksum`. */
  | { readonly kind: "digest"; readonly digest: Digest; readonly label?: string }
  | {
      readonly kind: "sums";
      /** Default: the strongest that the file has. */
      readonly algorithm?: string;
      readonly where: string;
      /** Mirrors of it, or other files of the same sums: asked in this order where one before has none for the source. */
      readonly elsewhere?: readonly string[];
      /** The entry of the sums file, where it has another name than the source. */
      readonly name?: string;
    };

/** A detached signature over the sums file where there is one, else over the bytes. */
export interface Signature {
  /** Path or URL of the signature. */
  readonly where: string;
  /** Other places of it, asked in this order where it cannot be had at one before. */
  readonly elsewhere?: readonly string[];
  /** Path of the public key, or the key itself (a minisign line, an armoured OpenPGP block, PEM); for sigstore also of a trusted root. */
  readonly key: string;
  /** For a sigstore certificate: whose it has to be, and who vouched for that. */
  readonly identity?: string;
  readonly issuer?: string;
}

interface Common {
  readonly at: FilePosition;
  readonly checksum?: Checksum;
  readonly signature?: Signature;
  /** Absolute: authorities in PEM that are trusted for all that is fetched for this source, besides the usual ones. */
  readonly ca?: string;
  /** The file to take out of a tar or zip. */
  readonly member?: string;
  /** True: undo the compression. False: the bytes as they are. Undefined: whatever the backend needs. */
  readonly decompress?: boolean;
  /** Does a moved URL or alias make a plan? Default true. */
  readonly follow: boolean;
}

export interface FileSource extends Common {
  readonly kind: "file";
  /** Absolute. */
  readonly path: string;
  /** Absolute: the metadata file of an image in two parts. */
  readonly metadata?: string;
}

export interface UrlSource extends Common {
  readonly kind: "url";
  /** The metadata file of an image in two parts. */
  readonly metadata?: UrlSource;
  /** Mirrors of the same bytes, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly username?: SecretReference;
  readonly password?: SecretReference;
  readonly headers?: Readonly<Record<string, SecretReference>>;
  /** The hosts (with a port where it is not the usual one) that user, password and headers are for. Default: that of the first URL. */
  readonly hosts?: readonly string[];
  /** A cache directory of the image's own, absolute. */
  readonly cache?: string;
}

/** The bytes of another address. */
export interface ImageSource extends Common {
  readonly kind: "image";
  readonly address: Address;
}

/** What another file's state has accepted: the bytes of one of its images, by their digest. */
export interface PromotedSource extends Common {
  readonly kind: "promoted";
  /** Absolute path, or the URL, of that state. */
  readonly state: string;
  /** Its address there. */
  readonly address: Address;
  /** Seconds for which it must have been accepted. */
  readonly minAge?: number;
}

/** Where bytes are. */
export type PlainSource = FileSource | UrlSource | ImageSource;
/** Where the bytes of an image come from, as declared. */
export type SourceSpec = PlainSource | PromotedSource;

/** What HTTP says of a resource without giving it. */
export interface Validators {
  readonly etag?: string;
  readonly modified?: string;
  readonly length?: number;
}

/** What the file system says of a file without reading it. */
export interface Stat {
  readonly size: number;
  /** Whole nanoseconds as text, since they do not fit a number. */
  readonly mtime: string;
  readonly inode: string;
}

/**
 * What an origin stood for when it was looked at. Kept in the state and in plans; like is compared with like: digest with digest,
 * and only where there is none on both sides, validators with validators. Evidence of another kind is compared by a step `verify`.
 */
export interface Content {
  /** Path, URL, address or the backend's own words for where it comes from; without secrets. */
  readonly where: string;
  /** A keyed hash of the request where `where` hides a part of it; comparable only with those of the same machine. */
  readonly identity?: string;
  /** The one that is declared; where none is, that of the bytes. */
  readonly digest?: Digest;
  /** All that are known of the same bytes. */
  readonly digests?: Digests;
  /** Which declared signature over the bytes was proven: a digest of where it is and of its key. */
  readonly signed?: string;
  readonly size?: number;
  readonly validators?: Validators;
  readonly stat?: Stat;
  /** For an origin of the backend's own: Resolved.content. */
  readonly resolved?: string;
  /** Everything else that decides the bytes (member, decompress): another value is another content. */
  readonly transform?: string;
}
