import { type Context, Failure, imageId } from "images";
import { change, permissionChanges } from "./changes.ts";
import type { OutscaleClient, OutscaleFields, OutscaleTag } from "./client.ts";
import { markOf, snapshotsOf } from "./image.ts";
import { marksOf, withMark } from "./marker.ts";
import type { MappingAnswer, OmiAnswer } from "./wire.ts";

/** Milliseconds for it: the run may have been stopped, and what was deleted for its sake is put back all the same. */
const PATIENCE = 300_000;

/**
 * Registers an image again that was deleted for a successor which could not be made: from its own snapshots, and with all that it had but
 * its id.
 * @param failed what there is of the successor, which has the name
 * @param owner tags by which the snapshots of an image are found later
 */
export async function restore(
  client: OutscaleClient,
  old: OmiAnswer,
  failed: string | undefined,
  owner: (image: string) => readonly OutscaleTag[],
  context: Pick<Context, "nonce" | "note" | "restored">,
): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    if (failed !== undefined) await clear(client, failed, owner(failed), signal);
    const { mark: marker, description, snapshots } = markOf(old);
    const line = marker === undefined ? undefined : { ...marker, self: `~${context.nonce}` };
    const made = await client.createImage(fieldsOf(old, withMark(description, line, snapshots)), signal);
    const id = made.ImageId;
    await context.restored?.(imageId(id));
    context.note(`${old.ImageId} could not be replaced: it is registered again from its snapshots, as ${id}`);
    const marks = marker === undefined ? [] : marksOf({ ...marker, self: id }, snapshots);
    const others = (old.Tags ?? []).filter(({ Key }) => marks.every((tag) => tag.Key !== Key));
    if (snapshots === "own") await client.createTags(snapshotsOf(made), owner(id), signal);
    await client.createTags([id], [...marks, ...others], signal);
    const { AccountIds, GlobalPermission } = old.PermissionsToLaunch ?? {};
    const shared = { account_ids: AccountIds ?? [], global: GlobalPermission === true };
    const words = marker === undefined ? [] : [{ Description: description }];
    await change(client, id, [...words, ...permissionChanges(made, shared)], signal);
  } catch (thrown) {
    const why = thrown instanceof Failure ? thrown.message : String(thrown);
    context.note(`${old.ImageId} is deleted and could not be registered again (${why})`);
  }
}

async function clear(
  client: OutscaleClient,
  id: string,
  owner: readonly OutscaleTag[],
  signal: AbortSignal,
): Promise<void> {
  const found = await client.image(id, signal);
  if (found === undefined) return;
  if (markOf(found).snapshots === "own") await client.createTags(snapshotsOf(found), owner, signal);
  await client.deleteImage(id, signal);
}

const fieldsOf = (old: OmiAnswer, description: string): OutscaleFields =>
  said({
    ImageName: old.ImageName,
    Description: description === "" ? undefined : description,
    BlockDeviceMappings: (old.BlockDeviceMappings ?? []).map(mappingOf),
    RootDeviceName: old.RootDeviceName,
    Architecture: old.Architecture,
    BootModes: old.BootModes?.length === 0 ? undefined : old.BootModes,
    TpmMandatory: old.TpmMandatory,
    ProductCodes: old.ProductCodes?.length === 0 ? undefined : old.ProductCodes,
  });

function mappingOf({ DeviceName, VirtualDeviceName, Bsu }: MappingAnswer): OutscaleFields {
  if (Bsu == null) return said({ DeviceName, VirtualDeviceName });
  const { SnapshotId, VolumeSize, VolumeType, Iops, DeleteOnVmDeletion } = Bsu;
  // The API tells it of gp2 as well, and takes it of io1 only.
  const iops = VolumeType === "io1" ? Iops : undefined;
  const volume = said({ SnapshotId, VolumeSize, VolumeType, Iops: iops, DeleteOnVmDeletion });
  return said({ DeviceName, VirtualDeviceName, Bsu: volume });
}

const said = (fields: OutscaleFields): OutscaleFields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
