/** The directory of downloads that are kept between runs. */

export { Cache, type CachedFile } from "./cache.ts";
export { cacheMax, cacheRoot } from "./directory.ts";
export { cacheGc, cacheList, cacheVerify, evictUnused, makeRoom } from "./evict.ts";
export { parseSidecar, readJson, type Sidecar } from "./record.ts";
