/** Downloads: resumed, shared by their readers, and held back until they are proven. */

export type { SpooledDownload } from "./spooled.ts";
export { DownloadPool } from "./supplies.ts";
