import { randomBytes } from "node:crypto";
import { basename } from "node:path";

/** A name for the images of a file: that of its directory and four random hex digits, so that no two are alike by default. */
export function generateName(directory: string): string {
  const stem = basename(directory)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|-+$/g, "")
    .slice(0, 50);
  return `${stem === "" ? "images" : stem}-${randomBytes(2).toString("hex")}`;
}
