import type { Action } from "../action.ts";
import { createImage } from "./create-image.ts";
import { createSnapshot } from "./create-snapshot.ts";
import { exportActions } from "./exports.ts";
import { imageActions } from "./images.ts";
import { placeActions } from "./places.ts";
import { snapshotActions } from "./snapshots.ts";
import { tagActions } from "./tags.ts";
import { vmActions } from "./vms.ts";
import { volumeActions } from "./volumes.ts";

/** Every action that is emulated, by its name. */
export const actions: Readonly<Record<string, Action>> = {
  ...createImage,
  ...imageActions,
  ...createSnapshot,
  ...snapshotActions,
  ...tagActions,
  ...exportActions,
  ...vmActions,
  ...volumeActions,
  ...placeActions,
};
