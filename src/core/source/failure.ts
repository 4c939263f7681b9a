import { dirname } from "node:path";
import { type Wording, worded } from "../disk/reason.ts";
import type { Failure } from "../failure.ts";

const look = (): string => "check the path and the health of that filesystem";
const elsewhere = (): string => "set IMAGES_CACHE to another directory";
const WORDING: Wording = {
  space: {
    code: "source.space",
    hint: () => "free space there (images cache gc), or set IMAGES_CACHE to a directory with more space",
  },
  readonly: { code: "source.denied", hint: elsewhere },
  denied: {
    code: "source.denied",
    hint: (path) => `grant this user access, or check the permissions of ${dirname(path)}`,
  },
  missing: { code: "source.missing", hint: () => "check the path" },
  directory: { code: "source.missing", hint: () => "use a file in it" },
  links: { code: "source.cache", hint: () => "set IMAGES_CACHE to a directory on a local filesystem" },
  lock: { code: "source.cache", hint: (path) => `if no other run is active, remove ${path}` },
  locked: { code: "source.cache", hint: () => "try again" },
  io: { code: "source.io", hint: look },
};

/** What the file system refused of a source or of the cache; any other Failure passes as it is. */
export const sourceFailure = (thrown: unknown, path: string): Failure => worded(thrown, path, WORDING);
