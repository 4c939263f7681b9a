import { expect, test } from "bun:test";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory } from "../../../src/plugins/local/client.ts";
import { FileWithHoles } from "../../../src/plugins/local/holes.ts";

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
    async function* lend(): AsyncGenerator<Uint8Array> {
      // Lent, as a source does: the fourth piece after each is in the same buffer.
      const buffers = Array.from({ length: 4 }, () => new Uint8Array(size));
      for (let from = 0; from < bytes.length; from += size) {
        const piece = bytes.subarray(from, from + size);
        const buffer = buffers[(from / size) % 4] ?? piece;
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
      }
    }
    const blob = await store.blobs.put({ open: lend, lend }, new AbortController().signal);
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
  await using out = new FileWithHoles(file);
  await out.append(new Uint8Array(0));
  await out.append(new Uint8Array(10_000));
  await out.sync();
  await file.close();
  expect(await Bun.file(path).bytes()).toEqual(new Uint8Array(10_000));
});

test("what is wrong with a write that was not waited for is thrown, and no other one goes on", async () => {
  await using at = await place();
  const path = join(at.path, "file");
  await Bun.write(path, "");
  const file = await open(path, "r");
  await using out = new FileWithHoles(file);
  const work = async () => {
    for (let i = 0; i < 10; i += 1) await out.append(new Uint8Array(10_000).fill(1));
  };
  await expect(work()).rejects.toThrow("EBADF");
  expect(out.size).toBeLessThan(100_000);
  await using short = new FileWithHoles(file);
  await short.append(new Uint8Array(10_000).fill(1));
  await expect(short.sync()).rejects.toThrow("EBADF");
  await file.close();
});
