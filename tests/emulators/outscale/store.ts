import { S3Client } from "bun";
import type { ObjectStore } from "./world.ts";

export interface StoreKey {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Pre-signed URLs in a manifest are good for seven days. */
const WEEK_S = 7 * 24 * 3600;

/** A bucket of the object store, as the cloud's own exports write to it. */
export class Bucket {
  readonly #client: S3Client;
  readonly #place: string;

  constructor(store: ObjectStore, key: StoreKey, bucket: string) {
    this.#place = `${store.endpoint}/${bucket}`;
    this.#client = new S3Client({
      endpoint: store.endpoint,
      region: store.region,
      accessKeyId: key.accessKey,
      secretAccessKey: key.secretKey,
      bucket,
    });
  }

  /** Gives the number of bytes written. */
  async putFile(key: string, path: string): Promise<number> {
    return await this.#client.write(key, Bun.file(path), { type: "application/octet-stream" });
  }

  async putJson(key: string, value: unknown): Promise<void> {
    await this.#client.write(key, JSON.stringify(value, undefined, 2), { type: "application/json" });
  }

  presigned(key: string): string {
    return this.#client.presign(key, { method: "GET", expiresIn: WEEK_S });
  }

  url(key: string): string {
    return `${this.#place}/${key}`;
  }
}
