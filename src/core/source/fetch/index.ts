/** Downloads: resumed, shared by their readers, and held back until they are proven. */

export type { Spooled } from "./spooled.ts";
export { Supplies } from "./supplies.ts";
