import { type Context, type Desired, Failure, type Host, imageId, type Source } from "images";
import type { OutscaleBucket } from "./bucket.ts";
import { change, permissionChanges } from "./changes.ts";
import type { OutscaleClient, OutscaleFields, OutscaleTag } from "./client.ts";
import { fieldsOf, isOwn, mappingsOf, mappingsWith, markOf, nameOf, rootOf, snapshotsOf } from "./image.ts";
import { marksOf, type Snapshots, snapshotTags, withMark } from "./marker.ts";
import { restore } from "./restore.ts";
import type { Omi } from "./schema.ts";
import type { OmiUploads } from "./upload.ts";
import { permissionsOf, tagsOf } from "./values.ts";
import type { OutscaleWatch } from "./watch.ts";
import type { OmiAnswer } from "./wire.ts";

/** Seconds that Outscale has to read a manifest that is signed here. */
const A_DAY = 86_400;

/** Makes images, from all origins, and waits until they can be used. */
export class OmiCreation {
  readonly #client: OutscaleClient;
  readonly #watch: OutscaleWatch<OmiAnswer>;
  readonly #uploads: OmiUploads;
  readonly #bucket: OutscaleBucket | undefined;
  readonly #host: Pick<Host, "maskSecret" | "file">;

  constructor(
    client: OutscaleClient,
    watch: OutscaleWatch<OmiAnswer>,
    uploads: OmiUploads,
    bucket: OutscaleBucket | undefined,
    host: Pick<Host, "maskSecret" | "file">,
  ) {
    this.#client = client;
    this.#watch = watch;
    this.#uploads = uploads;
    this.#bucket = bucket;
    this.#host = host;
  }

