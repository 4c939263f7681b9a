import {
  type Additions,
  type Address,
  type Backend,
  type Context,
  type Desired,
  type Downloads,
  definePlugin,
  Failure,
  type Host,
  type HttpClient,
  type ImageId,
  isSameSet,
  type Lookup,
  type Observed,
  type Part,
  type ReadContext,
  type ReportsAdditions,
  type Source,
  signedHeaders,
  timestampOf,
} from "images";
import { OutscaleBucket } from "./bucket.ts";
import { change, permissionChanges, wordChanges } from "./changes.ts";
import { isIntermediate, SnapshotCleanup } from "./cleanup.ts";
import { OutscaleClient, type OutscaleTag } from "./client.ts";
import { OmiCreation } from "./creation.ts";
import { Exports } from "./download.ts";
import { explain } from "./explain.ts";
import { isOwn, markOf, nameOf, observed, ownedBy, snapshotsOf, tagsIn } from "./image.ts";
import { Listing } from "./listing.ts";
import { marksOf, snapshotTags } from "./marker.ts";
import { rules } from "./rules.ts";
import { config, image, type Omi, starter, USUAL_CODES } from "./schema.ts";
import { accessOf } from "./settings.ts";
import { OmiUploads } from "./upload.ts";
import { permissionsOf, tagsOf } from "./values.ts";
import { OutscaleWatch } from "./watch.ts";
import type { OmiAnswer, SnapshotAnswer } from "./wire.ts";

/** The images of an Outscale account in one Region. */
class Outscale implements Backend<Omi>, ReportsAdditions<Omi>, Downloads {
  readonly #client: OutscaleClient;
  readonly #watch: OutscaleWatch<OmiAnswer>;
  readonly #making: OmiCreation;
  readonly #remains: SnapshotCleanup;
  readonly #exports: Exports;
  readonly #listing: Listing;
  readonly #host: Host;

