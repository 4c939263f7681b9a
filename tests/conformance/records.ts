import type { ConformanceSpec } from "../../src/core/conformance.ts";

// What is the same of a store in a directory and of one in a bucket.

/** How the plugins of stores are asked; where, they say themselves. */
export const STORE = {
  bytes: new TextEncoder().encode("a small image\n".repeat(1000)),
  otherBytes: new TextEncoder().encode("another small image\n".repeat(1000)),
  small: {},
  lives: {
    name: { set: "first", change: "second" },
    description: { set: "one", change: "zwei äö" },
    aliases: { set: ["a", "b/c"], change: ["b/c", "d"] },
    properties: { set: { os: "x", "with.dot": "1" }, change: { os: "y" } },
    tags: { set: ["t1", "t2"], change: ["t2"] },
    visibility: { set: "private", change: "public" },
    os: { set: "Debian", change: "Ubuntu" },
    release: { set: "12", change: "13" },
    architecture: { set: "arm64", change: "amd64" },
    variant: { set: "cloud", change: "default" },
    format: { set: "raw", change: "qcow2", replaces: true },
    compression: { set: "gz", change: "zst", replaces: true },
  },
  several: (i) => ({ aliases: [`alias-${i}`] }),
} satisfies Partial<ConformanceSpec>;

const disk = { sha256: "0".repeat(64), size: 7 };

/** The record of an image that another program made; its bytes are "foreign". */
export const FOREIGN = {
  id: "small@foreign",
  name: "small",
  attributes: { visibility: "public" },
  disk,
  fingerprint: disk.sha256,
  format: "other",
  compression: "none",
  created: "2026-01-01T00:00:00Z",
};

/** A record with another description. */
export function meddled(text: string): string {
  const record = JSON.parse(text);
  return JSON.stringify({ ...record, attributes: { ...record.attributes, description: "meddled with" } });
}
