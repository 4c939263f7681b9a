import type { Algorithm, Digest, Digests } from "./digest.ts";
import type { Address, ImageId } from "./name.ts";
import type { Reported, Schema } from "./schema.ts";
import type { Attributes } from "./value.ts";

/** The format of a disk image, recognised by its first bytes. `tar` and `squashfs` are Incus's; `other` is bytes that are passed on unchanged. */
const FORMATS = [
  "raw",
  "qcow2",
  "vmdk",
  "vhdx",
  "vhd",
  "vdi",
  "qed",
  "parallels",
  "iso",
  "tar",
  "squashfs",
  "other",
] as const;
export type Format = (typeof FORMATS)[number];
const COMPRESSIONS = ["none", "gz", "bz2", "xz", "zst", "lz4", "lzma"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** What bytes a backend wants for one image. The transfer turns the source into the first that fits, or says why it cannot. */
export interface ByteRequirements {
  /** Formats that are taken; the source is left as it is when it is one of them. `any`: whatever it is. */
  readonly formats: "any" | readonly Format[];
  /** The same of the compression around it. `any`: as the source is. */
  readonly compressions: "any" | readonly Compression[];
  /** True: the backend must know the number of bytes before the first one, so a result of unknown size is spooled. */
  readonly sized?: boolean;
  /** Digests of the sent bytes that `digests()` is to give at the end. sha256 is always among them. */
  readonly digests?: readonly Algorithm[];
}

/** The bytes of an image, checked while they flow. */
export interface Source {
  readonly format: Format;
  readonly compression: Compression;
  /** Bytes that `open` gives; undefined where a conversion or compression on the way makes it unknown. */
  readonly size?: number;
  /** Of a disk: the bytes of the disk itself. */
  readonly virtualSize?: number;
  /** Known beforehand: the digest that was declared or found, of the bytes that `open` gives. */
  readonly digest?: Digest;
  /** The name that the bytes had where they came from: debian-12.qcow2. */
  readonly filename: string;
  /** The second file of an image in two parts (Incus: the metadata). */
  readonly metadata?: Source;
  /**
   * May be called again for each retry. The last chunk comes only after all bytes are verified: a wrong checksum ends in a Failure before
   * it, so that the backend sees an upload that breaks off.
   */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * As `open`, for readers that are done with a chunk before they request the fourth one after it, when its buffer is used again. Saves
   * the memory of a buffer for each chunk. `passThrough` uses it if it is defined.
   */
  lend?(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Digests of what `open` last gave, once it has ended: sha256 and those that were wanted. */
  digests(): Promise<Digests>;
}

/** The bytes of a source for a reader that only passes them on: a chunk is valid until the fourth one after it is requested. */
export const passThrough = (source: Pick<Source, "open" | "lend">, signal: AbortSignal): AsyncIterable<Uint8Array> =>
  source.lend?.(signal) ?? source.open(signal);

/** The ownership marker: written on every managed image, in whatever the backend has for it (properties, tags, a file beside). */
export interface Marker {
  /** `[settings] name` of the file that the image belongs to. */
  readonly file: string;
  readonly owner: Address;
  /** What the image was made from (a digest where there is one): a lost state is rebuilt with it. At most 80 plain characters. */
  readonly content: string;
  /** The lineage of the state that manages the image. Absent: written by a version that had none. */
  readonly lineage?: string;
  /**
   * What only this very image can say truthfully, so that a copy of the marker on another image is recognised: the image's id, or what
   * `Observed.self` says. `~` and `Context.nonce` until a backend that chooses the id has reported it.
   */
  readonly self?: string;
  /** RFC 3339: superseded then, and kept by `retain`. */
  readonly retained?: string;
}

/** An image as its backend reports it. */
export interface Observed<I extends Schema = Schema> {
  readonly id: ImageId;
  /** Its display name. */
  readonly name?: string;
  /** The marker on the image, copied or not: a plugin reports it and does not judge. */
  readonly marker?: Marker;
  /** What `Marker.self` has to be for the marker to be this image's own. Default: the id. */
  readonly self?: string;
  /** It belongs to another account, which can write any marker on it: the marker proves nothing about the bytes. */
  readonly isOthers?: boolean;
  /** The backend refuses to delete it until the protection is removed. */
  readonly protected?: boolean;
  /** Ids of what is deleted with it: snapshots, objects. Passed back as `Context.owns` when it is deleted. */
  readonly owns?: readonly string[];
  readonly attributes: Reported<I>;
  /** Names of this image that are unique on the backend: aliases, a unique name. */
  readonly names?: readonly string[];
  /** The backend's own digests of the bytes, if it has any. */
  readonly digests?: Digests;
  readonly size?: number;
  /**
   * What the plugin set and was removed since: `update` sets it again. Shown as drift, by the names of attributes.
   */
  readonly missing?: Attributes;
  /** Values of creation inputs that the file does not set: to add such a line, or to remove it, is no change. */
  readonly usual?: Attributes;
  /** `pending`: cannot be used yet. `failed`: never will be. Default: ready. */
  readonly status?: "ready" | "pending" | "failed";
}

/** The part of a step that is in progress. */
export type Phase = "download" | "verify" | "convert" | "upload" | "import" | "wait" | "delete";

/** What a backend's own origin (an alias, an instance, a URL that it pulls) means now. */
export interface Resolved {
  /** Comparable: the same text means the same content. */
  readonly content: string;
  /** The digests that the backend will report of the image. */
  readonly digests?: Digests;
  readonly size?: number;
  /** The backend keeps the image up to date with its origin by itself: a newer origin is no change in the plan. */
  readonly maintained?: boolean;
  /** Why no image can be created from it now ("the instance is running"): blocks a step that would create one. */
  readonly unavailable?: { readonly text: string; readonly hint?: string };
  /** The bytes reach the backend without this program. */
  readonly serverSide: boolean;
  /** Whether the content is verified before it can be used; `why` if it is not. */
  readonly verified: boolean;
  readonly why?: string;
}
