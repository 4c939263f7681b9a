import { type FileHandle, open } from "node:fs/promises";
import type { Disk } from "./disk.ts";
import { hasHoles, writeWithHoles } from "./holes.ts";

/** Bytes that are held until all of them are there, and then written by one call. */
const SMALL = 64 << 10;

/** A file that comes into being while its bytes come: a small one when they have all come. */
export class NewFile {
  readonly path: string;
  readonly #disk: Disk;
  readonly #held: Uint8Array[] = [];
  #file: FileHandle | undefined;
  #size = 0;

  constructor(path: string, disk: Disk) {
    this.path = path;
    this.#disk = disk;
  }

  get size(): number {
    return this.#size;
  }

  /** The piece may be overwritten afterwards. */
  async write(piece: Uint8Array): Promise<void> {
    const isHeld = this.#file === undefined && this.#size + piece.byteLength <= SMALL;
    if (isHeld) this.#held.push(new Uint8Array(piece));
    else await writeWithHoles(await this.#opened(), piece, this.#size);
    this.#size += piece.byteLength;
  }

  /** All of it is on the disk, but for its name. */
  async sync(): Promise<void> {
    const whole = this.#file === undefined ? Buffer.concat(this.#held) : undefined;
    if (whole !== undefined && !hasHoles(whole)) await this.#disk.create(this.path, whole, { durable: true });
    else await (await this.#opened()).sync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #opened(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file;
    this.#file = await open(this.path, "wx");
    let at = 0;
    for (const piece of this.#held.splice(0)) {
      await writeWithHoles(this.#file, piece, at);
      at += piece.byteLength;
    }
    return this.#file;
  }
}
