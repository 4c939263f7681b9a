import { diskFailure } from "../core/disk/reason.ts";
import { Failure } from "../core/failure.ts";

/** The failure of a write of `path`, a file that the command line asked for: the disk's own words. Other failures pass as they are. */
export function writeFailure(cause: unknown, path: string): Failure {
  const failure = diskFailure(cause, path);
  if (!failure.code.startsWith("disk.")) return failure;
  return new Failure("cli.output", failure.message, {
    cause: failure.cause,
    hint: "check the disk and the permissions, or choose another path",
  });
}
