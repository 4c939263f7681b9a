import {
  type Added,
  type Additions,
  type Backend,
  type Context,
  type Desired,
  type Door,
  type Downloads,
  definePlugin,
  Failure,
  type Host,
  type ImageId,
  type Looked,
  type Observed,
  type Part,
  type Reading,
  type Source,
} from "images";
import { Bucket } from "./bucket.ts";
import { change, permissionChanges, wordChanges } from "./changes.ts";
import { Client, isImageId, type Tag } from "./client.ts";
import { Exports } from "./download.ts";
import { explain } from "./explain.ts";
import { additionsTo, isOwn, markOf, nameOf, observed, snapshotsOf, tagsIn } from "./image.ts";
import { Making } from "./making.ts";
import { marksOf, snapshotTags } from "./mark.ts";
import { isIntermediate, Remains } from "./remains.ts";
import { rules } from "./rules.ts";
import { config, type Image, image } from "./schema.ts";
import { accessOf } from "./settings.ts";
import { signedHeaders, stampOf } from "./sign.ts";
import { Uploads } from "./upload.ts";
import { permissionsOf, tagsOf } from "./values.ts";
import { Watch } from "./watch.ts";
import type { ImageAnswer, SnapshotAnswer } from "./wire.ts";

/** The images of an Outscale account in one Region. */
class Outscale implements Backend<Image>, Added<Image>, Downloads {
  readonly #client: Client;
  readonly #watch: Watch<ImageAnswer>;
  readonly #making: Making;
  readonly #remains: Remains;
  readonly #exports: Exports;
  readonly #host: Host;

