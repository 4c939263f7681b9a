import {
  type Backend,
  type Context,
  type Desired,
  definePlugin,
  Failure,
  type Host,
  type ImageId,
  imageId,
  type Observed,
  poll,
  type Reading,
  type Renames,
  type Source,
} from "images";
import { Client, idOf } from "./client.ts";
import { Disks } from "./disks.ts";
import { explain } from "./explain.ts";
import { changesOf, fieldsOf, isOwn, labelOf, observed } from "./image.ts";
import { homeOf, replicate } from "./replicas.ts";
import { rules } from "./rules.ts";
import { config, type Image, image } from "./schema.ts";
import { accessOf } from "./settings.ts";
import { refuseTooLarge, Uploads } from "./upload.ts";
import { Watch } from "./watch.ts";
import type { ImageAnswer } from "./wire.ts";

/** Milliseconds between two looks at what goes on; the terraform provider has the same, and the same variable for it. */
const LOOK = 4000;

/** The images of a Linode account. */
class Linode implements Backend<Image>, Renames {
  readonly #client: Client;
  readonly #watch: Watch;
  readonly #disks: Disks;
  readonly #uploads: Uploads;
  readonly #host: Host;
  /** Seconds between two looks. */
  readonly #interval: number;

  constructor(client: Client, uploads: Uploads, host: Host) {
    const look = Number(host.env["LINODE_EVENT_POLL_MS"] ?? LOOK);
    this.#interval = (look > 0 ? look : LOOK) / 1000;
    this.#client = client;
    this.#watch = new Watch(client, this.#interval * 1000);
    this.#disks = new Disks(client, this.#interval);
    this.#uploads = uploads;
    this.#host = host;
  }

