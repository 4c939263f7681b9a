import type { FileSource } from "../model/source.ts";
import { absolute, type CheckContext } from "./context.ts";
import type { SourceEntry } from "./source-entries.ts";

interface PlainFile {
  readonly kind: "source";
  readonly spec: FileSource;
  readonly label: string;
}

export const FILE_URL = /^file:\/\//i;

/** A path and nothing else, as thousands of images have it for a source; undefined: more is to be looked at. */
export function plainFile([one, ...more]: readonly SourceEntry[], context: CheckContext): PlainFile | undefined {
  if (one?.part !== "file" || one.value.kind !== "text" || more.length > 0) return undefined;
  const { value } = one.value;
  if (value.trim() === "" || value.includes("\0") || FILE_URL.test(value)) return undefined;
  const spec: FileSource = { at: one.whole, follow: true, kind: "file", path: absolute(context, value) };
  return { kind: "source", spec, label: one.label };
}
