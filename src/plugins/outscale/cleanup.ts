import { type Address, type Context, Failure, type ImageId, type ReadContext, sha256 } from "images";
import type { OutscaleBucket } from "./bucket.ts";
import { isImageId, isSnapshotId, type OutscaleClient } from "./client.ts";
import { goesWith, imageFilter, snapshotText, tokenIn } from "./marker.ts";

/** The id, in the state, of an image of which there is only an object in the bucket so far. */
const OBJECT = "object:";
export const objectId = (key: string): string => `${OBJECT}${key}`;
const isObject = (id: string): boolean => id.startsWith(OBJECT);
/** Whether an id is that of something on the way to becoming an image. */
export const isIntermediate = (id: string): boolean => isObject(id) || isSnapshotId(id);

/** Where the objects of an address are, while they are needed. Each upload has a key of its own there. */
export function prefixOf(file: string, address: Address): string {
  const words = `${file}/${address}`.replaceAll(/[^A-Za-z0-9._/-]/g, "_").slice(0, 300);
  return `images/${words}-${sha256(`${file}\n${address}`).slice(0, 8)}/`;
}

/** What was made on the way to images, and what they were made of. */
export class SnapshotCleanup {
  readonly #client: OutscaleClient;
  readonly #bucket: OutscaleBucket | undefined;
  readonly #file: string;
  /** What goes with images that are replaced just now, and stays until the new ones are available. */
  readonly #replaced = new Map<ImageId, readonly string[]>();

  constructor(client: OutscaleClient, bucket: OutscaleBucket | undefined, file: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#file = file;
  }

  /** What the image that is replaced was made of stays until the new one is available. */
  async deferring<T>(context: Context, make: (stands?: () => Promise<void>) => Promise<T>): Promise<T> {
    const { replaces, retireOld } = context;
    if (replaces === undefined || retireOld === undefined) return await make();
    this.#replaced.set(replaces, []);
    try {
      return await make(async () => {
        const left = this.#replaced.get(replaces) ?? [];
        this.#replaced.delete(replaces);
        await this.clear(replaces, left, context);
      });
    } finally {
      this.#replaced.delete(replaces);
    }
  }

  /** What there still is of something that is no image yet, or none any more: ids that are found by its own id. */
  async of(id: string, address: Address, signal: AbortSignal): Promise<readonly string[]> {
    if (isImageId(id)) return await this.#tagged(id, signal);
    if (!isIntermediate(id)) return [];
    const token = isObject(id) ? /-([0-9a-f-]{36})\.\w+$/.exec(id)?.[1] : await this.#token(id, address, signal);
    if (token === undefined) return [];
    if (isObject(id)) return await this.#called(snapshotText(this.#file, address, token), signal);
    const keys = (await this.#bucket?.keys(prefixOf(this.#file, address), signal)) ?? [];
    return keys.filter((key) => key.includes(token)).map(objectId);
  }

  /** Takes away something on the way to an image. A snapshot has to be one that was made for the address. */
  async remove(id: string, address: Address, context: Pick<Context, "signal" | "note">): Promise<void> {
    if (isObject(id)) return await this.#bucket?.clear(id.slice(OBJECT.length), context.signal);
    if ((await this.#token(id, address, context.signal)) !== undefined) await this.#removeSnapshot(id, context);
  }

  /** Takes away what goes with an image. What another image uses stays. */
  async clear(id: ImageId, owned: readonly string[], context: Pick<Context, "signal" | "note">): Promise<void> {
    if (this.#replaced.has(id)) {
      this.#replaced.set(id, owned);
      return;
    }
    const { signal } = context;
    for (const object of owned.filter(isObject)) await this.#bucket?.clear(object.slice(OBJECT.length), signal);
    const snapshots = owned.filter(isSnapshotId);
    if (snapshots.length === 0) return;
    const used = new Map<string, string>();
    for await (const { ImageId, BlockDeviceMappings } of this.#client.images(signal, {
      BlockDeviceMappingSnapshotIds: snapshots,
    }))
      for (const { Bsu } of BlockDeviceMappings ?? []) if (Bsu?.SnapshotId != null) used.set(Bsu.SnapshotId, ImageId);
    for (const snapshot of snapshots) {
      const user = used.get(snapshot);
      if (user === undefined) await this.#removeSnapshot(snapshot, context);
      else context.note(`${snapshot} is kept: in use by ${user}`);
    }
  }

  async #tagged(image: string, signal: AbortSignal): Promise<readonly string[]> {
    const found: string[] = [];
    for await (const { SnapshotId, Tags } of this.#client.snapshots(signal, { Tags: [imageFilter(image)] }))
      if (goesWith(Tags ?? [], image)) found.push(SnapshotId);
    return found;
  }

  async #called(text: string, signal: AbortSignal): Promise<readonly string[]> {
    const found: string[] = [];
    for await (const { SnapshotId, Description } of this.#client.snapshots(signal, { Descriptions: [text] }))
      if (Description === text) found.push(SnapshotId);
    return found;
  }

  /** The token of the upload that a snapshot was made of, if that was for the address. */
  async #token(id: string, address: Address, signal: ReadContext["signal"]): Promise<string | undefined> {
    for await (const { SnapshotId, Description } of this.#client.snapshots(signal, { SnapshotIds: [id] })) {
      const token = tokenIn(Description ?? "");
      const isIts = token !== undefined && Description === snapshotText(this.#file, address, token);
      if (SnapshotId === id && isIts) return token;
    }
    return undefined;
  }

  async #removeSnapshot(id: string, { signal, note }: Pick<Context, "signal" | "note">): Promise<void> {
    await this.#client.deleteSnapshot(id, signal).catch((thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.code !== "backend.conflict") throw thrown;
      note(`${id} is kept: it is in use`);
    });
  }
}
