import {
  type Backend,
  type Complaint,
  type Context,
  canonical,
  type Desired,
  type Downloads,
  definePlugin,
  digest,
  Failure,
  type Host,
  type ImageId,
  type Observed,
  type Part,
  type Reading,
  type Resolved,
  type Source,
} from "images";
import { declared } from "./aliases.ts";
import { wanted } from "./bytes.ts";
import { partsIn } from "./download.ts";
import { isFingerprint, isPrefix, observed, partsOf } from "./image.ts";
import { Making } from "./making.ts";
import { askedOf, type Found, find } from "./origin.ts";
import { type Place, Places, placingOf, scopeOf, there } from "./places.ts";
import { rules } from "./rules.ts";
import { config, type Image, image } from "./schema.ts";
import { Servers } from "./servers.ts";
import { align } from "./update.ts";
import { mismatch } from "./upload.ts";

/** The images of a project of an Incus server, and of other projects and remotes where images say so. */
class Incus implements Backend<Image>, Downloads {
  readonly #servers: Servers;
  readonly #places: Places;
  readonly #host: Host;
  readonly #finds = new Map<string, Promise<Found>>();
  #native: Promise<string> | undefined;

  constructor(servers: Servers, places: Places, host: Host) {
    this.#servers = servers;
    this.#places = places;
    this.#host = host;
  }

