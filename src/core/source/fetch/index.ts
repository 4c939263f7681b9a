/** Downloads: resumed, shared by their readers, and held back until they are proven. */

export { Supplies } from "./supplies.ts";
