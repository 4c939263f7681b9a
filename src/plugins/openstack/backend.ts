import {
  type Additions,
  type Backend,
  type Context,
  type Desired,
  type Downloads,
  Failure,
  type Host,
  type ImageId,
  isSameSet,
  type Lookup,
  type Observed,
  type Part,
  type ReadContext,
  type Renames,
  type ReportsAdditions,
  type Retires,
  type Source,
  type Uses,
} from "images";
import { accessOf } from "./access.ts";
import { additionsTo } from "./added.ts";
import { type CloudContext, OpenCloud } from "./cloud.ts";
import { headFrom } from "./head.ts";
import { idAt, parseId, regionOf } from "./ids.ts";
import { declares, isGenuine, nameOf, observed, operations, ownerOf, strongestOf } from "./image.ts";
import { type CreationContext, formatOf, make, named } from "./make.ts";
import { type MemberClientFactory, share, sharing } from "./members.ts";
import { MARKS } from "./properties.ts";
import { keptName, restored, retiring } from "./retire.ts";
import type { OsImage } from "./schema.ts";
import { place } from "./stores.ts";
import { userOf } from "./uses.ts";
import type { GlanceAnswer } from "./wire.ts";

/** What one cloud does otherwise than another. */
interface Flavour {
  /** The default visibility. */
  readonly visibility: "shared" | "private";
}

/** The images of a project in an OpenStack cloud. */
export class OpenStack implements Backend<OsImage>, ReportsAdditions<OsImage>, Downloads, Retires, Uses, Renames {
  readonly #cloud: OpenCloud;
  readonly #host: Host;
  readonly #flavour: Flavour;
  readonly #others = new Map<string, Promise<OpenCloud>>();

  constructor(cloud: OpenCloud, host: Host, flavour: Flavour) {
    this.#cloud = cloud;
    this.#host = host;
    this.#flavour = flavour;
  }

