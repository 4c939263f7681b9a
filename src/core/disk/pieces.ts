import { createHash } from "node:crypto";
import type { ReadableFile } from "./regular.ts";

type Readable = Pick<ReadableFile, "read">;

/** Small enough that many large files may be hashed at once. */
const PIECE = 256 << 10;

/** All bytes of an open file from its beginning, also where some of them have been read. A piece lasts until the next one. */
export async function* piecesOf(file: Readable, size: number = PIECE): AsyncGenerator<Buffer> {
  const room = Buffer.allocUnsafeSlow(size);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(room, 0, size, at);
    if (bytesRead === 0) return;
    yield room.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** The SHA-256 of all bytes of an open file, in hex; the file stays open. */
export async function sha256OfFile(file: Readable): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of piecesOf(file)) hash.update(piece);
  return hash.digest("hex");
}
