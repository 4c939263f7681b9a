import { dirname } from "node:path";
import { type Wording, worded } from "../disk/reason.ts";
import type { Failure } from "../failure.ts";

const look = (): string => "look at the path and at the health of that filesystem";
const elsewhere = (): string => "name another directory for the cache in IMAGES_CACHE";
const WORDING: Wording = {
  space: {
    code: "source.space",
    hint: () => "make room there (images cache gc), or name a directory with more of it in IMAGES_CACHE",
  },
  readonly: { code: "source.denied", hint: elsewhere },
  denied: {
    code: "source.denied",
    hint: (path) => `give this user the right to it, or look at the rights of ${dirname(path)}`,
  },
  missing: { code: "source.missing", hint: () => "check the path" },
  directory: { code: "source.missing", hint: () => "name the file in it" },
  links: { code: "source.cache", hint: () => "name a directory on a local filesystem for the cache in IMAGES_CACHE" },
  lock: { code: "source.cache", hint: (path) => `if no other run is going on, remove ${path}` },
  locked: { code: "source.cache", hint: () => "try again" },
  io: { code: "source.io", hint: look },
};

/** What the file system refused of a source or of the cache; any other Failure passes as it is. */
export const sourceFailure = (thrown: unknown, path: string): Failure => worded(thrown, path, WORDING);
