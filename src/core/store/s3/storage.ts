import { identity, isDead, probe } from "../../disk/process.ts";
import type { Holder } from "../../model/state.ts";
import { type OpenRun, REMOTE_PAUSE, type Storage } from "../storage.ts";
import { checkCapabilities } from "./capabilities.ts";
import { lockKey, readControl, type S3Control, type S3Read, showControl } from "./control.ts";
import { listRuns, readJournal, readVersion, versions } from "./history.ts";
import { S3Lease, type Timing, usual } from "./lease.ts";
import type { S3Location } from "./location.ts";
import { Objects, type S3Context } from "./objects.ts";

/**
 * A state in an object store: `KEY`, the document; `KEY.lock`, see control.ts; `KEY.journal/`, what runs did; `KEY.versions/`, former
 * documents. `close` ends the connections.
 */
export function s3Storage(
  place: S3Location,
  context: S3Context,
  timing: Timing = usual,
): { readonly storage: Storage; readonly close: AsyncDisposable } {
  const objects = new Objects(place, context);
  return { storage: storageOf(objects, timing), close: objects };
}

function storageOf(objects: Objects, timing: Timing): Storage {
  const { place } = objects;
  const isExpired = ({ control, age }: S3Read): boolean => age > control.lease + timing.margin;
  const isGone = (read: S3Read): boolean =>
    read.control.holder === undefined || isExpired(read) || isDead(read.control.holder, identity(), probe);
  return {
    canPeek: true,
    pause: REMOTE_PAUSE,
    where: `s3://${place.bucket}/${place.key}`,
    backup: `s3://${place.bucket}/${place.key}.versions/`,
    async read(signal) {
      for (;;) {
        const before = await readControl(objects, signal);
        const found = await objects.document(signal);
        const document = found === undefined ? {} : { document: found };
        if (before.control.open.length === 0) return { ...document, open: [] };
        const { control } = await readControl(objects, signal);
        // A run that ended meanwhile has written the document, or has not: it is read again.
        if (!sameRuns(before.control, control)) continue;
        const open: OpenRun[] = [];
        for (const one of control.open) open.push({ run: one.run, text: await readJournal(objects, one, signal) });
        return { ...document, open };
      }
    },
    async lock(me, signal) {
      for (;;) {
        const before = await readControl(objects, signal);
        const { control, etag } = before;
        if (control.holder !== undefined && !isGone(before)) return { holder: control.holder };
        const mine: S3Control = { ...control, write: `${me.id}/0`, holder: me, lease: timing.lease };
        const got = await objects.put(
          lockKey(place),
          showControl(mine),
          etag === undefined ? "absent" : { match: etag },
          signal,
        );
        const taken = got ?? (await arrived(objects, mine, signal));
        if (taken === undefined) continue;
        const proven = await checkCapabilities(objects, mine, taken, signal);
        return { lease: new S3Lease(objects, me, proven, timing) };
      }
    },
    async holder(signal): Promise<Holder | undefined> {
      const found = await readControl(objects, signal);
      return isExpired(found) ? undefined : found.control.holder;
    },
    async unlock(id, signal) {
      for (;;) {
        const { control, etag } = await readControl(objects, signal);
        if (etag === undefined || control.holder?.id !== id) return false;
        const { holder: _, ...free } = control;
        const next = { ...free, write: `unlock/${crypto.randomUUID()}` };
        if ((await objects.put(lockKey(place), showControl(next), { match: etag }, signal)) !== undefined) return true;
        if ((await readControl(objects, signal)).control.write === next.write) return true;
      }
    },
    runs: async (signal) => await listRuns(objects, (await readControl(objects, signal)).control.open, signal),
    async readRun(run, signal) {
      const { control } = await readControl(objects, signal);
      const open = control.open.find((one) => one.run === run);
      const text = await readJournal(objects, open ?? { run, parts: undefined, tail: "" }, signal);
      return text === "" && open === undefined ? undefined : text;
    },
    versions: async (signal) => await versions(objects, signal),
    readVersion: async (id, signal) => await readVersion(objects, id, signal),
  };
}

/** The tag of a write whose answer was lost: it is there, or another one is. */
async function arrived(objects: Objects, wanted: S3Control, signal: AbortSignal): Promise<string | undefined> {
  const { control, etag } = await readControl(objects, signal);
  return control.write === wanted.write && control.holder?.id === wanted.holder?.id ? etag : undefined;
}

const sameRuns = (a: S3Control, b: S3Control): boolean =>
  a.open.map(({ run }) => run).join() === b.open.map(({ run }) => run).join();