  constructor(door: Door, bucket: Bucket | undefined, account: string | undefined, host: Host) {
    const client = new Client(door, account);
    this.#client = client;
    this.#watch = new Watch<ImageAnswer>(async (ids, signal) => {
      const seen = await Array.fromAsync(client.images(signal, { ImageIds: ids }));
      return new Map(seen.map((one) => [one.ImageId, one]));
    });
    const snapshots = new Watch<SnapshotAnswer>(async (ids, signal) => {
      const seen = await Array.fromAsync(client.snapshots(signal, { SnapshotIds: ids }));
      return new Map(seen.map((one) => [one.SnapshotId, one]));
    });
    this.#making = new Making(client, this.#watch, new Uploads(client, bucket, snapshots, host), bucket, host);
    this.#remains = new Remains(client, bucket, host.file);
    this.#exports = new Exports(client, bucket, host);
    this.#host = host;
  }

  async read(
    { address, id, nonce }: { address: Context["address"]; id?: ImageId; nonce?: string },
    { signal }: Reading,
  ): Promise<Observed<Image> | undefined> {
    if (id !== undefined) {
      const found = await this.#client.image(id, signal);
      return found === undefined ? undefined : observed(found, await this.#client.account(signal), this.#host.declared);
    }
    for await (const found of this.#own(signal)) {
      const { self } = found.mark ?? {};
      const isIts = self === found.id || (nonce !== undefined && self === `~${nonce}`);
      if (isIts && found.mark?.owner === address && found.mark.file === this.#host.file) return found;
    }
    return undefined;
  }

  async *list({ signal }: Reading, looked?: readonly Looked[]): AsyncGenerator<Observed<Image>> {
    if (looked === undefined) {
      const account = await this.#client.account(signal);
      for await (const answer of this.#client.images(signal, {})) yield observed(answer, account, this.#host.declared);
      return;
    }
    const seen = new Set<string>();
    for await (const found of this.#own(signal)) {
      seen.add(found.id);
      yield found;
    }
    yield* this.#unfinished(looked, seen, signal);
  }

  async create(want: Desired<Image>, source: Source | undefined, context: Context): Promise<Observed<Image>> {
    const make = (stands?: () => Promise<void>) => this.#making.make(want, source, context, stands);
    const made = await this.#remains.deferring(context, make);
    return observed(made, await this.#client.account(context.signal), this.#host.declared);
  }

  async update(
    { id }: Observed<Image>,
    want: Desired<Image>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<Image>> {
    const { signal, address } = context;
    const mark = context.marker(id);
    const [account, now] = await Promise.all([this.#client.account(signal), this.#client.image(id, signal)]);
    if (now === undefined) throw new Failure("backend.missing", `${id} is gone`, { hint: "plan again" });
    if (!isOwn(now, account))
      throw new Failure("backend.denied", `${id} belongs to another account, so it cannot be changed`, {
        hint: "copy it: source_image_id and source_region_name make an image of one's own of it",
      });
    const marked = markOf(now);
    if (marked.snapshots === "own") {
      const tags = snapshotTags(this.#host.file, address);
      if (marked.isLine || marked.mark?.owner !== address)
        await this.#client.createTags(snapshotsOf(now), tags, signal);
    }
    await this.#tag(now, want, cleared, mark === undefined ? [] : marksOf(mark, marked.snapshots), signal);
    const description = want.description ?? (cleared.includes("description") ? "" : undefined);
    const codes = want.product_codes ?? (cleared.includes("product_codes") ? image.product_codes.unset : undefined);
    const isShared = want.permissions !== undefined || cleared.includes("permissions");
    const changes = [
      ...wordChanges(
        { description: marked.description, codes: now.ProductCodes ?? [], isLine: marked.isLine },
        { description, codes },
      ),
      ...(isShared ? permissionChanges(now, permissionsOf(want.permissions)) : []),
    ];
    const changed = (await change(this.#client, id, changes, signal)) ?? (await this.#client.image(id, signal)) ?? now;
    return observed(changed, account, this.#host.declared);
  }

  async delete(id: ImageId, context: Context): Promise<void> {
    const { signal, address } = context;
    const found = await this.#client.image(id, signal);
    if (found !== undefined) {
      const marked = markOf(found);
      // The snapshots have to be known as ours once the image is gone; an interrupted run may not have come to that.
      if (marked.isLine && marked.snapshots === "own")
        await this.#client.createTags(snapshotsOf(found), snapshotTags(this.#host.file, address), signal);
      await this.#client.deleteImage(id, signal);
      await this.#watch.until(id, (seen) => (seen === undefined ? true : undefined), signal);
    }
    if (isImageId(id) || isIntermediate(id)) await this.#remains.clear(id, context);
  }

  async download(id: ImageId, context: Reading): Promise<readonly Part[]> {
    return await this.#exports.parts(id, context);
  }

  async added({ attributes }: Observed<Image>): Promise<Additions> {
    return { attributes: additionsTo(attributes) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async *#own(signal: AbortSignal): AsyncGenerator<Observed<Image>> {
    const account = await this.#client.account(signal);
    for await (const answer of this.#client.images(signal, { AccountIds: [account] }))
      yield observed(answer, account, this.#host.declared);
  }

  /**
   * What an interrupted run left: things on the way to an image, and snapshots of an image that is deleted already. They are shown as images
   * that are not usable, so that they are deleted.
   */
  async *#unfinished(
    looked: readonly Looked[],
    seen: ReadonlySet<string>,
    signal: AbortSignal,
  ): AsyncGenerator<Observed<Image>> {
    // An address that is looked for without an id as well is in the middle of something.
    const open = new Set(looked.flatMap(({ address, id }) => (id === undefined ? [address] : [])));
    for (const { address, id } of looked) {
      if (id === undefined || seen.has(id)) continue;
      const mark = { file: this.#host.file, owner: address, content: "" };
      const isLeft =
        isIntermediate(id) ||
        (open.has(address) && isImageId(id) && (await this.#remains.snapshots(address, signal)).length > 0);
      if (isLeft) yield { id, mark, attributes: {}, status: "failed" };
    }
  }

  /** Brings tags and mark to what is wanted; tags that nobody declares stay. */
  async #tag(
    now: ImageAnswer,
    want: Desired<Image>,
    cleared: readonly string[],
    marks: readonly Tag[],
    signal: AbortSignal,
  ): Promise<void> {
    const wanted = tagsOf(want.tags);
    const isDeclared = want.tags !== undefined || cleared.includes("tags");
    const have = new Map((now.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
    const gone = isDeclared ? tagsIn(now).filter(({ Key }) => !Object.hasOwn(wanted, Key)) : [];
    const all = [...Object.entries(wanted).map(([Key, Value]): Tag => ({ Key, Value })), ...marks];
    const added = all.filter(({ Key, Value }) => have.get(Key) !== Value);
    await this.#client.deleteTags([now.ImageId], gone, signal);
    await this.#client.createTags([now.ImageId], added, signal);
  }
}

export const outscale = definePlugin({
  api: 1,
  name: "outscale",
  doc: "The images (OMIs) of an Outscale account: of VMs, snapshots, manifests, other images, or bytes.",
  config,
  image,
  origins: [
    { name: "from a VM", needs: ["vm_id"], may: ["no_reboot"] },
    { name: "from another image", needs: ["source_image_id", "source_region_name"] },
    { name: "from a manifest in a bucket", needs: ["file_location"] },
    { name: "from snapshots", needs: ["block_device_mappings", "root_device_name"] },
  ],
  bytes: () => ({ formats: ["raw", "qcow2"], compressions: ["none"] }),
  defaults: (address) => ({ image_name: nameOf({}, address) }),
  names: (want, address) => [nameOf(want, address)],
  // Two images cannot have one name, and an image keeps its name for life.
  order: (have, want) =>
    want.image_name !== undefined && have.image_name !== want.image_name ? "create-first" : "delete-first",
  deletesLast: true,
  check: rules,
  async open(written, host) {
    const { url, credentials, region, bucket, tls } = await accessOf(written, host);
    const door = host.door({
      url,
      headers: (request) => {
        const at = new Date();
        if (credentials.kind === "keys")
          return signedHeaders(request, { family: "OSC4", keys: credentials.keys, region, service: "api" }, at);
        const pair = Buffer.from(`${credentials.login}:${credentials.password}`).toString("base64");
        return { authorization: `Basic ${pair}`, "x-osc-date": stampOf(at) };
      },
      explain,
      // Requests a second: what Outscale's own clients keep to.
      rateLimit: 5,
      ...(tls === undefined ? {} : { tls }),
      credentials:
        credentials.kind === "keys"
          ? "`access_key` and `secret_key` (or OSC_ACCESS_KEY and OSC_SECRET_KEY)"
          : "`login` and `password` (or OSC_LOGIN and OSC_PASSWORD)",
    });
    return new Outscale(door, bucket === undefined ? undefined : new Bucket(bucket, host), written.account_id, host);
  },
});
