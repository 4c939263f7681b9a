/** Downloads: resumed, shared by their readers, and held back until they are proven. */

export { DownloadPool } from "./pool.ts";
export type { SpooledDownload } from "./spooled.ts";