  /** @param stands called once the image is available */
  async make(
    want: Desired<Omi>,
    source: Source | undefined,
    context: Context,
    stands: () => Promise<void> = async () => undefined,
  ): Promise<OmiAnswer> {
    const { signal, progress } = context;
    const name = nameOf(want, context.address);
    const { origin, snapshots } = await this.#origin(want, source, context);
    const description = withMark(want.description ?? "", context.marker(`~${context.nonce}`), snapshots);
    const fields = { ...fieldsOf(want, name, description), ...origin };
    const made = await this.#inPlaceOfOld(context, async (identified) => {
      const begun = await this.#begin(fields, name, context);
      const id = begun.ImageId;
      identified(id);
      await context.identified(imageId(id));
      const look = (seen: OmiAnswer | undefined) => {
        progress("wait", 0, undefined, `${id} to become available (${seen?.State ?? "gone"})`);
        return available(id, seen);
      };
      // Copies and images of snapshots are often available already when they are answered.
      return look(begun) ?? (await this.#watch.until(id, look, signal));
    });
    context.completed();
    await stands();
    return await this.#finish(made, want, snapshots, context);
  }

  /** Makes an image whose name an old one has: that goes right before, and comes back when nothing comes of the new one. */
  async #inPlaceOfOld(
    context: Context,
    work: (identified: (id: string) => void) => Promise<OmiAnswer>,
  ): Promise<OmiAnswer> {
    const { replaces, retireOld, signal } = context;
    const old =
      replaces === undefined || retireOld === undefined ? undefined : await this.#client.image(replaces, signal);
    await retireOld?.();
    let begun: string | undefined;
    try {
      return await work((id) => {
        begun = id;
      });
    } catch (thrown) {
      const owner = (image: string) => snapshotTags(this.#host.file, context.address, image);
      if (old?.State === "available") await restore(this.#client, old, begun, owner, context);
      throw thrown;
    }
  }

  async #origin(
    want: Desired<Omi>,
    source: Source | undefined,
    context: Context,
  ): Promise<{ readonly origin: OutscaleFields; readonly snapshots: Snapshots }> {
    if (source !== undefined) {
      const SnapshotId = await this.#uploads.send(source, context);
      const RootDeviceName = rootOf(want);
      return { origin: { BlockDeviceMappings: mappingsWith(want, SnapshotId), RootDeviceName }, snapshots: "own" };
    }
    if (want.vm_id !== undefined) {
      const reboot = want.no_reboot === undefined ? {} : { NoReboot: want.no_reboot };
      return { origin: { VmId: want.vm_id, ...reboot }, snapshots: "own" };
    }
    if (want.source_image_id !== undefined) {
      const origin = { SourceImageId: want.source_image_id, SourceRegionName: want.source_region_name };
      return { origin, snapshots: "own" };
    }
    if (want.file_location !== undefined)
      return { origin: { FileLocation: await this.#manifest(want.file_location, context) }, snapshots: "own" };
    if (want.block_device_mappings !== undefined) {
      const origin = { BlockDeviceMappings: mappingsOf(want), RootDeviceName: want.root_device_name };
      return { origin, snapshots: "given" };
    }
    throw new Failure("backend.refused", "the image has no origin", {
      hint: "set source, vm_id, source_image_id, file_location or block_device_mappings",
    });
  }

  async #manifest(written: string, context: Context): Promise<string> {
    const url = /^(?:env|file|cmd):/.test(written) ? await context.secret(written) : written;
    const signed = this.#bucket?.presignedUrl(url, A_DAY) ?? url;
    if (signed.includes("?")) this.#host.maskSecret(signed);
    return signed;
  }

  /** Asks for the image; where the answer is lost, it is looked for by its name and mark. */
  async #begin(fields: OutscaleFields, name: string, context: Context): Promise<OmiAnswer> {
    try {
      return await this.#client.createImage(fields, context.signal);
    } catch (thrown) {
      const begun = await this.#begunAllTheSame(thrown, name, context);
      if (begun !== undefined) return begun;
      throw this.#explained(thrown, name, context);
    }
  }

  async #begunAllTheSame(thrown: unknown, name: string, context: Context): Promise<OmiAnswer | undefined> {
    const { desiredMarker, nonce, signal } = context;
    const isUnknown =
      thrown instanceof Failure && (thrown.code.startsWith("net.") || (thrown.request?.status ?? 0) >= 500);
    if (!isUnknown || desiredMarker === undefined || signal.aborted) return undefined;
    const account = await this.#client.account(signal);
    for await (const image of this.#client.images(signal, { ImageNames: [name] })) {
      const found = markOf(image).mark;
      const isMarked = found?.self === `~${nonce}` && found.lineage === desiredMarker.lineage;
      if (isMarked && image.ImageName === name && isOwn(image, account) && image.ImageId !== context.replaces)
        return image;
    }
    return undefined;
  }

  #explained(thrown: unknown, name: string, { replaces }: Context): unknown {
    if (!(thrown instanceof Failure) || thrown.code !== "backend.conflict") return thrown;
    const taken = `the name ${JSON.stringify(name)}, which must be unique in the account`;
    return thrown.with({
      hint:
        replaces === undefined
          ? `another image may have ${taken}: choose another image_name`
          : `${replaces} may have ${taken}: choose another image_name for the new image, then apply again`,
    });
  }

  /** What CreateImage does not take: tags, with the marker among them, and permissions. Then the marker leaves the description. */
  async #finish(made: OmiAnswer, want: Desired<Omi>, snapshots: Snapshots, context: Context): Promise<OmiAnswer> {
    const { signal, address } = context;
    const id = made.ImageId;
    const marker = context.marker(id);
    const own = snapshots === "own" ? snapshotsOf(made) : [];
    await this.#client.createTags(own, snapshotTags(this.#host.file, address, id), signal);
    const marks = marker === undefined ? [] : marksOf(marker, snapshots);
    const tags = Object.entries(tagsOf(want.tags)).map(([Key, Value]): OutscaleTag => ({ Key, Value }));
    await this.#client.createTags([id], [...marks, ...tags], signal);
    const description = want.description ?? "";
    const changes = [
      ...(marker === undefined ? [] : [{ Description: description }]),
      ...(want.permissions === undefined ? [] : permissionChanges(made, permissionsOf(want.permissions))),
    ];
    const changed = await change(this.#client, id, changes, signal);
    return changed ?? (await this.#client.image(id, signal)) ?? made;
  }
}

/** The image once it can be used. @throws Failure backend.unmade when it never will be */
function available(id: string, seen: OmiAnswer | undefined): OmiAnswer | undefined {
  if (seen === undefined)
    throw new Failure("backend.unmade", `${id} disappeared before it was available`, {
      hint: "it was deleted in the meantime: apply again",
    });
  if (seen.State !== "failed") return seen.State === "available" ? seen : undefined;
  const { StateCode, StateMessage } = seen.StateComment ?? {};
  const why = [StateCode, StateMessage].filter((text) => text != null && text !== "").join(": ");
  throw new Failure(
    "backend.unmade",
    `Outscale could not create ${id}${why === "" ? ", without a reason" : `: ${why}`}`,
    {
      hint: "check that its origin is complete and in this Region, then apply again",
    },
  );
}
