import { dirname } from "node:path";
import { type Wording, worded } from "../disk/reason.ts";
import type { Failure } from "../failure.ts";

const look = (): string => "check the path and the health of that filesystem";
const WORDING: Wording = {
  space: {
    code: "state.space",
    hint: () => "free space there and run the same command again; the recorded state is kept",
  },
  readonly: {
    code: "state.readonly",
    hint: () => 'put the state elsewhere: state = "PATH" in [settings], or --state PATH',
  },
  denied: {
    code: "state.denied",
    hint: (path) => `run as the owner of ${dirname(path)}, or grant this user write access`,
  },
  missing: { code: "state.io", hint: look },
  directory: { code: "state.io", hint: look },
  links: {
    code: "state.lock",
    hint: () => 'keep the state on a local filesystem: state = "PATH" in [settings], or --state PATH',
  },
  lock: { code: "state.lock", hint: (path) => `if no other run is active, remove ${path}` },
  locked: { code: "state.locked", hint: () => "try again" },
  io: { code: "state.io", hint: look },
};

/** What the file system refused of a state, its lock or its journal; any other Failure passes as it is. */
export const stateFailure = (thrown: unknown, path: string): Failure => worded(thrown, path, WORDING);

/** Runs work on the file of a state at `path`. @throws Failure state.* for what the file system refuses */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw stateFailure(thrown, path);
  }
}
