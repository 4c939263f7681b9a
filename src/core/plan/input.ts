import type { Failure } from "../failure.ts";
import type { ReplaceOrder, Resource } from "../model/declaration.ts";
import type { Digest } from "../model/digest.ts";
import type { Format, Marker, Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { PlanMode, Transfer } from "../model/plan.ts";
import type { Schema } from "../model/schema.ts";
import type { Content } from "../model/source.ts";
import type { Recorded, Retained } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import type { Complaint } from "../plugin.ts";
import type { OutgoingBytes } from "../source/context.ts";
import type { Ownership } from "./ownership.ts";

/** An observed image with its attributes as a plain table. */
export interface LiveImage extends Omit<Observed, "attributes"> {
  readonly attributes: Attributes;
}

/** What one address is wanted to be, with what is known of its bytes by now. */
export interface DesiredImage {
  readonly resource: Resource;
  readonly schema: Schema;
  /** Attributes that are to have the id of an image which this run makes. */
  readonly pendingReferences?: readonly string[];
  /** Attributes that are to have the id of an image which is not there, and that no run makes now. */
  readonly missingReferences?: readonly string[];
  /** What attributes of this image come to while nobody declares them. */
  readonly defaults?: Attributes;
  /** What the origin means now; undefined: it has none, or it could not be looked at. */
  readonly content: Content | undefined;
  /** There where the beginning of the source was not read: all of it, for a step that makes or changes something. */
  readonly measured?: () => Promise<DesiredImage>;
  /** What the source was found to be, inside of its compression. */
  readonly format?: Format;
  /** Of a local source: what the backend gets of it. */
  readonly outgoing?: OutgoingBytes;
  /** The sha256 of all that the backend gets, the metadata first, where it had to be read to be known. */
  readonly sentDigest?: Digest;
  /** Bytes of all that is sent, on a backend where equal bytes are one image of as many bytes. */
  readonly sentSize?: number;
  /** What the image is on a backend where equal bytes are one image, as the plugin writes it. */
  readonly physical?: string;
  /** The backend keeps it up to date with its origin by itself. */
  readonly maintained?: boolean;
  /** Attributes that say which origin of the backend's own is meant. */
  readonly originNames?: readonly string[];
  /** There is something to make it from. */
  readonly hasOrigin: boolean;
  /** Why the origin could not be looked at. */
  readonly originFailure: Failure | undefined;
  /** Why nothing can be made from it now. */
  readonly unavailable?: { readonly text: string; readonly hint?: string };
  readonly transfer: Transfer;
  readonly complaints: readonly Complaint[];
  /** The mark to be written; undefined: no markers on this backend. */
  readonly marker: Marker | undefined;
  /** The backend takes the bytes as the source has them, so that its digests can be compared with the source's. */
  readonly sentAsIs: boolean;
  readonly order: (have: Attributes) => ReplaceOrder;
  /** The id that the file chooses for the image. */
  readonly chosenId?: ImageId | undefined;
  /** A declared `[[import]]` for this address. */
  readonly importId: ImageId | undefined;
}

/** Everything that is known of one address when its step is decided. */
export interface DecisionInput {
  readonly address: Address;
  readonly previous?: Address;
  readonly mode: PlanMode;
  readonly known: Recorded | undefined;
  readonly want: DesiredImage | undefined;
  /** `state = "absent"`. */
  readonly absent: boolean;
  /** The image that the state has, or that bears a genuine marker of this address. */
  readonly have: LiveImage | undefined;
  /** Whose `have` is. */
  readonly ownership: Ownership;
  /** Images of which each could be the one, where the state knows none: nothing is chosen. */
  readonly ambiguous: readonly LiveImage[];
  /** An interrupted creation at this address that the state knows nothing of. */
  readonly incomplete: LiveImage | undefined;
  /** Versions that an earlier state kept, by their genuine markers; only where the state knows none. */
  readonly kept: readonly Retained[];
  /** Other images of ours: half made, or superseded by `have`. */
  readonly leftovers: readonly ImageId[];
  /** Somebody else's image that holds a name which the backend has only once, and which is to be ours. */
  readonly rival: LiveImage | undefined;
  /** The rival has no name that is wanted, but the very bytes, which the backend has only once. */
  readonly sameBytes?: boolean;
  /** The image that has the id which the file chooses, whosever it is. */
  readonly idHolder?: LiveImage | undefined;
  /** The only other image of the same name, on a backend where names are not unique: what `--adopt` takes. */
  readonly namesake: LiveImage | undefined;
  readonly after: readonly Address[];
  /** `--replace`. */
  readonly replace: boolean;
  /** `--adopt`, or `adopt = true`. */
  readonly adopt: boolean;
  /** `[[removed]]` says to keep it, or to delete it. */
  readonly removed?: "keep" | "destroy";
}
