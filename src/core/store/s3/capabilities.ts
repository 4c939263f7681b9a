import { Failure } from "../../failure.ts";
import { type S3Control, showControl } from "./control.ts";
import type { Objects } from "./objects.ts";

export interface S3Capabilities {
  readonly control: S3Control;
  readonly etag: string;
}

/**
 * Finds out, at the first lock, whether the store honours the conditions of writes: one that does not lets two runs hold the lock.
 * @throws Failure state.lock when it does not; the lock is given back then
 */
export async function checkCapabilities(
  objects: Objects,
  mine: S3Control,
  etag: string,
  signal: AbortSignal,
): Promise<S3Capabilities> {
  const endpoint = await objects.endpoint();
  if (mine.proven === endpoint) return { control: mine, etag };
  const key = `${objects.place.key}.lock`;
  const proven = { ...mine, write: `${mine.holder?.id}/1`, proven: endpoint };
  const text = showControl(mine);
  // Both are to fail; where they do not, they write what is there.
  const ignored =
    (await objects.put(key, text, "absent", signal)) ??
    (await objects.put(key, text, { match: '"00000000000000000000000000000000"' }, signal));
  if (ignored === undefined) {
    const tag = await objects.put(key, showControl(proven), { match: etag }, signal);
    // Nothing but a lost answer can have come between.
    if (tag !== undefined) return { control: proven, etag: tag };
    const found = await objects.get(key, signal);
    if (found?.text === showControl(proven)) return { control: proven, etag: found.etag };
    throw new Failure(
      "state.lost",
      `the lock of s3://${objects.place.bucket}/${objects.place.key} was taken from this run`,
    );
  }
  await objects.delete(key, signal).catch(() => undefined);
  throw new Failure("state.lock", `the object store ${new URL(endpoint).origin} ignores the conditions of writes`, {
    hint: "two runs could hold the lock at once: use a store with If-Match and If-None-Match (AWS, Ceph, MinIO, versitygw), or state over HTTP or in PostgreSQL",
  });
}
