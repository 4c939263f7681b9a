import { expect, test } from "bun:test";
import { handedOut, LENT } from "../../../src/core/format/collection.ts";
import { FlowOfBytes } from "../../../src/core/format/ring.ts";
import { received } from "../../../src/core/source/pieces.ts";

async function* of(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

const made = (count: number, size = 1000): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(size).fill(i + 1));

test("lent pieces are given back once the eighth after them was given, others are not", async () => {
  for (const isLent of [true, false]) {
    const pieces = made(20);
    const seen: number[] = [];
    for await (const piece of handedOut(of(pieces), isLent)) seen.push(piece[0] ?? 0);
    expect(seen).toEqual(pieces.map((_, i) => i + 1));
    expect(pieces.filter(({ length }) => length === 0).length).toBe(isLent ? 20 - LENT : 0);
  }
});

test("what shares its buffer with others is left alone", async () => {
  const whole = new Uint8Array(20_000).fill(7);
  const parts = Array.from({ length: 20 }, (_, i) => whole.subarray(i * 1000, (i + 1) * 1000));
  for await (const piece of handedOut(of(parts), true)) expect(piece.length).toBe(1000);
  expect(whole.length).toBe(20_000);
});

test("what was received is copied, and its memory given back; the piece without bytes is left alone", async () => {
  const empty = new Uint8Array(0);
  const pieces = [...made(3, 300_000), empty, ...made(3, 10)];
  const parts: Uint8Array[] = [];
  for await (const piece of received(of(pieces))) parts.push(piece);
  const all = Buffer.concat(parts);
  expect(all.equals(Buffer.concat([...made(3, 300_000), ...made(3, 10)]))).toBe(true);
  expect(pieces.every(({ length }) => length === 0)).toBe(true);
  expect(pieces.map(({ buffer }) => buffer instanceof ArrayBuffer && buffer.detached)).toEqual([
    ...[true, true, true, false],
    ...[true, true, true],
  ]);
});

test("a large piece that has all of its buffer goes on as it is, after what came before it; a part of a buffer, and all while many flow, is copied", async () => {
  const large = made(2, 600_000);
  const part = new Uint8Array(700_000).fill(9).subarray(0, 600_000);
  const parts: Uint8Array[] = [];
  for await (const piece of received(of([...made(1, 10), ...large, part]))) parts.push(piece);
  expect(parts.map(({ length }) => length)).toEqual([10, 600_000, 600_000, 512 << 10, 600_000 - (512 << 10)]);
  expect(parts.slice(1, 3).map(({ buffer }) => buffer)).toEqual(large.map(({ buffer }) => buffer));
  expect(parts.slice(1, 3).every((piece, i) => piece === large[i])).toBe(true);
  expect(parts.some(({ buffer }) => buffer === part.buffer)).toBe(false);
  expect(Buffer.concat(parts).equals(Buffer.concat([...made(1, 10), ...made(2, 600_000), part]))).toBe(true);
  const flows = Array.from({ length: 15 }, () => new FlowOfBytes());
  for await (const piece of received(of(large))) expect(piece.length).toBeLessThanOrEqual(128 << 10);
  for (const flow of flows) flow[Symbol.dispose]();
});
