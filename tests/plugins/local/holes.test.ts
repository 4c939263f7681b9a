import { expect, test } from "bun:test";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory } from "../../../src/plugins/local/client.ts";
import { writeWithHoles } from "../../../src/plugins/local/holes.ts";

async function place(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "images-holes-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Data at the beginning, in the middle, and nothing but zeros at the end. */
function disk(): Uint8Array {
  const bytes = new Uint8Array(64 << 20);
  bytes.fill(7, 0, 5000);
  bytes.fill(9, (20 << 20) + 123, (20 << 20) + 70_000);
  return bytes;
}

for (const size of [1 << 20, 1_000_003, 4097]) {
  test(`a blob keeps the holes of a disk that comes in pieces of ${size} bytes`, async () => {
    await using at = await place();
    const store = new Directory(at.path, 0);
    await store.prepare();
    const bytes = disk();
    async function* open(): AsyncGenerator<Uint8Array> {
      // Lent, as a source does: the next piece is in the same buffer.
      const buffer = new Uint8Array(size);
      for (let from = 0; from < bytes.length; from += size) {
        const piece = bytes.subarray(from, from + size);
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
      }
    }
    const blob = await store.blobs.put({ open }, new AbortController().signal);
    expect(blob).toMatchObject({
      size: bytes.length,
      sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    });
    const path = store.at("blobs", blob.sha256);
    expect(Buffer.compare(await Bun.file(path).bytes(), bytes)).toBe(0);
    const { blocks, size: length } = await stat(path);
    expect(length).toBe(bytes.length);
    expect(blocks * 512).toBeLessThan(1 << 20);
  });
}

test("an empty blob, and one of zeros alone", async () => {
  await using at = await place();
  const path = join(at.path, "file");
  const file = await open(path, "wx");
  await writeWithHoles(file, new Uint8Array(0), 0);
  await writeWithHoles(file, new Uint8Array(10_000), 0);
  await file.close();
  expect(await Bun.file(path).bytes()).toEqual(new Uint8Array(10_000));
});
