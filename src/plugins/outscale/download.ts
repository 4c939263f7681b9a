import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import {
  Failure,
  type Host,
  type Identity,
  type ImageId,
  identity,
  isDead,
  type Part,
  probe,
  type ReadContext,
} from "images";
import * as t from "typanion";
import type { OutscaleBucket } from "./bucket.ts";
import type { OutscaleClient, OutscaleFields } from "./client.ts";
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

  /** The root disk, raw. What interrupted exports of this host left of the image in the bucket goes first. */
  async parts(id: ImageId, { signal, note }: ReadContext): Promise<readonly Part[]> {
    const bucket = this.#bucket;
    if (bucket === undefined)
      throw new Failure("config.value", `${this.#host.backend} has no bucket, which exports need`, {
        hint: 'write bucket = "NAME" into the settings of the backend',
      });
    const image = await this.#client.image(id, signal);
    if (image === undefined) throw new Failure("backend.missing", `${id} is gone`, { hint: "plan again" });
    const kept = await clearInterrupted(bucket, id, signal);
    if (kept > 0)
      note(
        `${kept} ${kept === 1 ? "export" : "exports"} of ${id} below ${folderOf(id)} in the bucket: not of this run`,
      );
    const prefix = `${folderOf(id)}${runName()}/`;
    const all = snapshotsOf(image).length;
    if (all > 1) note(`${id} has ${all} volumes: only the root volume is exported`);
    const { accessKey, secretKey } = bucket.access.keys;
    const OsuApiKey = { ApiKeyId: accessKey, SecretKey: secretKey };
    const OsuExport = { DiskImageFormat: "raw", OsuBucket: bucket.name, OsuPrefix: prefix, OsuApiKey };
    try {
      const { TaskId } = await this.#begin({ ImageId: id, OsuExport }, prefix, signal);
      await this.#watch.until(TaskId, (seen) => completed(TaskId, seen), signal);
      const key = rootIn(await bucket.keys(prefix, signal), image);
      return [{ name: `${image.ImageName ?? id}.raw`, format: "raw", open: (now) => bytes(bucket, key, prefix, now) }];
    } catch (thrown) {
      if (!signal.aborted) await bucket.clear(prefix, signal);
      throw thrown;
    }
  }

  /** The task; where the answer was lost, it is found by its prefix. */
  async #begin(fields: OutscaleFields, prefix: string, signal: AbortSignal): Promise<TaskAnswer> {
    try {
      return await this.#client.exportImage(fields, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      const isRefused = thrown instanceof Failure && REFUSED.test(thrown.code);
      if (isRefused) throw thrown;
      for await (const task of this.#client.tasks(signal, {}))
        if (task.OsuExport?.OsuPrefix?.startsWith(prefix) === true) return task;
      throw thrown;
    }
  }
}

/** The server has answered, and has begun nothing. */
const REFUSED = /^backend\.(refused|denied|auth|limits|conflict|missing)$/;

const folderOf = (id: ImageId): string => `images/exports/${id}/`;

/** Each export has a prefix of its own, which says the process that it belongs to. */
function runName(): string {
  const { host, pid, started } = identity();
  return `${Buffer.from(JSON.stringify({ host, pid, started })).toString("base64url")}.${crypto.randomUUID()}`;
}

/** Removes what processes of this host left that are no more; what belongs to others stays. Answers how many those are. */
async function clearInterrupted(bucket: OutscaleBucket, id: ImageId, signal: AbortSignal): Promise<number> {
  const directory = folderOf(id);
  const unfinished = await bucket.unfinished(directory, signal);
  const keys = [...(await bucket.keys(directory, signal)), ...unfinished.map(({ key }) => key)];
  const runs = [...new Set(keys.map((key) => key.slice(directory.length).split("/")[0] ?? ""))];
  const me = identity();
  const dead = runs.filter((run) => {
    const owner = ownerOf(run);
    return owner !== undefined && isDead(owner, me, probe);
  });
  for (const run of dead) await bucket.clear(`${directory}${run}/`, signal);
  return runs.length - dead.length;
}

/** The process of a prefix, as `runName` writes it. */
function ownerOf(run: string): Identity | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(run.split(".")[0] ?? "", "base64url").toString());
    if (!isOwner(value)) return undefined;
    const { started, ...owner } = value;
    return started === undefined ? owner : { ...owner, started };
  } catch {
    return undefined;
  }
}

const isOwner = t.isPartial({ host: t.isString(), pid: t.isNumber(), started: t.isOptional(t.isString()) });

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
