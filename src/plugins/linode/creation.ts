import { type Context, type Desired, Failure, type Host, imageId, poll, type Source } from "images";
import type { LinodeClient } from "./client.ts";
import type { Disks } from "./disks.ts";
import { fieldsOf, labelOf, observed } from "./image.ts";
import { withMark } from "./marker.ts";
import type { LinodeImage } from "./schema.ts";
import { type LinodeUploads, refuseTooLarge } from "./upload.ts";
import type { LinodeWatch } from "./watch.ts";
import type { LinodeImageAnswer } from "./wire.ts";

interface SizeLimits {
  /** Bytes of the largest image, unpacked. */
  readonly most: number;
  /** Seconds between two looks. */
  readonly interval: number;
}

/** The time for an upload to begin, in looks: a minute. */
const LOOKS = 15;

/** Makes images, of bytes and of disks, and waits until they can be used. */
export class LinodeCreation {
  readonly #client: LinodeClient;
  readonly #watch: LinodeWatch;
  readonly #disks: Disks;
  readonly #uploads: LinodeUploads;
  readonly #host: Pick<Host, "maskSecret">;
  readonly #limits: SizeLimits;

  constructor(
    client: LinodeClient,
    watch: LinodeWatch,
    disks: Disks,
    uploads: LinodeUploads,
    host: Pick<Host, "maskSecret">,
    limits: SizeLimits,
  ) {
    this.#client = client;
    this.#watch = watch;
    this.#disks = disks;
    this.#uploads = uploads;
    this.#host = host;
    this.#limits = limits;
  }

  async make(want: Desired<LinodeImage>, source: Source | undefined, context: Context): Promise<LinodeImageAnswer> {
    return await (source === undefined ? this.#ofDisk(want, context) : this.#ofBytes(want, source, context));
  }

  async #ofDisk(want: Desired<LinodeImage>, context: Context): Promise<LinodeImageAnswer> {
    const { disk_id, linode_id } = want;
    if (disk_id === undefined || linode_id === undefined)
      throw new Failure("backend.refused", "the image has no origin", {
        hint: "set source and region, or disk_id and linode_id",
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

  async #ofBytes(want: Desired<LinodeImage>, source: Source, context: Context): Promise<LinodeImageAnswer> {
    if (want.region === undefined)
      throw new Failure("backend.refused", "region is missing: the upload needs one", {
        hint: 'region = "us-southeast"',
      });
    refuseTooLarge(source, this.#limits.most);
    const { signal } = context;
    const fields = {
      ...fieldsOf(want, labelOf(want, context.address), context.marker(`~${context.nonce}`)),
      region: want.region,
    };
    const { image: begun, upload_to } = await this.#begin(fields, signal).catch(async (thrown: unknown) => {
      // Its URL is lost with the answer, so that nothing can be done with it but to take it away.
      const lost = await this.#begunAllTheSame(thrown, context);
      if (lost !== undefined) await context.identified(imageId(lost.id));
      throw thrown;
    });
    this.#host.maskSecret(upload_to);
    await context.identified(imageId(begun.id));
    await this.#uploads.send(upload_to, source, context).catch(async (thrown: unknown) => {
      if (!(await this.#isTaken(thrown, begun.id, signal))) throw thrown;
    });
    return await this.#made(begun.id, want, context);
  }

  /** Linode fails to begin an upload now and then, without a word, and has made nothing then. */
  async #begin(fields: Readonly<Record<string, unknown>>, signal: AbortSignal) {
    const { interval } = this.#limits;
    let last: unknown;
    const look = () =>
      this.#client.upload(fields, signal).catch((thrown: unknown) => {
        if (!(thrown instanceof Failure) || thrown.request?.status !== 500) throw thrown;
        last = thrown;
        return undefined;
      });
    return await poll(look, { signal, interval: interval / 4, deadline: interval * LOOKS }).catch((thrown: unknown) => {
      throw last !== undefined && thrown instanceof Failure && thrown.code === "net.timeout" ? last : thrown;
    });
  }

  /** Waits until an image that was begun can be used. */
  async #made(id: string, want: Desired<LinodeImage>, context: Context): Promise<LinodeImageAnswer> {
    const { signal, progress, completed } = context;
    const reportStatus = (status: string) =>
      progress("wait", 0, undefined, `the image to become available (${status})`);
    reportStatus("creating");
    const look = (seen: LinodeImageAnswer) => {
      if (seen.status === "available") return seen;
      reportStatus(seen.status);
      return undefined;
    };
    const made = await this.#watch.until(id, look, signal);
    completed();
    return await this.#signed(made, want, context);
  }

  /** The id is known only now: the marker says it instead of the nonce. */
  async #signed(
    made: LinodeImageAnswer,
    want: Desired<LinodeImage>,
    { marker, signal }: Context,
  ): Promise<LinodeImageAnswer> {
    const mark = marker(made.id);
    if (mark === undefined) return made;
    return await this.#client.change(imageId(made.id), { description: withMark(want.description ?? "", mark) }, signal);
  }

  /** The image whose beginning was asked for, and the answer never came: one with our marker that is not made yet. */
  async #begunAllTheSame(
    thrown: unknown,
    { desiredMarker, nonce, signal, replaces }: Context,
  ): Promise<LinodeImageAnswer | undefined> {
    if (desiredMarker === undefined || signal.aborted || !(thrown instanceof Failure && thrown.code.startsWith("net.")))
      return undefined;
    for await (const answer of this.#client.images(signal, { is_public: false })) {
      const { id, marker: found, status } = observed(answer);
      const isMarked = found?.self === `~${nonce}` && found.lineage === desiredMarker.lineage;
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
