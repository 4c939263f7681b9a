import { Failure } from "../failure.ts";

/** The bytes are not what their format demands. */
export const corrupt = (message: string, cause?: unknown): Failure =>
  new Failure("source.corrupt", message, {
    hint: "download the file again and compare its checksum with the publisher's",
    cause,
  });

/** The bytes end before their format says so. */
export const truncated = (what: string): Failure =>
  new Failure("source.truncated", `${what} is truncated`, {
    hint: "download the file again; the download was probably incomplete",
  });

/** The bytes are good, but of a kind that is not handled. */
export const unsupported = (message: string, hint: string): Failure => new Failure("source.format", message, { hint });

/** It cannot be done with a stream alone. */
export const needsFile = (message: string): Failure =>
  new Failure("source.order", message, {
    hint: "set a directory for temporary files, or download the image into a file first",
  });
