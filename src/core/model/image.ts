import type { Algorithm, Digest, Digests } from "./digest.ts";
import type { Address, ImageId } from "./name.ts";
import type { Reported, Schema } from "./schema.ts";
import type { Attributes } from "./value.ts";

/** What a disk image is, told by its first bytes. `tar` and `squashfs` are Incus's; `other` is bytes that we pass on as they are. */
export const FORMATS = [
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
   * Opened as often as a retry needs. The last piece comes only after all the bytes have been verified: bytes that are not the
   * declared ones end in a Failure before it, so that a broken upload is what a backend sees of them.
   */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * As `open`, for those who are done with a piece before they ask for the fourth after it: from then on there are other bytes in its
   * buffer. Spares the memory that each piece of its own would take. `passing` takes it where it is there.
   */
  lend?(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Digests of what `open` last gave, once it has ended: sha256 and those that were wanted. */
  digests(): Promise<Digests>;
}

/** The bytes of a source for whoever only passes them on: each piece holds until the fourth after it is asked for. */
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

/** An image as a backend answers it. */
export interface Observed<I extends Schema = Schema> {
  readonly id: ImageId;
  /** What people call it. */
  readonly name?: string;
  /** The marker that it bears, copied or not: a plugin reports it and does not judge. */
  readonly marker?: Marker;
  /** What `mark.self` has to be for the marker to be this image's own. Default: the id. */
  readonly self?: string;
  /** It belongs to another account, which can write any marker on it: what the marker says of the bytes proves nothing. */
  readonly isOthers?: boolean;
  /** The backend refuses to delete it until somebody lifts that. */
  readonly protected?: boolean;
  /** What the plugin deletes with it: snapshots, objects. Ids, which come back as `Context.owns` when it is deleted. */
  readonly owns?: readonly string[];
  readonly attributes: Reported<I>;
  /** Names of which the backend has each only once, and that this image holds: aliases, a unique name. */
  readonly names?: readonly string[];
  /** The backend's own digests of the bytes, where it has them. */
  readonly digests?: Digests;
  readonly size?: number;
  /**
   * What the plugin itself once gave to the image and it does not have any more: `update` gives it again. Shown as a change made outside
   * of the file, by the names of attributes.
   */
  readonly missing?: Attributes;
  /** What creation inputs come to where the file does not say them: to write such a value down, or to take it out, is no change. */
  readonly usual?: Attributes;
  /** `pending`: not usable yet. `failed`: never will be. Default: ready. */
  readonly status?: "ready" | "pending" | "failed";
}

/** The part of a step that goes on just now. */
export type Phase = "download" | "verify" | "convert" | "upload" | "import" | "wait" | "delete";

/** What a backend's own origin (an alias, an instance, a URL that it pulls) means now. */
export interface Resolved {
  /** Comparable: the same text means the same content. */
  readonly content: string;
  /** Those that the backend will report of the image itself. */
  readonly digests?: Digests;
  readonly size?: number;
  /** The backend keeps the image up to date with its origin by itself: what that is by now is no change of the plan. */
  readonly maintained?: boolean;
  /** Why no image can be made from it now ("the instance is running"): blocks a plan that would make one, and no other. */
  readonly unavailable?: { readonly text: string; readonly hint?: string };
  /** Bytes come to the backend without passing through us. */
  readonly serverSide: boolean;
  /** Whether the content is proven before it can be used; with `why` when it is not. */
  readonly verified: boolean;
  readonly why?: string;
}
