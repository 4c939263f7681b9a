import { Failure } from "../failure.ts";

/** The bytes are not what their format demands. */
export const corrupt = (message: string, cause?: unknown): Failure =>
  new Failure("source.corrupt", message, {
    hint: "fetch the file again and compare its checksum with the publisher's",
    cause,
  });

/** The bytes end before their format says so. */
export const truncated = (what: string): Failure =>
  new Failure("source.truncated", `${what} is cut off: it ends before its last byte`, {
    hint: "fetch the file again; the download was probably not complete",
  });

/** The bytes are good, but of a kind that is not handled. */
export const unsupported = (message: string, hint: string): Failure => new Failure("source.format", message, { hint });

/** It cannot be done with a stream alone. */
export const needsFile = (message: string): Failure =>
  new Failure("source.order", message, {
    hint: "give a directory for temporary files, or fetch the image into a file before it is converted",
  });