  async read(
    { address, id }: { address: Context["address"]; id?: ImageId },
    { signal }: Reading,
  ): Promise<Observed<Image> | undefined> {
    const want = this.#host.declared?.[address];
    const home = want === undefined ? await this.#places.own() : await this.#places.of(placingOf(want));
    if (id === undefined) {
      const all = (await home.client.images(signal)).map((one) => observed(one, home));
      return all.find(
        ({ mark }) => mark?.owner === address && mark.file === this.#host.file && mark.self === home.self,
      );
    }
    const { remote, project, name } = partsOf(id);
    if (name.startsWith("new@")) return undefined;
    const place =
      remote === undefined && project === undefined && !isFingerprint(name) ? home : await this.#places.ofId(id);
    const direct = isPrefix(name) ? await place.client.image(name, signal) : undefined;
    if (direct !== undefined) return observed(direct, place);
    if (isFingerprint(name)) return home.prefix === place.prefix ? undefined : await this.#at(home, name, signal);
    // A slash belongs to many aliases: the whole is one before a part of it is a project.
    const alias = (await home.client.alias(id, signal)) ?? (await place.client.alias(name, signal));
    return alias === undefined
      ? undefined
      : ((await this.#at(home, alias.entry.target, signal)) ?? (await this.#at(place, alias.entry.target, signal)));
  }

  async *list({ signal }: Reading): AsyncGenerator<Observed<Image>> {
    const placings = Object.values(this.#host.declared ?? {}).map(placingOf);
    const places = new Set([
      await this.#places.own(),
      ...(await Promise.all(placings.map((one) => this.#places.of(one)))),
    ]);
    for (const place of places) for (const one of await place.client.images(signal)) yield observed(one, place);
  }

  async resolve(want: Desired<Image>, { signal }: Reading): Promise<Resolved> {
    const found = await this.#find(want, signal);
    if (found === undefined) return await this.#instance(want, signal);
    const { fingerprint, size } = found;
    if (want.fingerprint !== undefined && !fingerprint.startsWith(want.fingerprint.toLowerCase()))
      throw mismatch(want.fingerprint, fingerprint);
    return {
      content: fingerprint,
      digests: { sha256: digest("sha256", fingerprint) },
      ...(size === undefined ? {} : { size }),
      serverSide: want.mode === "pull",
      verified: true,
    };
  }

  async create(want: Desired<Image>, source: Source | undefined, context: Context): Promise<Observed<Image>> {
    const place = await this.#places.of(want);
    const { signal } = context;
    const around = { place, find: () => this.#find(want, signal), native: () => this.#architecture(signal) };
    return observed(await new Making(want, around, context).make(source), place);
  }

  async update(
    have: Observed<Image>,
    want: Desired<Image>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<Image>> {
    const place = await this.#places.ofId(have.id);
    const remote = async () => (await this.#find(want, context.signal))?.aliases ?? [];
    return observed(await align(place, partsOf(have.id).name, { want, cleared, remote }, context), place);
  }

  async delete(id: ImageId, { signal, progress }: Context): Promise<void> {
    const { name } = partsOf(id);
    if (!isFingerprint(name)) return;
    const { client } = await this.#places.ofId(id);
    await client.remove(name, { signal, progress });
  }

  async download(id: ImageId, { signal }: Reading): Promise<readonly Part[]> {
    const { client } = await this.#places.ofId(id);
    return await partsIn(client, await there(client, partsOf(id).name, signal), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #at(place: Place, fingerprint: string, signal: AbortSignal): Promise<Observed<Image> | undefined> {
    const found = await place.client.image(fingerprint, signal);
    return found === undefined ? undefined : observed(found, place);
  }

  /** The image of a remote that is wanted. What an alias points to is asked once a run. */
  #find(want: Desired<Image>, signal: AbortSignal): Promise<Found | undefined> {
    const asked = askedOf(want);
    if (asked === undefined) return Promise.resolve(undefined);
    const key = canonical(asked);
    let finding = this.#finds.get(key);
    if (finding === undefined) {
      finding = find(asked, this.#servers, () => this.#architecture(signal), signal);
      this.#finds.set(key, finding);
      finding.catch(() => this.#finds.delete(key));
    }
    return finding;
  }

  /** The architecture of the server itself. */
  #architecture(signal: AbortSignal): Promise<string> {
    this.#native ??= (async () => {
      const { client } = await this.#places.own();
      return (await client.server(signal)).environment?.architectures?.[0] ?? "x86_64";
    })();
    this.#native.catch(() => {
      this.#native = undefined;
    });
    return this.#native;
  }

  /** An instance is published again when it, or the snapshot, is another one of the same name. */
  async #instance(want: Desired<Image>, signal: AbortSignal): Promise<Resolved> {
    const { name, snapshot } = want.source_instance ?? { name: "" };
    const { client } = await this.#places.of(want);
    const born = await client.born(name, snapshot, signal);
    const what = snapshot === undefined ? `instance ${name}` : `snapshot ${name}/${snapshot}`;
    if (born === undefined)
      throw new Failure("backend.missing", `there is no ${what}`, { hint: "incus list shows what there is" });
    return { content: `${what} of ${born}`, serverSide: true, verified: true };
  }
}

const names = (want: Desired<Image>): readonly string[] => {
  const scope = scopeOf(want);
  const { fingerprint } = want;
  const own = fingerprint?.length === 64 ? [fingerprint.toLowerCase()] : [];
  return [...declared(want).map(({ name }) => name), ...own].map((name) => `${scope}${name}`);
};

export const incus = definePlugin({
  api: 1,
  name: "incus",
  doc: "The images of an Incus server: imported, copied from remotes, published from instances.",
  config,
  image,
  origins: [
    { name: "from an image of a remote (source_image)", needs: ["source_image"], follow: "follow" },
    { name: "from an image of a remote (source)", needs: ["source"], follow: "follow" },
    { name: "from an instance", needs: ["source_instance"], may: ["compression"] },
  ],
  originless: true,
  bytes: wanted,
  names,
  // The same image of a remote is one image in a project, whatever aliases lead to it.
  physical: (want, { resolved }) =>
    resolved !== undefined && isFingerprint(resolved) ? `${scopeOf(want)}${resolved}` : undefined,
  check: (want): readonly Complaint[] => rules(want),
  async open(settings, host) {
    const servers = new Servers(settings, host);
    return new Incus(servers, new Places(servers, settings.project, host.signal), host);
  },
});
