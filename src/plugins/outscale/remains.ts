import { type Address, type Context, Failure, type ImageId, sha256 } from "images";
import type { Bucket } from "./bucket.ts";
import { type Client, isSnapshotId } from "./client.ts";
import { isMadeFor, ownerFilter, snapshotText } from "./mark.ts";

/** The id, in the state, of an image of which there is only an object in the bucket so far. */
const OBJECT = "object:";
export const objectId = (key: string): string => `${OBJECT}${key}`;
/** Whether an id is that of something on the way to becoming an image. */
export const isIntermediate = (id: string): boolean => id.startsWith(OBJECT) || isSnapshotId(id);

/** Where the objects of an address are, while they are needed: a later run finds them there, and nothing of anybody else. */
export function prefixOf(file: string, address: Address): string {
  const words = `${file}/${address}`.replaceAll(/[^A-Za-z0-9._/-]/g, "_").slice(0, 300);
  return `images/${words}-${sha256(`${file}\n${address}`).slice(0, 8)}/`;
}

/** What was made on the way to images, and what they were made of. */
export class Remains {
  readonly #client: Client;
  readonly #bucket: Bucket | undefined;
  readonly #file: string;
  readonly #replaced = new Set<ImageId>();

  constructor(client: Client, bucket: Bucket | undefined, file: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#file = file;
  }

  /** What the image that is replaced was made of stays until the new one is available. */
  async deferring<T>(context: Context, make: (stands?: () => Promise<void>) => Promise<T>): Promise<T> {
    const { replaces, retireOld } = context;
    if (replaces === undefined || retireOld === undefined) return await make();
    this.#replaced.add(replaces);
    try {
      return await make(async () => {
        this.#replaced.delete(replaces);
        await this.clear(replaces, context);
      });
    } finally {
      this.#replaced.delete(replaces);
    }
  }

  /** Takes away what is left of images of an address: its objects, and snapshots of ours that no image uses. */
  async clear(id: ImageId, context: Pick<Context, "address" | "signal" | "note">): Promise<void> {
    const { address, signal } = context;
    if (this.#replaced.has(id)) return;
    if (isIntermediate(id) && this.#bucket !== undefined)
      await this.#bucket.clear(prefixOf(this.#file, address), signal);
    const found = await this.snapshots(address, signal);
    if (found.length === 0) return;
    const used = new Set<string>();
    for await (const { BlockDeviceMappings } of this.#client.images(signal, { BlockDeviceMappingSnapshotIds: found }))
      for (const { Bsu } of BlockDeviceMappings ?? []) if (Bsu?.SnapshotId != null) used.add(Bsu.SnapshotId);
    for (const snapshot of found) if (!used.has(snapshot)) await this.#remove(snapshot, context);
  }

  /** The snapshots that were made for an address, used or not. */
  async snapshots(address: Address, signal: AbortSignal): Promise<readonly string[]> {
    const text = snapshotText(this.#file, address);
    const found = new Set<string>();
    for await (const { SnapshotId, Description } of this.#client.snapshots(signal, { Descriptions: [text] }))
      if (Description === text) found.add(SnapshotId);
    for await (const { SnapshotId, Tags } of this.#client.snapshots(signal, { Tags: [ownerFilter(address)] }))
      if (isMadeFor(Tags ?? [], this.#file, address)) found.add(SnapshotId);
    return [...found];
  }

  async #remove(id: string, { signal, note }: Pick<Context, "signal" | "note">): Promise<void> {
    await this.#client.deleteSnapshot(id, signal).catch((thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.code !== "backend.conflict") throw thrown;
      note(`${id} is kept: something uses it`);
    });
  }
}
