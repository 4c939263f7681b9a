import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Failure, type Host, type ImageId, type Part, type Reading } from "images";
import type { OutscaleBucket } from "./bucket.ts";
import type { OutscaleClient } from "./client.ts";
import { snapshotsOf } from "./image.ts";
import { OutscaleWatch } from "./watch.ts";
import type { OmiAnswer, TaskAnswer } from "./wire.ts";

/** The disk of an image through an export task: Outscale writes it into the bucket, from where it is read and removed. */
export class Exports {
  readonly #client: OutscaleClient;
  readonly #bucket: OutscaleBucket | undefined;
  readonly #host: Pick<Host, "backend">;
  readonly #watch: OutscaleWatch<TaskAnswer>;

  constructor(client: OutscaleClient, bucket: OutscaleBucket | undefined, host: Pick<Host, "backend">) {
    this.#client = client;
    this.#bucket = bucket;
    this.#host = host;
    this.#watch = new OutscaleWatch<TaskAnswer>(async (ids, signal) => {
      const seen = await Array.fromAsync(client.tasks(signal, { TaskIds: ids }));
      return new Map(seen.map((one) => [one.TaskId, one]));
    });
  }

  /** The root disk, raw. What an interrupted export of the image left in the bucket goes first. */
  async parts(id: ImageId, { signal, note }: Reading): Promise<readonly Part[]> {
    const bucket = this.#bucket;
    if (bucket === undefined)
      throw new Failure("config.value", `${this.#host.backend} has no bucket, which exports need`, {
        hint: 'write bucket = "NAME" into the settings of the backend',
      });
    const image = await this.#client.image(id, signal);
    if (image === undefined) throw new Failure("backend.missing", `${id} is gone`, { hint: "plan again" });
    const prefix = `images/exports/${id}/`;
    await bucket.clear(prefix, signal);
    const all = snapshotsOf(image).length;
    if (all > 1) note(`${id} has ${all} volumes: only the root volume is exported`);
    const { accessKey, secretKey } = bucket.access.keys;
    const { TaskId } = await this.#client.exportImage(
      {
        ImageId: id,
        OsuExport: {
          DiskImageFormat: "raw",
          OsuBucket: bucket.name,
          OsuPrefix: prefix,
          OsuApiKey: { ApiKeyId: accessKey, SecretKey: secretKey },
        },
      },
      signal,
    );
    try {
      await this.#watch.until(TaskId, (seen) => completed(TaskId, seen), signal);
      const key = rootIn(await bucket.keys(prefix, signal), image);
      return [{ name: `${image.ImageName ?? id}.raw`, format: "raw", open: (now) => bytes(bucket, key, prefix, now) }];
    } catch (thrown) {
      if (!signal.aborted) await bucket.clear(prefix, signal);
      throw thrown;
    }
  }
}

function completed(id: string, seen: TaskAnswer | undefined): true | undefined {
  if (seen?.State === "completed") return true;
  if (seen !== undefined && seen.State !== "failed" && seen.State !== "cancelled") return undefined;
  const why = seen?.Comment == null || seen.Comment === "" ? "" : `: ${seen.Comment}`;
  throw new Failure("backend.unmade", `the export task ${id} ${seen?.State ?? "is gone"}${why}`, {
    hint: "check that the keys can write to the bucket",
  });
}

/** The object with the root disk among those of an export: its name has the id of the snapshot. */
function rootIn(keys: readonly string[], image: OmiAnswer): string {
  const root = image.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === image.RootDeviceName);
  const snapshot = root?.Bsu?.SnapshotId ?? snapshotsOf(image)[0];
  const found = keys.find((key) => snapshot !== undefined && key.includes(snapshot));
  if (found !== undefined) return found;
  throw new Failure(
    "backend.answer",
    `the export of ${image.ImageId} has no disk of ${snapshot ?? "its root device"}`,
    {
      hint: "check whether the object still exists in the bucket",
    },
  );
}

/** Unpacked while it is read; once it was read to its end the bucket has nothing of it. */
async function* bytes(
  bucket: OutscaleBucket,
  key: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const packed = bucket.get(key, signal);
  if (!key.endsWith(".gz")) yield* packed;
  else {
    const gunzip = createGunzip();
    const flowing = Readable.from(packed).on("error", (error) => gunzip.destroy(error));
    for await (const piece of flowing.pipe(gunzip)) if (piece instanceof Uint8Array) yield piece;
  }
  await bucket.clear(prefix, signal);
}
