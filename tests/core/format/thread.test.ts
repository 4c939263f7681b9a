import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { decompress } from "../../../src/core/format/compression.ts";
import { all, digestOf, disk, has, pieces, random, run } from "./tools.ts";

setDefaultTimeout(300_000);

// Jobs on threads, side by side and after each other: nothing of one reaches another, however it ends.

const PACKERS = { bz2: "bzip2", xz: "xz", lz4: "lz4" } as const;
/** How often every kind ends in every way; IMAGES_TEST_CORPUS=whole: more often. */
const ROUNDS = process.env["IMAGES_TEST_CORPUS"] === "whole" ? 3 : 1;
type Packing = keyof typeof PACKERS;
const KINDS = (["bz2", "xz", "lz4"] as const).filter((packing) => has(PACKERS[packing]));

const packedAs = (packing: Packing, bytes: Uint8Array): Uint8Array => run([PACKERS[packing], "-1", "-c"], bytes);

/** How a job goes, and what has to come of it. */
const ENDS = {
  whole: async (packing: Packing, packed: Uint8Array, digest: string) =>
    expect(digestOf(await all(decompress(packing, pieces(packed, 30_000))))).toBe(digest),
  cut: async (packing: Packing, packed: Uint8Array) =>
    expect(await thrownBy(packing, pieces(packed.subarray(0, -9), 30_000))).toMatchObject({ code: "source.truncated" }),
  "damaged at its beginning, with most of the input unread": async (packing: Packing, packed: Uint8Array) => {
    const damaged = Uint8Array.from(packed).fill(0x55, 3, 40);
    expect(await thrownBy(packing, pieces(damaged, 999))).toBeInstanceOf(Failure);
  },
  "an input that fails": async (packing: Packing, packed: Uint8Array) => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, packed.length >> 1);
      throw new Error("the line is cut");
    }
    expect(await thrownBy(packing, broken())).toEqual(new Error("the line is cut"));
  },
  "a reader that leaves": async (packing: Packing, packed: Uint8Array) => {
    for await (const _ of decompress(packing, pieces(packed, 30_000))) break;
  },
  "a run that is ended": async (packing: Packing, packed: Uint8Array) => {
    const stop = new AbortController();
    const work = thrownBy(packing, pieces(packed, 30_000), stop.signal);
    setImmediate(() => stop.abort(new Error("interrupted")));
    const thrown = await work;
    if (thrown !== undefined) expect(thrown).toMatchObject({ message: "interrupted" });
  },
} as const;

const ENDINGS = [
  "whole",
  "cut",
  "damaged at its beginning, with most of the input unread",
  "an input that fails",
  "a reader that leaves",
  "a run that is ended",
] as const satisfies readonly (keyof typeof ENDS)[];

const thrownBy = async (packing: Packing, input: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<unknown> => {
  try {
    for await (const _ of decompress(packing, input, {}, signal));
  } catch (thrown) {
    return thrown;
  }
  return undefined;
};

/** Every kind with every end, in an order that a seed determines. */
function mixed(seed: number): readonly (readonly [Packing, keyof typeof ENDS])[] {
  const next = random(seed);
  const pairs = KINDS.flatMap((packing) => ENDINGS.map((end) => [packing, end] as const));
  return pairs
    .map((pair) => [next(), pair] as const)
    .sort(([one], [other]) => one - other)
    .map(([, pair]) => pair);
}

test.skipIf(KINDS.length === 0)("jobs of every kind and end after each other and at once", async () => {
  // More than a thread takes or gives at once.
  const raw = disk(400_000);
  const digest = digestOf(raw);
  const packed = new Map(KINDS.map((packing) => [packing, packedAs(packing, raw)] as const));
  /** After each of them one that is whole. */
  const some = async (jobs: ReturnType<typeof mixed>): Promise<void> => {
    for (const [packing, end] of jobs) {
      await ENDS[end](packing, packed.get(packing) ?? raw, digest);
      await ENDS.whole(packing, packed.get(packing) ?? raw, digest);
    }
  };
  for (let round = 1; round <= ROUNDS; round += 1) {
    await some(mixed(round));
    const jobs = mixed(round + 11);
    const third = Math.ceil(jobs.length / 3);
    await Promise.all([0, 1, 2].map((lane) => some(jobs.slice(lane * third, (lane + 1) * third))));
  }
});
