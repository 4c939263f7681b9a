import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { GLANCE, identifyEarly, identifyHead, WINDOW } from "../../../src/core/format/identify.ts";
import { detect } from "../../../src/core/source/open/origin.ts";
import { has, run } from "./tools.ts";

setDefaultTimeout(300_000);

const MiB = 1 << 20;
const never = new AbortController().signal;
/** Nothing repeats, so that a form of it is about as long. */
const DISK = new Uint8Array(randomBytes(3 * MiB));

/** A qcow2 header of version 2 with a first-level table of so many entries behind it. */
function qcow2(entries: number): Uint8Array {
  const bytes = new Uint8Array(2 * MiB);
  const view = new DataView(bytes.buffer);
  bytes.set([0x51, 0x46, 0x49, 0xfb]);
  view.setUint32(4, 2);
  view.setUint32(20, 16);
  view.setBigUint64(24, BigInt(entries) << 29n);
  view.setUint32(36, entries);
  view.setBigUint64(40, 65536n);
  view.setBigUint64(48, 1_048_576n);
  view.setUint32(56, 1);
  return bytes;
}

/** What is found at a glance, and in all of the window. */
async function both(bytes: Uint8Array) {
  const options = { size: bytes.length };
  const early = await identifyEarly(bytes.subarray(0, GLANCE), options);
  return { early, whole: await identifyHead(bytes.subarray(0, WINDOW), options) };
}

for (const [tool, ...words] of [
  ["gzip", "gzip", "-1", "-c"],
  ["bzip2", "bzip2", "-1", "-c"],
  ["xz", "xz", "-0", "-T1", "-c"],
  ["zstd", "zstd", "-3", "-q", "-c"],
] as const)
  test.skipIf(!has(tool))(`what ${tool} has packed is known at a glance`, async () => {
    const { early, whole } = await both(run(words, DISK));
    expect(early).toEqual(whole);
  });

test.skipIf(!has("bzip2"))("a block that is longer than a glance is looked at in all of the window", async () => {
  const { early, whole } = await both(run(["bzip2", "-9", "-c"], DISK));
  expect([early, whole.layers, whole.format]).toEqual([undefined, ["bz2"], "raw"]);
});

test("a qcow2 image is known at a glance where all of its table shows", async () => {
  const few = await both(qcow2(100));
  expect([few.early?.format, few.early]).toEqual(["qcow2", few.whole]);
  expect((await both(qcow2(100_000))).early).toBeUndefined();
});

test("bytes that may be padding before something else, and what has no layer, are not decided at a glance", async () => {
  const padding = new Uint8Array(MiB);
  padding.set([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0x0c, 0]);
  const packed = Bun.gzipSync(Buffer.concat([padding, DISK]));
  expect((await both(packed)).early).toBeUndefined();
  expect((await both(DISK)).early).toBeUndefined();
});

test("of a stream that waits for its turn a glance is held, no more", async () => {
  for (const [bytes, wanted] of [
    [Bun.gzipSync(DISK), [GLANCE]],
    [DISK, [GLANCE, WINDOW]],
  ] as const) {
    const asked: number[] = [];
    const supply = {
      ...{ filename: "a", ready: Promise.resolve(), size: bytes.length, algorithms: new Set<never>(), path: undefined },
      read: () => {
        throw new Error("it is peeked at");
      },
      peek: async (length: number) => {
        asked.push(length);
        return [bytes.subarray(0, length)];
      },
      verify: () => Promise.reject(new Error("not yet")),
      check: async () => {},
      watch: () => {},
      [Symbol.asyncDispose]: async () => {},
    };
    expect((await detect(supply, undefined, undefined, never)).format).toBe("raw");
    expect(asked).toEqual([...wanted]);
  }
});