  async read(
    { address, id }: { address: Context["address"]; id?: ImageId },
    { signal }: ReadContext,
  ): Promise<Observed<OsImage> | undefined> {
    if (id !== undefined) {
      const { site, own } = await this.#at(id, signal);
      const found = await site.glance.image(own, signal);
      return found === undefined ? undefined : await this.#observed(found, site, signal, { address });
    }
    const site = await this.#cloud.site(undefined, signal);
    const ours = { [MARKS.owner]: address, [MARKS.file]: this.#host.file, owner: site.project };
    for (const os_hidden of [false, true])
      for await (const found of site.glance.images({ ...ours, os_hidden }, signal))
        if (isGenuine(found, this.#host.file)) return await this.#observed(found, site, signal, { address });
    return undefined;
  }

  async *list({ signal }: ReadContext, asked?: readonly Lookup[]): AsyncGenerator<Observed<OsImage>> {
    const home = await this.#cloud.site(undefined, signal);
    const regions = new Set(asked?.flatMap(({ id, want }) => regionOf(id, want) ?? []));
    if (home.region !== undefined) regions.delete(home.region);
    const sites = [home, ...(await Promise.all([...regions].map((region) => this.#cloud.site(region, signal))))];
    const missing = new Set(asked?.map(({ id }) => id));
    const known = new Map(asked?.flatMap(({ id, address }) => (id === undefined ? [] : [[id, address]])));
    for (const site of sites) {
      const owner = asked === undefined ? undefined : site.project;
      for await (const found of site.glance.images({ owner }, signal)) {
        const image = await this.#listed(found, site, signal, known);
        missing.delete(image.id);
        yield image;
      }
    }
    // Hidden images are in a listing of their own, which is only asked for where something is still looked for.
    if (asked !== undefined && missing.size === 0) return;
    for (const site of sites) {
      const owner = asked === undefined ? undefined : site.project;
      for await (const found of site.glance.images({ owner, os_hidden: true }, signal))
        yield await this.#listed(found, site, signal, known);
    }
  }

  async create(want: Desired<OsImage>, source: Source | undefined, context: Context): Promise<Observed<OsImage>> {
    const { signal } = context;
    const site = await this.#cloud.site(want.region, signal);
    const means: CreationContext = {
      site,
      visibility: this.#flavour.visibility,
      speak: this.#speak,
      head: headFrom(this.#host),
    };
    const made = await make(want, source, context, means);
    const { replaces } = context;
    // The old image keeps the name until the new one is good, so that at every instant there is one to be found.
    const name = nameOf(want, context.address);
    if (replaces === undefined || made.name === name) return await this.#observed(made, site, signal, context);
    const renamed = await named(made, name, site, context);
    await this.#setAside(replaces, name, signal);
    return await this.#observed(renamed, site, signal, context);
  }

  async update(
    have: Observed<OsImage>,
    want: Desired<OsImage>,
    gone: readonly string[],
    context: Context,
  ): Promise<Observed<OsImage>> {
    const { signal } = context;
    const cleared = [...gone, ...restored(have, want)];
    const { site, own } = await this.#at(have.id, signal);
    const { glance } = site;
    const { visibility } = this.#flavour;
    const { members, isLast } = sharing(have.attributes, want, cleared, visibility);
    const is = have.attributes.status;
    const status = want.status ?? (cleared.includes("status") ? "active" : is);
    const moves = want.stores !== undefined && !isSameSet(want.stores, have.attributes.stores ?? []);
    // Glance moves the bytes of active images alone: one that is to come back does so first, and one that goes does so last.
    const wakes = is === "deactivated" && (moves || status === "active");
    if (wakes) await glance.act(own, "reactivate", signal);
    // Before the fields, since one of them says where the bytes are: a run that is killed in between has not said it yet.
    const placed = moves && (await this.#place(site, own, want.stores ?? [], context));
    const bring = async () => members !== undefined && (await share(glance, own, members, this.#speak, context));
    if (isLast) await bring();
    const changes = operations(have, want, cleared, visibility, context);
    let now = changes.length === 0 ? undefined : await glance.change(own, changes, signal);
    const shared = !isLast && (await bring());
    const sleeps = status === "deactivated" && (wakes || is !== "deactivated");
    if (sleeps) await glance.act(own, "deactivate", signal);
    if (now === undefined || placed || shared || wakes || sleeps) now = await glance.image(own, signal);
    if (now === undefined) throw new Failure("backend.missing", `${have.id} is gone`, { hint: "plan again" });
    return await this.#observed(now, site, signal, context);
  }

  async delete(id: ImageId, { signal }: Context): Promise<void> {
    const { site, own } = await this.#at(id, signal);
    await site.glance.remove(own, signal);
  }

  async download(id: ImageId, { signal }: ReadContext): Promise<readonly Part[]> {
    const { site, own } = await this.#at(id, signal);
    const found = await site.glance.image(own, signal);
    if (found === undefined) throw new Failure("backend.missing", `${id} does not exist`);
    const format = formatOf(found.disk_format ?? "raw");
    const name = `${(found.name ?? own).replaceAll(/[^A-Za-z0-9._-]+/g, "-")}.${found.disk_format ?? "img"}`;
    const size = found.size ?? undefined;
    const open = (reading: AbortSignal) => site.glance.bytes(own, reading);
    return [{ name, format, ...(size === undefined ? {} : { size }), ...strongestOf(found), open }];
  }

  async retire(id: ImageId, how: "hide" | "deactivate", { signal }: Context): Promise<void> {
    const { site, own } = await this.#at(id, signal);
    const found = await site.glance.image(own, signal);
    if (found === undefined) return;
    await site.glance.change(own, retiring(found, how), signal);
    if (how === "deactivate") await site.glance.act(own, "deactivate", signal);
  }

  /** The project's servers and volumes that were made of an image. @throws Failure when Nova or Cinder is there and does not say */
  async usedBy(id: ImageId, { signal }: ReadContext): Promise<string | undefined> {
    const { site, own } = await this.#at(id, signal);
    return await userOf(own, { glance: site.glance, cloud: this.#cloud, region: site.region, signal });
  }

  async rename(id: ImageId, time: string, { signal }: Context, template?: string): Promise<void> {
    const { site, own } = await this.#at(id, signal);
    const value = keptName(await site.glance.image(own, signal), own, { time, template });
    await site.glance.change(own, [{ op: "replace", path: "/name", value }], signal);
  }

  async additions(
    { id, attributes }: Observed<OsImage>,
    want: Desired<OsImage>,
    { signal }: ReadContext,
  ): Promise<Additions> {
    const { site, own } = await this.#at(id, signal);
    const members = attributes.visibility === "shared" ? await site.glance.members(own, signal) : [];
    return additionsTo(attributes, want, members);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #at(id: ImageId, signal: AbortSignal): Promise<{ readonly site: CloudContext; readonly own: string }> {
    const { region, id: own } = parseId(id);
    return { site: await this.#cloud.site(region, signal), own };
  }

  /** An image that was asked for by itself, with its members where those are, or were, declared: only then they are worth a request. */
  async #observed(
    answer: GlanceAnswer,
    { glance, region, isHome, project }: CloudContext,
    signal: AbortSignal,
    { address }: Pick<Context, "address">,
  ): Promise<Observed<OsImage>> {
    const isDeclared = this.#host.declared?.[address]?.["members"] !== undefined || declares(answer).has("members");
    const members = isDeclared && answer.visibility === "shared" ? await glance.members(answer.id, signal) : undefined;
    const isOthers = project !== undefined && answer.owner !== project;
    return observed(answer, { region, isHome, isOthers, members });
  }

  /** An image of a listing: the members of those that are not managed from here cost no request. */
  async #listed(
    answer: GlanceAnswer,
    site: CloudContext,
    signal: AbortSignal,
    known: ReadonlyMap<ImageId, Context["address"]>,
  ): Promise<Observed<OsImage>> {
    const address =
      known.get(idAt(answer.id, site)) ?? (isGenuine(answer, this.#host.file) ? ownerOf(answer) : undefined);
    const image = address === undefined ? undefined : await this.#observed(answer, site, signal, { address });
    const isOwn = known.has(idAt(answer.id, site)) || site.project === undefined || answer.owner === site.project;
    return isOwn && image !== undefined ? image : observed(answer, site);
  }

  /** Takes the name off the image that was replaced: a moment later it goes, or gets the name that `retain` gives it. */
  async #setAside(id: ImageId, name: string, signal: AbortSignal): Promise<void> {
    const { site, own } = await this.#at(id, signal);
    const old = await site.glance.image(own, signal);
    if (old === undefined || old.name !== name) return;
    const value = `${name.slice(0, 240)} (replaced)`;
    await site.glance.change(own, [{ op: "replace", path: "/name", value }], signal);
  }

  async #place({ glance }: CloudContext, id: string, stores: readonly string[], context: Context): Promise<boolean> {
    const held = (await glance.image(id, context.signal))?.stores?.split(",") ?? [];
    return await place(glance, id, held, stores, context);
  }

  readonly #speak: MemberClientFactory = async (cloud, image, project, status, signal) => {
    let other = this.#others.get(cloud);
    if (other === undefined) {
      other = accessOf({ cloud }, this.#host).then((access) => new OpenCloud(access, this.#host));
      this.#others.set(cloud, other);
    }
    const { glance } = await (await other).site(undefined, signal);
    await glance.answer(image, project, status, signal);
  };
}
