import { createHash } from "node:crypto";
import { type Attributes, digest, Failure, type Source, type Value } from "images";
import type { ConformanceSpec } from "../core/conformance.ts";

// What clauses are made of: bytes, and lines of images.toml.

/** Bytes as a source. `wrong`: they turn out not to be the declared ones, just before the last piece. */
function sourceOf(
  bytes: Uint8Array,
  filename: string,
  format: Source["format"],
  { wrong = false, halfway }: { wrong?: boolean; halfway?: (signal: AbortSignal) => Promise<void> } = {},
): Source {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    format,
    compression: "none",
    size: bytes.byteLength,
    filename,
    async *open(signal) {
      const half = bytes.byteLength >> 1;
      yield bytes.subarray(0, half);
      await halfway?.(signal);
      signal.throwIfAborted();
      if (wrong) throw new Failure("source.digest", "checksum mismatch");
      yield bytes.subarray(half);
    },
    digests: async () => ({ sha256: digest("sha256", sha256) }),
  };
}

/** The bytes of a stage as a source; undefined: its images are made from something else. */
export const sourceFor = (
  { spec, filename }: { readonly spec: Pick<ConformanceSpec, "bytes">; readonly filename: string },
  more: Parameters<typeof sourceOf>[3] = {},
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