  constructor(http: HttpClient, bucket: OutscaleBucket | undefined, account: string | undefined, host: Host) {
    const client = new OutscaleClient(http, account);
    this.#client = client;
    this.#watch = new OutscaleWatch<OmiAnswer>(async (ids, signal) => {
      const seen = await Array.fromAsync(client.images(signal, { ImageIds: ids }));
      return new Map(seen.map((one) => [one.ImageId, one]));
    });
    const snapshots = new OutscaleWatch<SnapshotAnswer>(async (ids, signal) => {
      const seen = await Array.fromAsync(client.snapshots(signal, { SnapshotIds: ids }));
      return new Map(seen.map((one) => [one.SnapshotId, one]));
    });
    this.#making = new OmiCreation(client, this.#watch, new OmiUploads(client, bucket, snapshots, host), bucket, host);
    this.#remains = new SnapshotCleanup(client, bucket, host.file);
    this.#exports = new Exports(client, bucket, host);
    this.#listing = new Listing(client, this.#remains, host);
    this.#host = host;
  }

  async read(
    what: { readonly address: Address; readonly id?: ImageId; readonly nonce?: string },
    { signal }: ReadContext,
  ): Promise<Observed<Omi> | undefined> {
    return await this.#listing.find(what, signal);
  }

  list({ signal }: ReadContext, looked?: readonly Lookup[]): AsyncGenerator<Observed<Omi>> {
    return looked === undefined ? this.#listing.all(signal) : this.#listing.of(looked, signal);
  }

  async create(want: Desired<Omi>, source: Source | undefined, context: Context): Promise<Observed<Omi>> {
    const make = (stands?: () => Promise<void>) => this.#making.make(want, source, context, stands);
    const made = await this.#remains.deferring(context, make);
    return observed(made, await this.#client.account(context.signal), this.#host.declared);
  }

  async update(
    { id }: Observed<Omi>,
    want: Desired<Omi>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<Omi>> {
    const { signal, address } = context;
    const marker = context.marker(id);
    const [account, now] = await Promise.all([this.#client.account(signal), this.#client.image(id, signal)]);
    if (now === undefined) throw new Failure("backend.missing", `${id} is gone`, { hint: "plan again" });
    if (!isOwn(now, account))
      throw new Failure("backend.denied", `${id} belongs to another account, so it cannot be changed`, {
        hint: "copy it into this account with source_image_id and source_region_name",
      });
    const marked = markOf(now);
    if (marked.snapshots === "own") {
      const tags = snapshotTags(this.#host.file, address, id);
      if (marked.isLine || marked.mark?.owner !== address)
        await this.#client.createTags(snapshotsOf(now), tags, signal);
    }
    await this.#tag(now, want, cleared, marker === undefined ? [] : marksOf(marker, marked.snapshots), signal);
    const description = want.description ?? (cleared.includes("description") ? "" : undefined);
    const codes =
      want.product_codes ?? (cleared.includes("product_codes") ? await this.#codes(want, context) : undefined);
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
    const { signal, address, owns } = context;
    const found = await this.#client.image(id, signal);
    const isMarked = found !== undefined && markOf(found).mark !== undefined;
    const goes = isMarked ? ownedBy(found) : await this.#remains.of(id, address, signal);
    const owned = owns === undefined ? goes : goes.filter((one) => owns.includes(one));
    if (found !== undefined) {
      // The snapshots have to be found once the image is gone; an interrupted run may not have come to that.
      if (markOf(found).isLine)
        await this.#client.createTags(owned, snapshotTags(this.#host.file, address, id), signal);
      await this.#client.deleteImage(id, signal);
      await this.#watch.until(id, (seen) => (seen === undefined ? true : undefined), signal);
    } else if (isIntermediate(id)) await this.#remains.remove(id, address, context);
    for (const one of goes) if (!owned.includes(one)) context.note(`${one} is kept: it is not in the plan`);
    await this.#remains.clear(id, owned, context);
  }

  async download(id: ImageId, context: ReadContext): Promise<readonly Part[]> {
    return await this.#exports.parts(id, context);
  }

  async additions({ attributes }: Observed<Omi>, { source_image_id }: Desired<Omi>): Promise<Additions> {
    const { description, product_codes: codes = [], tags, permissions } = attributes;
    // Those of a copy are licences of its source, which may be another one by now.
    const isCopy = source_image_id !== undefined;
    const lost =
      !isCopy || isSameSet(codes, USUAL_CODES)
        ? []
        : [`product codes ${codes.join(", ")}: a copy has those of its source`];
    return {
      lost,
      attributes: {
        ...(isCopy ? {} : { product_codes: codes }),
        ...(description === undefined ? {} : { description }),
        ...(tags === undefined ? {} : { tags }),
        ...(permissions === undefined ? {} : { permissions }),
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The product codes of an image of which none are declared any more: those of its origin, which may be licences. */
  async #codes(
    { source_image_id, vm_id }: Desired<Omi>,
    { signal, note }: Context,
  ): Promise<readonly string[] | undefined> {
    const source = source_image_id === undefined ? undefined : await this.#client.image(source_image_id, signal);
    if (source_image_id !== undefined ? source === undefined : vm_id !== undefined) {
      note("product_codes are no longer declared and stay unchanged: the origin of the image determines them");
      return undefined;
    }
    const codes = source?.ProductCodes ?? USUAL_CODES;
    note(`product_codes are no longer declared and return to ${codes.join(", ")}`);
    return codes;
  }

  /** Brings tags and mark to what is wanted; tags that nobody declares stay. */
  async #tag(
    now: OmiAnswer,
    want: Desired<Omi>,
    cleared: readonly string[],
    marks: readonly OutscaleTag[],
    signal: AbortSignal,
  ): Promise<void> {
    const wanted = tagsOf(want.tags);
    const isDeclared = want.tags !== undefined || cleared.includes("tags");
    const have = new Map((now.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
    const gone = isDeclared ? tagsIn(now).filter(({ Key }) => !Object.hasOwn(wanted, Key)) : [];
    const all = [...Object.entries(wanted).map(([Key, Value]): OutscaleTag => ({ Key, Value })), ...marks];
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
  starter,
  origins: [
    { name: "from a VM", needs: ["vm_id"], may: ["no_reboot"] },
    { name: "from another image", needs: ["source_image_id", "source_region_name"] },
    { name: "from a manifest in a bucket", needs: ["file_location"] },
    {
      name: "from snapshots",
      needs: ["block_device_mappings", "root_device_name"],
      also: ["block_device_mappings", "root_device_name"],
    },
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
    const http = host.http({
      url,
      headers: (request) => {
        const at = new Date();
        if (credentials.kind === "keys")
          return signedHeaders(request, { family: "OSC4", keys: credentials.keys, region, service: "api" }, at);
        const pair = Buffer.from(`${credentials.login}:${credentials.password}`).toString("base64");
        return { authorization: `Basic ${pair}`, "x-osc-date": timestampOf(at) };
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
    return new Outscale(
      http,
      bucket === undefined ? undefined : new OutscaleBucket(bucket, host),
      written.account_id,
      host,
    );
  },
});
