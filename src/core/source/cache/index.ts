/** The directory of downloads that are kept between runs. */

export { type Blob, Cache } from "./cache.ts";
export { cacheMax, cacheRoot } from "./directory.ts";
export { cacheGc, cacheList, cacheVerify, makeRoom } from "./evict.ts";
export { parseSidecar, readJson, type Sidecar } from "./record.ts";
