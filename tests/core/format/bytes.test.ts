import { describe, expect, test } from "bun:test";
import { ByteReader, type ByteStream, bytesOf, gathered, peek } from "../../../src/core/format/bytes.ts";
import { inOrder } from "../../../src/core/format/in-order.ts";
import { isZero, plain, sparse } from "../../../src/core/format/segment.ts";
import { all, codeOf, digestOf, disk, pieces } from "./tools.ts";

/** A stream that tells how often it was asked and whether it was closed. */
function watched(bytes: Uint8Array): {
  readonly input: ByteStream;
  readonly seen: { pulled: number; closed: boolean };
} {
  const seen = { pulled: 0, closed: false };
  async function* input(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of pieces(bytes, 100)) {
        seen.pulled += piece.length;
        yield piece;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { input: input(), seen };
}

describe("a reader of bytes", () => {
  const bytes = disk(50_000);

  test("gives counts, whatever the pieces are", async () => {
    await using reader = new ByteReader(pieces(bytes, 700));
    expect(await reader.peek(1000)).toEqual(bytes.subarray(0, 1000));
    expect(await reader.exact(600, "it")).toEqual(bytes.subarray(0, 600));
    expect(reader.offset).toBe(600);
    const taken = await reader.take(5000);
    reader.unread(taken.subarray(1000));
    expect(reader.offset).toBe(1600);
    await reader.skip(400, "it");
    expect(await all(reader.rest())).toEqual(bytes.subarray(2000));
    expect(await reader.take(1)).toHaveLength(0);
  });

  test("names what is cut off", async () => {
    await using reader = new ByteReader(bytesOf(bytes));
    expect(await codeOf(reader.exact(bytes.length + 1, "it"))).toBe("source.truncated");
  });

  test("takes no more than it needs, and closes what it reads", async () => {
    const { input, seen } = watched(bytes);
    {
      await using reader = new ByteReader(input);
      await reader.take(1000);
      expect(seen.pulled).toBeLessThan(1200);
    }
    expect(seen.closed).toBe(true);
  });

  test("stops at a signal", async () => {
    const stop = new AbortController();
    await using reader = new ByteReader(pieces(bytes, 100), stop.signal);
    await reader.take(500);
    stop.abort(new Error("enough"));
    await expect(reader.take(1000)).rejects.toThrow("enough");
  });

  test("looks ahead and gives back the whole", async () => {
    const { head, whole } = await peek(pieces(bytes), 3000);
    expect(head).toEqual(bytes.subarray(0, 3000));
    expect(digestOf(await all(whole))).toBe(digestOf(bytes));
    expect((await peek(bytesOf(bytes.subarray(0, 10)), 3000)).head).toHaveLength(10);
  });

  test("closes the input when the whole is left early, even before its first piece", async () => {
    for (const first of [true, false]) {
      const { input, seen } = watched(bytes);
      const { whole } = await peek(input, 10);
      if (first) for await (const _ of whole) break;
      else await whole[Symbol.asyncIterator]().return?.();
      expect(seen.closed).toBe(true);
    }
  });

  test("gathers small pieces", async () => {
    const sizes: number[] = [];
    for await (const piece of gathered(pieces(bytes, 50), 4096)) sizes.push(piece.length);
    expect(sizes.slice(0, -1).every((size) => size === 4096)).toBe(true);
    // Each holds until the next.
    const hash = new Bun.CryptoHasher("sha256");
    for await (const piece of gathered(pieces(bytes, 50), 4096)) hash.update(piece);
    expect(hash.digest("hex")).toBe(digestOf(bytes));
  });
});

describe("work on several items at once", () => {
  test("keeps the order and the number under way", async () => {
    let running = 0;
    let most = 0;
    const work = async (item: number): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      await Bun.sleep(item % 3);
      running -= 1;
      return item * 2;
    };
    const results: number[] = [];
    for await (const result of inOrder(
      Array.from({ length: 20 }, (_, index) => index),
      4,
      work,
    ))
      results.push(result);
    expect(results).toEqual(Array.from({ length: 20 }, (_, index) => index * 2));
    expect(most).toBe(4);
  });

  test("fails with the first failure in order", async () => {
    const work = async (item: number): Promise<number> => {
      if (item === 3) throw new Error("three");
      return item;
    };
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const result of inOrder([1, 2, 3, 4, 5], 3, work)) seen.push(result);
    };
    await expect(run()).rejects.toThrow("three");
    await run().catch(() => undefined);
    expect(seen.slice(0, 2)).toEqual([1, 2]);
  });
});

describe("segments", () => {
  test("are the bytes again, and leave out what is zero", async () => {
    const bytes = disk(3_000_001);
    expect(digestOf(await all(plain(sparse(pieces(bytes)))))).toBe(digestOf(bytes));
    let zero = 0;
    let at = 0;
    for await (const segment of sparse(pieces(bytes), undefined, 512)) {
      expect(segment.offset).toBe(at);
      at += segment.kind === "zero" ? segment.length : segment.data.length;
      if (segment.kind === "zero") zero += segment.length;
    }
    expect(at).toBe(bytes.length);
    expect(zero).toBeGreaterThan(bytes.length / 5);
  });

  test("see a single byte that is not zero", () => {
    const bytes = new Uint8Array(3 << 20);
    expect(isZero(bytes)).toBe(true);
    for (const at of [0, 1, (1 << 20) - 1, 1 << 20, bytes.length - 1]) {
      bytes[at] = 1;
      expect(isZero(bytes)).toBe(false);
      bytes[at] = 0;
    }
  });
});
