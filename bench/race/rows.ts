import { BYTES } from "./rows/bytes.ts";
import { LIMITS } from "./rows/limits.ts";
import { PLANS } from "./rows/plan.ts";
import { START } from "./rows/start.ts";
import { UPLOADS } from "./rows/uploads.ts";
import type { Row } from "./types.ts";

const ORDER: readonly Row["group"][] = ["local", "openstack", "incus"];

/** All rows; those of one server beside each other, so that it is started once. */
export const ROWS: readonly Row[] = [...START, ...PLANS, ...UPLOADS, ...BYTES, ...LIMITS].toSorted(
  (a, b) => ORDER.indexOf(a.group) - ORDER.indexOf(b.group),
);
