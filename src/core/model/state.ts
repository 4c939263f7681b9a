import type { OnRemove } from "./declaration.ts";
import type { Digests } from "./digest.ts";
import type { Address, BackendName, ImageId } from "./name.ts";
import type { Content } from "./source.ts";
import type { Attributes } from "./value.ts";

/** An older version of an image, kept by `retain`. */
export interface Retained {
  readonly id: ImageId;
  readonly content: Content;
  /** RFC 3339. */
  readonly replaced: string;
  readonly status: "kept" | "hide" | "deactivate";
}

interface Common {
  readonly backend: BackendName;
  /** The plugin's name, so that an image can be removed after its block has gone from the file. */
  readonly plugin: string;
  /** What was wanted when this was written: a line that is gone from the file is seen by it. Sensitive values are left out. */
  readonly want: Attributes;
  /** What the image was, or is being, made from. */
  readonly content?: Content;
  readonly protect: boolean;
  readonly onRemove: OnRemove;
  readonly retained?: readonly Retained[];
}

/** What the backend showed when we last looked. */
interface Had {
  readonly id: ImageId;
  readonly have: Attributes;
  readonly digests?: Digests;
}

/** What an image was made from before a replace began: what is declared is compared with it while that is not done. */
export interface FormerContent {
  readonly want: Attributes;
  readonly content?: Content;
}

/** The life of one image, as far as it is known to have come: written before each call that changes a backend. */
export type Recorded =
  | (Common & {
      readonly status: "creating";
      readonly id?: ImageId;
      readonly nonce?: string;
      readonly finished?: boolean;
      readonly carried?: Attributes;
    })
  | (Common &
      Had & {
        readonly status: "ready";
        /** What the source was found to be when it was last read for a comparison, and was not what the image was made from. */
        readonly upstream?: Content;
      })
  /** `next` is being made while `id`, the old one, is still there. `requested`: not because anything differs. */
  | (Common &
      Had & {
        readonly status: "replacing";
        readonly next?: ImageId;
        readonly nonce?: string;
        readonly former?: FormerContent;
        readonly requested?: boolean;
        /** What others had added to `id`, and `next` is to have: kept until the replace is done. */
        readonly carried?: Attributes;
        /** The backend had finished `next` when a later step of its creation failed. */
        readonly finished?: boolean;
      })
  | (Common & { readonly status: "deleting"; readonly id: ImageId });

export const STATE_VERSION = 1;

export interface State {
  readonly version: typeof STATE_VERSION;
  /** Made once, at random; two states of another lineage are never compared. */
  readonly lineage: string;
  /** Goes up by one with every change, never without one. */
  readonly serial: number;
  readonly images: Readonly<Record<Address, Recorded>>;
}

/** Who holds the lock of a state. */
export interface Holder {
  readonly id: string;
  readonly operation: string;
  readonly user: string;
  readonly host: string;
  readonly pid: number;
  /** The start time of that process where the system tells it: a pid that was given to another process is not the holder. */
  readonly started?: string;
  /** RFC 3339. */
  readonly since: string;
}
