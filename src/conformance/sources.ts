import { createHash } from "node:crypto";
import { type Algorithm, type Attributes, digest, Failure, type Source, type Value } from "images";
import type { ConformanceSpec } from "../core/conformance.ts";

// What clauses are made of: bytes, and lines of images.toml.

/** How bytes are read in a clause. */
interface TestSourceOptions {
  /** They turn out not to be the declared ones, just before the last piece. */
  readonly wrong?: boolean;
  /** Called each time that they are read. */
  readonly begun?: () => void;
  readonly halfway?: (signal: AbortSignal) => Promise<void>;
  /** What the plugin asks for, beside sha256. */
  readonly digests?: readonly Algorithm[] | undefined;
}

function sourceOf(bytes: Uint8Array, filename: string, format: Source["format"], more: TestSourceOptions = {}): Source {
  const digestBy = (name: Algorithm) => digest(name, createHash(name).update(bytes).digest("hex"));
  return {
    format,
    compression: "none",
    size: bytes.byteLength,
    filename,
    async *open(signal) {
      more.begun?.();
      const half = bytes.byteLength >> 1;
      yield bytes.subarray(0, half);
      await more.halfway?.(signal);
      signal.throwIfAborted();
      if (more.wrong === true) throw new Failure("source.digest", "checksum mismatch");
      yield bytes.subarray(half);
    },
    digests: async () =>
      Object.fromEntries(["sha256" as const, ...(more.digests ?? [])].map((name) => [name, digestBy(name)])),
  };
}

/** The bytes of a stage as a source; undefined: its images are made from something else. */
export const sourceFor = (
  { spec, filename }: { readonly spec: Pick<ConformanceSpec, "bytes">; readonly filename: string },
  more: TestSourceOptions = {},
  bytes = spec.bytes,
): Source | undefined => (bytes === undefined ? undefined : sourceOf(bytes, filename, formatOf(filename), more));

const formatOf = (filename: string): Source["format"] =>
  filename.includes("qcow2") ? "qcow2" : filename.includes(".tar") ? "tar" : "raw";

export const lines = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name} = ${toml(value)}\n`)
    .join("");

const toml = (value: Value): string => {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object")
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${JSON.stringify(key)} = ${toml(one)}`)
      .join(", ")} }`;
  return JSON.stringify(value);
};
