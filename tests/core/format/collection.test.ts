import { expect, test } from "bun:test";
import { handedOut, LENT } from "../../../src/core/format/collection.ts";
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