  async read(
    { address, id }: { address: Context["address"]; id?: ImageId },
    { signal }: Reading,
  ): Promise<Observed<Image> | undefined> {
    if (id !== undefined) {
      const own = idOf(id);
      const found = own === undefined ? undefined : await this.#client.image(own, signal);
      return found === undefined ? undefined : observed(found);
    }
    for await (const answer of this.#client.images(signal, { is_public: false })) {
      const found = observed(answer);
      if (found.mark?.owner === address && found.mark.file === this.#host.file) return found;
    }
    return undefined;
  }

  async *list({ signal }: Reading): AsyncGenerator<Observed<Image>> {
    for await (const answer of this.#client.images(signal)) yield observed(answer);
  }

  async create(want: Desired<Image>, source: Source | undefined, context: Context): Promise<Observed<Image>> {
    const made = await (source === undefined ? this.#ofDisk(want, context) : this.#ofBytes(want, source, context));
    if (want.replica_regions === undefined) return observed(made);
    return observed(await this.#replicate(made, want.replica_regions, want.wait, context));
  }

  async update(
    have: Observed<Image>,
    want: Desired<Image>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<Image>> {
    const { signal } = context;
    if (!isOwn(have.id))
      throw new Failure("backend.denied", `${have.id} is not an image of this account, so it cannot be changed`, {
        hint: "only private images can be kept",
      });
    const changes = changesOf(have, want, cleared, context);
    let now = Object.keys(changes).length === 0 ? undefined : await this.#client.change(have.id, changes, signal);
    const leaves = want.replica_regions === undefined && cleared.includes("replica_regions");
    if (want.replica_regions !== undefined || leaves) {
      now ??= await this.#there(have.id, signal);
      now = await this.#replicate(now, want.replica_regions ?? homeOf(now, want.region), want.wait, context);
    }
    return now === undefined ? have : observed(now);
  }

  async delete(id: ImageId, { signal }: Context): Promise<void> {
    const own = idOf(id);
    if (own === undefined) return;
    await this.#client.remove(own, signal);
    const gone = async () => ((await this.#client.image(own, signal)) === undefined ? true : undefined);
    await poll(gone, { signal, interval: this.#interval, what: `${own} to be gone` });
  }

  async rename(id: ImageId, version: string, { signal }: Context): Promise<void> {
    const { label } = await this.#there(id, signal);
    await this.#client.change(id, { label: `${label.slice(0, 49 - version.length)}-${version}` }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #ofDisk(want: Desired<Image>, context: Context): Promise<ImageAnswer> {
    const { disk_id, linode_id } = want;
    if (disk_id === undefined || linode_id === undefined)
      throw new Failure("backend.refused", "nothing says what the image is made of", {
        hint: "give it a source and a region, or disk_id and linode_id",
      });
    const fields = { ...fieldsOf(want, labelOf(want, context.address), context.mark), disk_id };
    return await this.#disks.take(linode_id, disk_id, context, async (begin) => {
      const { id } = await begin(fields).catch(async (thrown: unknown) => {
        const begun = await this.#begunAllTheSame(thrown, context);
        if (begun === undefined) throw thrown;
        return begun;
      });
      await context.identified(imageId(id));
      return await this.#made(id, context);
    });
  }

  async #ofBytes(want: Desired<Image>, source: Source, context: Context): Promise<ImageAnswer> {
    const { signal } = context;
    if (want.region === undefined)
      throw new Failure("backend.refused", "region is missing: where are the bytes to be uploaded to?", {
        hint: 'region = "us-southeast"',
      });
    refuseTooLarge(source);
    const fields = { ...fieldsOf(want, labelOf(want, context.address), context.mark), region: want.region };
    const begin = poll(() => this.#client.upload(fields, signal), { signal, deadline: 60, what: "an upload to begin" });
    const { image: begun, upload_to } = await begin.catch(async (thrown: unknown) => {
      // Its URL is lost with the answer, so that nothing can be done with it but to take it away.
      const lost = await this.#begunAllTheSame(thrown, context);
      if (lost !== undefined) await context.identified(imageId(lost.id));
      throw thrown;
    });
    this.#host.conceal(upload_to);
    await context.identified(imageId(begun.id));
    await this.#uploads.send(upload_to, source, context).catch(async (thrown: unknown) => {
      if (!(await this.#isTaken(thrown, begun.id, signal))) throw thrown;
    });
    return await this.#made(begun.id, context);
  }

  /** The image whose beginning was answered, but the answer never came: one with our mark that is not made yet. */
  async #begunAllTheSame(thrown: unknown, { mark, signal, replaces }: Context): Promise<ImageAnswer | undefined> {
    if (mark === undefined || signal.aborted || !(thrown instanceof Failure && thrown.code.startsWith("net.")))
      return undefined;
    for await (const answer of this.#client.images(signal, { is_public: false })) {
      const { id, mark: found, status } = observed(answer);
      const isMarked = found?.owner === mark.owner && found.file === mark.file && found.content === mark.content;
      if (isMarked && id !== replaces && status === "pending") return answer;
    }
    return undefined;
  }

  /** Waits until an image that was begun can be used. */
  async #made(id: string, context: Context): Promise<ImageAnswer> {
    context.progress("wait", 0);
    return await this.#watch.until(id, (seen) => (seen.status === "available" ? seen : undefined), context.signal);
  }

  /** A second try is refused when all had arrived with the first, and only the answer was lost: the image is there then. */
  async #isTaken(thrown: unknown, id: string, signal: AbortSignal): Promise<boolean> {
    if (!(thrown instanceof Failure) || thrown.request?.status !== 403) return false;
    return (await this.#client.image(id, signal))?.status === "available";
  }

  async #there(id: ImageId, signal: AbortSignal): Promise<ImageAnswer> {
    const found = await this.#client.image(id, signal);
    if (found === undefined) throw new Failure("backend.missing", `${id} is gone`, { hint: "plan again" });
    return found;
  }

  async #replicate(
    made: ImageAnswer,
    regions: readonly string[],
    wait: boolean,
    context: Context,
  ): Promise<ImageAnswer> {
    return await replicate({ client: this.#client, watch: this.#watch }, made, regions, wait, context);
  }
}

export const linode = definePlugin({
  api: 1,
  name: "linode",
  doc: "The images of a Linode account: uploaded, or made of a disk.",
  config,
  image,
  origins: [{ name: "from the disk of a Linode", needs: ["disk_id", "linode_id"] }],
  bytes: () => ({ formats: ["raw"], compressions: ["gz"], digests: ["md5"] }),
  labels: (want, address) => [labelOf(want, address)],
  check: rules,
  async open(written, host) {
    const { url, token } = await accessOf(written, host);
    host.conceal(token);
    const door = host.door({
      url,
      headers: { authorization: `Bearer ${token}` },
      explain,
      credentials: "`token` (or LINODE_TOKEN)",
    });
    return new Linode(new Client(door), new Uploads(door, host), host);
  },
});
