import { type Context, type Desired, Failure, type Host, imageId, poll, type Source } from "images";
import type { Client } from "./client.ts";
import type { Disks } from "./disks.ts";
import { fieldsOf, labelOf, observed } from "./image.ts";
import { withMark } from "./mark.ts";
import type { Image } from "./schema.ts";
import { refuseTooLarge, type Uploads } from "./upload.ts";
import type { Watch } from "./watch.ts";
import type { ImageAnswer } from "./wire.ts";

/** Makes images, of bytes and of disks, and waits until they can be used. */
export class Making {
  readonly #client: Client;
  readonly #watch: Watch;
  readonly #disks: Disks;
  readonly #uploads: Uploads;
  readonly #host: Pick<Host, "conceal">;

  constructor(client: Client, watch: Watch, disks: Disks, uploads: Uploads, host: Pick<Host, "conceal">) {
    this.#client = client;
    this.#watch = watch;
    this.#disks = disks;
    this.#uploads = uploads;
    this.#host = host;
  }

  async make(want: Desired<Image>, source: Source | undefined, context: Context): Promise<ImageAnswer> {
    return await (source === undefined ? this.#ofDisk(want, context) : this.#ofBytes(want, source, context));
  }

  async #ofDisk(want: Desired<Image>, context: Context): Promise<ImageAnswer> {
    const { disk_id, linode_id } = want;
    if (disk_id === undefined || linode_id === undefined)
      throw new Failure("backend.refused", "nothing says what the image is made of", {
        hint: "give it a source and a region, or disk_id and linode_id",
      });
    const fields = { ...fieldsOf(want, labelOf(want, context.address), context.marker(`~${context.nonce}`)), disk_id };
    return await this.#disks.take(linode_id, disk_id, context, async (begin) => {
      const { id } = await begin(fields).catch(async (thrown: unknown) => {
        const begun = await this.#begunAllTheSame(thrown, context);
        if (begun === undefined) throw thrown;
        return begun;
      });
      await context.identified(imageId(id));
      return await this.#made(id, want, context);
    });
  }

  async #ofBytes(want: Desired<Image>, source: Source, context: Context): Promise<ImageAnswer> {
    if (want.region === undefined)
      throw new Failure("backend.refused", "region is missing: where are the bytes to be uploaded to?", {
        hint: 'region = "us-southeast"',
      });
    refuseTooLarge(source);
    const { signal } = context;
    const fields = {
      ...fieldsOf(want, labelOf(want, context.address), context.marker(`~${context.nonce}`)),
      region: want.region,
    };
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
    return await this.#made(begun.id, want, context);
  }

  /** Waits until an image that was begun can be used. */
  async #made(id: string, want: Desired<Image>, context: Context): Promise<ImageAnswer> {
    const { signal, progress, completed } = context;
    progress("wait", 0);
    const made = await this.#watch.until(id, (seen) => (seen.status === "available" ? seen : undefined), signal);
    completed();
    return await this.#signed(made, want, context);
  }

  /** The id is known only now: the marker says it instead of the nonce. */
  async #signed(made: ImageAnswer, want: Desired<Image>, { marker, signal }: Context): Promise<ImageAnswer> {
    const mark = marker(made.id);
    if (mark === undefined) return made;
    return await this.#client.change(imageId(made.id), { description: withMark(want.description ?? "", mark) }, signal);
  }

  /** The image whose beginning was asked for, and the answer never came: one with our mark that is not made yet. */
  async #begunAllTheSame(
    thrown: unknown,
    { mark, nonce, signal, replaces }: Context,
  ): Promise<ImageAnswer | undefined> {
    if (mark === undefined || signal.aborted || !(thrown instanceof Failure && thrown.code.startsWith("net.")))
      return undefined;
    for await (const answer of this.#client.images(signal, { is_public: false })) {
      const { id, mark: found, status } = observed(answer);
      const isMarked = found?.self === `~${nonce}` && found.lineage === mark.lineage;
      if (isMarked && id !== replaces && status === "pending") return answer;
    }
    return undefined;
  }

  /** A second try is refused when all had arrived with the first, and only the answer was lost: the image is there then. */
  async #isTaken(thrown: unknown, id: string, signal: AbortSignal): Promise<boolean> {
    if (!(thrown instanceof Failure) || thrown.request?.status !== 403) return false;
    return (await this.#client.image(id, signal))?.status === "available";
  }
}
