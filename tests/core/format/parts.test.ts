import { expect, setDefaultTimeout, test } from "bun:test";
import { MemoryPressure } from "../../../src/core/format/memory-pressure.ts";
import { type HeldPart, inParts } from "../../../src/core/format/parts.ts";

setDefaultTimeout(120_000);

const MIB = 1 << 20;
const { signal } = new AbortController();

async function* noise(size: number, piece = 300_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += piece)
    yield new Uint8Array(Math.min(piece, size - at)).map((_, i) => (at + i) % 251);
}

async function* plain(size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += MIB) yield new Uint8Array(MIB);
}

/** Resolves once nothing more comes. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test("parts have the sizes that were asked for, and the bytes in their request", async () => {
  const sizes: number[] = [];
  const bytes: number[] = [];
  for await (const part of inParts(noise(2_500_000, 70_001), (n) => n * 1_000_000, signal)) {
    expect(part.n).toBe(sizes.length + 1);
    sizes.push(part.bytes.length);
    bytes.push(part.bytes[0] ?? -1, part.bytes.at(-1) ?? -1);
    part.release();
  }
  expect(sizes).toEqual([1_000_000, 1_500_000]);
  const [first, second] = [999_999, 1_000_000].map((at) => (at % 70_001) + Math.floor(at / 70_001) * 70_001);
  expect(bytes).toEqual([0, (first ?? 0) % 251, (second ?? 0) % 251, 2_499_999 % 251]);
  for await (const _ of inParts(noise(0), () => MIB, signal)) throw new Error("no bytes, no part");
});

/** The most parts that eight uploads at once hold together. */
async function mostHeld(size: number): Promise<number> {
  const held = new Set<HeldPart>();
  let most = 0;
  let ended = 0;
  const upload = async () => {
    for await (const part of inParts(plain(40 * MIB), () => size, signal)) {
      held.add(part);
      most = Math.max(most, held.size);
      await settled();
      held.delete(part);
      part.release();
    }
    ended += 1;
  };
  await Promise.all(Array.from({ length: 8 }, upload));
  expect(ended).toBe(8);
  return most;
}

test("eight uploads hold no more parts together than there is room for, and all of them end", async () => {
  expect(await mostHeld(5 * MIB)).toBe(2);
});

test("beside a dictionary as xz -9 has it, parts go one after the other, of any size, and one buffer is kept", async () => {
  const before = await Array.fromAsync(inParts(plain(10 * MIB), () => 5 * MIB, signal));
  const going = inParts(plain(15 * MIB), () => 5 * MIB, signal);
  const next = going.next();
  for (const part of before) part.release();
  (await next).value?.release();
  const buffers = before.map(({ bytes }) => bytes.buffer);
  expect(buffers.map(({ byteLength }) => byteLength)).toEqual([5 * MIB, 5 * MIB]);
  {
    using _ = MemoryPressure.of(65 * MIB);
    expect(await mostHeld(5 * MIB)).toBe(1);
    expect(await mostHeld(12 * MIB)).toBe(1);
    for await (const part of going) part.release();
    expect(buffers.map(({ byteLength }) => byteLength)).toEqual([0, 0]);
  }
  expect(await mostHeld(5 * MIB)).toBe(2);
});

test("a buffer is used again once its part was sent, and not where it was not", async () => {
  const [kept] = await Array.fromAsync(inParts(plain(3 * MIB), () => 3 * MIB, signal));
  const second = inParts(plain(6 * MIB), () => 3 * MIB, signal);
  const buffers: ArrayBufferLike[] = [];
  for await (const part of second) {
    buffers.push(part.bytes.buffer);
    part.release(buffers.length > 2);
  }
  expect(new Set(buffers).size).toBe(2);
  const third: ArrayBufferLike[] = [];
  for await (const part of inParts(plain(9 * MIB), () => 3 * MIB, signal)) {
    third.push(part.bytes.buffer);
    part.release();
  }
  expect(new Set(third).size).toBe(1);
  kept?.release();
});

test("buffers stay while an upload goes on, and are given back with the last", async () => {
  const first = inParts(plain(3 * MIB), () => 3 * MIB, signal);
  const sent = (await first.next()).value;
  if (sent === undefined) throw new Error("there is no part");
  const { buffer } = sent.bytes;
  sent.release();
  // Nothing is held just now, but the upload goes on.
  expect(buffer.byteLength).toBe(3 * MIB);
  expect((await first.next()).done).toBe(true);
  expect(buffer.byteLength).toBe(0);
  const [late] = await Array.fromAsync(inParts(plain(3 * MIB), () => 3 * MIB, signal));
  late?.release();
  expect(late?.bytes.byteLength).toBe(0);
});

test("what waits for room ends with its signal, and who stops early gives the room back", async () => {
  const stop = new AbortController();
  const parts = await Array.fromAsync(inParts(plain(10 * MIB), () => 5 * MIB, signal));
  expect(parts.length).toBe(2);
  const waiting = inParts(noise(MIB), () => 5 * MIB, stop.signal).next();
  await settled();
  stop.abort(new Error("interrupted"));
  await expect(waiting).rejects.toThrow("interrupted");
  for (const part of parts) part.release(false);
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(MIB);
    throw new Error("the line is cut");
  }
  for (let i = 0; i < 5; i += 1)
    await expect(inParts(cut(), () => 16 * MIB, signal).next()).rejects.toThrow("the line is cut");
});
