import {
  type Additions,
  type Backend,
  type ChecksLive,
  type Complaint,
  type Context,
  type Desired,
  definePlugin,
  Failure,
  type Host,
  type HttpClient,
  type ImageId,
  type Observed,
  poll,
  type ReadContext,
  type Renames,
  type ReportsAdditions,
  type Source,
  versionName,
} from "images";
import { idOf, LinodeClient } from "./client.ts";
import { LinodeCreation } from "./creation.ts";
import { Disks } from "./disks.ts";
import { explain } from "./explain.ts";
import { additionsTo, changesOf, isOwn, labelOf, observed } from "./image.ts";
import { LinodeRegions } from "./regions.ts";
import { homeOf, replicate } from "./replicas.ts";
import { mostOf, rules } from "./rules.ts";
import { config, image, type LinodeImage, starter } from "./schema.ts";
import { accessOf } from "./settings.ts";
import { LinodeUploads } from "./upload.ts";
import { LinodeWatch } from "./watch.ts";
import type { LinodeImageAnswer } from "./wire.ts";

/** The images of a Linode account. */
class Linode implements Backend<LinodeImage>, ReportsAdditions<LinodeImage>, Renames, ChecksLive<LinodeImage> {
  readonly #client: LinodeClient;
  readonly #watch: LinodeWatch;
  readonly #making: LinodeCreation;
  readonly #regions: LinodeRegions;
  readonly #host: Host;
  /** Seconds between two looks. */
  readonly #interval: number;

  constructor(http: HttpClient, host: Host, url: string, interval: number, most: number) {
    this.#client = new LinodeClient(http, undefined, url);
    this.#regions = new LinodeRegions(this.#client);
    this.#watch = new LinodeWatch(this.#client, interval * 1000, undefined, most);
    const disks = new Disks(this.#client, interval);
    this.#making = new LinodeCreation(this.#client, this.#watch, disks, new LinodeUploads(http, host), host, {
      most,
      interval,
    });
    this.#host = host;
    this.#interval = interval;
  }

  async read(
    { address, id, nonce }: { address: Context["address"]; id?: ImageId; nonce?: string },
    { signal }: ReadContext,
  ): Promise<Observed<LinodeImage> | undefined> {
    if (id !== undefined) {
      const own = idOf(id);
      const found = own === undefined ? undefined : await this.#client.image(own, signal);
      if (found === undefined) return undefined;
      this.#regions.saw(found);
      return observed(found);
    }
    for await (const answer of this.#client.images(signal, { is_public: false })) {
      const found = observed(answer);
      const { self } = found.marker ?? {};
      const isOwn = self === found.id || (nonce !== undefined && self === `~${nonce}`);
      if (isOwn && found.marker?.owner === address && found.marker.file === this.#host.file) return found;
    }
    return undefined;
  }

  async *list({ signal }: ReadContext): AsyncGenerator<Observed<LinodeImage>> {
    for await (const answer of this.#client.images(signal)) {
      this.#regions.saw(answer);
      yield observed(answer);
    }
  }

  async checkLive(want: Desired<LinodeImage>, { signal }: ReadContext): Promise<readonly Complaint[]> {
    return await this.#regions.unknown(want, signal);
  }

  async create(
    want: Desired<LinodeImage>,
    source: Source | undefined,
    context: Context,
  ): Promise<Observed<LinodeImage>> {
    const made = await this.#making.make(want, source, context);
    if (want.replica_regions === undefined) return observed(made);
    return observed(await this.#replicate(made, want.replica_regions, want.wait, context));
  }

  async update(
    have: Observed<LinodeImage>,
    want: Desired<LinodeImage>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<LinodeImage>> {
    const { signal } = context;
    if (!isOwn(have.id))
      throw new Failure("backend.denied", `${have.id} is not an image of this account, so it cannot be changed`, {
        hint: "only private images can be managed",
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
    await poll(gone, { signal, interval: this.#interval, deadline: 300, what: `${own} to be gone` });
  }

  async rename(id: ImageId, version: string, { signal }: Context, template = "{name}-{version}"): Promise<void> {
    const { label } = await this.#there(id, signal);
    const rest = versionName(template, { name: "", version }).length;
    const name = label.slice(0, Math.max(0, 50 - rest));
    await this.#client.change(id, { label: versionName(template, { name, version }).slice(0, 50) }, signal);
  }

  async additions(
    { id, attributes }: Observed<LinodeImage>,
    _: Desired<LinodeImage>,
    { signal }: ReadContext,
  ): Promise<Additions> {
    const groups = attributes.is_shared === true ? await this.#client.shareGroups(id, signal) : [];
    return {
      ...additionsTo(attributes),
      lost: groups?.map(({ id: group, label }) => `share group ${group} (${label}): add the new image to it`) ?? [
        "its share groups: add the new image to them",
      ],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #there(id: ImageId, signal: AbortSignal): Promise<LinodeImageAnswer> {
    const found = await this.#client.image(id, signal);
    if (found === undefined) throw new Failure("backend.missing", `${id} is gone`, { hint: "plan again" });
    return found;
  }

  async #replicate(
    made: LinodeImageAnswer,
    regions: readonly string[],
    wait: boolean | undefined,
    context: Context,
  ): Promise<LinodeImageAnswer> {
    return await replicate({ client: this.#client, watch: this.#watch }, made, regions, wait, context);
  }
}

/** Milliseconds between two looks at what goes on; terraform's provider has the same, and the same variable for it. */
const LOOK = 4000;

export const linode = definePlugin({
  api: 1,
  name: "linode",
  doc: "The images of a Linode account: uploaded, or created from a disk.",
  config,
  image,
  starter,
  origins: [{ name: "from the disk of a Linode", needs: ["disk_id", "linode_id"] }],
  bytes: () => ({ formats: ["raw"], compressions: ["gz"], digests: ["md5"] }),
  defaults: (address) => ({ label: labelOf({}, address) }),
  labels: (want, address) => [labelOf(want, address)],
  check: rules,
  timeout: 20 * 60,
  async open(written, host) {
    const { url, token } = await accessOf(written, host);
    host.maskSecret(token);
    const http = host.http({
      url,
      headers: { authorization: `Bearer ${token}` },
      explain,
      credentials: "`token` (or LINODE_TOKEN)",
    });
    const look = written.event_poll_ms ?? Number(host.env["LINODE_EVENT_POLL_MS"] ?? LOOK);
    return new Linode(http, host, url, (look > 0 ? look : LOOK) / 1000, mostOf(written));
  },
});
