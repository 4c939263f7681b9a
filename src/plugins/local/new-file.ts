import { type FileHandle, open } from "node:fs/promises";
import type { Disk } from "./disk.ts";
import { FileWithHoles, hasHoles } from "./holes.ts";

/** Bytes that are held until all of them are there, and then written by one call. */
const SMALL = 64 << 10;

/** A file that comes into being while its bytes come: a small one when they have all come. */
export class NewFile {
  /** Bytes that were given. */
  size = 0;
  readonly path: string;
  readonly #disk: Disk;
  readonly #held: Uint8Array[] = [];
  #handle: FileHandle | undefined;
  #out: FileWithHoles | undefined;

  constructor(path: string, disk: Disk) {
    this.path = path;
    this.#disk = disk;
  }

  /** The piece holds until the fourth after it is given. Rejects with what is wrong with it or an earlier one. */
  async write(piece: Uint8Array): Promise<void> {
    const isHeld = this.#out === undefined && this.size + piece.byteLength <= SMALL;
    this.size += piece.byteLength;
    if (isHeld) this.#held.push(new Uint8Array(piece));
    else await (this.#out ?? (await this.#opened())).append(piece);
  }

  /** All of it is on the disk, but for its name. */
  async sync(): Promise<void> {
    const whole = this.#out === undefined ? this.#whole() : undefined;
    if (whole !== undefined && !hasHoles(whole)) await this.#disk.createDurable(this.path, whole);
    else await (await this.#opened()).sync();
  }

  #whole(): Uint8Array {
    const [only] = this.#held;
    return only !== undefined && this.#held.length === 1 ? only : Buffer.concat(this.#held);
  }

  async close(): Promise<void> {
    await this.#out?.[Symbol.asyncDispose]();
    await this.#handle?.close();
  }

  async #opened(): Promise<FileWithHoles> {
    if (this.#out !== undefined) return this.#out;
    this.#handle = await open(this.path, "wx");
    this.#out = new FileWithHoles(this.#handle);
    for (const piece of this.#held.splice(0)) await this.#out.append(piece);
    return this.#out;
  }
}
