import {
  type Additions,
  type Address,
  type Backend,
  type Context,
  type Desired,
  type Downloads,
  digest,
  type Host,
  type ImageId,
  type Locates,
  type Lookup,
  type Observed,
  type Part,
  type ReadContext,
  type Refreshed,
  type Refreshes,
  type ReportsAdditions,
  type Resolved,
  type Source,
} from "images";
import { lostBy } from "./aliases.ts";
import { IncusCreation } from "./creation.ts";
import { partsIn } from "./download.ts";
import {
  type ImageExtras,
  isFingerprint,
  isPrefix,
  LASTING,
  notesOf,
  observed,
  ownMark,
  PENDING,
  partsOf,
} from "./image.ts";
import { instanceOf, resumed } from "./instance-origin.ts";
import { type IncusPlace, lasting, type Places, placingOf, scopeOf, supports, there } from "./places.ts";
import { refreshed } from "./refresh.ts";
import { Remotes } from "./remotes.ts";
import { type Declared, declaredOf } from "./request.ts";
import type { IncusImage } from "./schema.ts";
import type { Servers } from "./servers.ts";
import { updateImage } from "./update.ts";
import { mismatch } from "./upload.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** The images of a project of an Incus server, and of other projects and remotes where images say so. */
export class Incus
  implements Backend<IncusImage>, Downloads, ReportsAdditions<IncusImage>, Locates<IncusImage>, Refreshes<IncusImage>
{
  readonly #remotes: Remotes;
  readonly #places: Places;
  readonly #host: Host;
  readonly #wants: ReadonlyMap<Address, Declared>;

  constructor(servers: Servers, places: Places, host: Host) {
    this.#places = places;
    this.#host = host;
    this.#wants = declaredOf(host);
    this.#remotes = new Remotes(servers, places, this.#wants);
  }

  async read(
    { address, id, nonce }: { address: Address; id?: ImageId; nonce?: string },
    { signal }: ReadContext,
  ): Promise<Observed<IncusImage> | undefined> {
    const want = this.#wants.get(address);
    const home = want === undefined ? await this.#places.own() : await this.#places.of(want);
    const seen = async (place: IncusPlace, image: IncusImageAnswer | undefined) =>
      image === undefined ? undefined : await this.#seen(place, image, signal);
    if (id === undefined) {
      const isIt = (one: IncusImageAnswer) => {
        const marker = ownMark(one, home);
        const isBegun = marker?.self?.startsWith("~") === true && marker.self !== `~${nonce}`;
        return marker?.owner === address && marker.file === this.#host.file && !isBegun;
      };
      return await seen(home, (await home.client.images(signal)).find(isIt));
    }
    const { remote, project, name } = partsOf(id);
    if (name.startsWith(PENDING)) return undefined;
    const isPlain = remote === undefined && project === undefined;
    const isWhole = isFingerprint(name) || name.startsWith(LASTING);
    const place = isPlain && !isWhole ? home : await this.#places.ofId(id);
    if (name.startsWith(LASTING))
      return await seen(place, await lasting(place, name, { file: this.#host.file, address }, signal));
    const direct = isPrefix(name) ? await place.client.image(name, signal) : undefined;
    if (direct !== undefined) return await seen(place, direct);
    if (isFingerprint(name)) {
      const isElsewhere = isPlain && home.prefix !== place.prefix;
      return isElsewhere ? await seen(home, await home.client.image(name, signal)) : undefined;
    }
    // A slash belongs to many aliases: the whole is one before a part of it is a project.
    for (const [where, alias] of [[home, id] as const, [place, name] as const]) {
      const held = await where.client.alias(alias, signal);
      if (held !== undefined) return await seen(where, await where.client.image(held.entry.target, signal));
    }
    return undefined;
  }

  async *list({ signal, note }: ReadContext, looked: readonly Lookup[] = []): AsyncGenerator<Observed<IncusImage>> {
    for (const { address, id } of looked) if (id !== undefined) await this.#begun(address, id, signal, note);
    const wants = [...this.#wants.values()];
    const places = new Set([
      await this.#places.own(),
      ...(await Promise.all(wants.map((one) => this.#places.of(one)))),
    ]);
    for (const place of places) {
      const images = await place.client.images(signal);
      const held = new Set(images.flatMap(({ aliases }) => (aliases ?? []).map(({ name }) => name)));
      for (const one of images) yield await this.#seen(place, one, signal, held);
    }
  }

  async resolve(want: Desired<IncusImage>, { signal, note }: ReadContext): Promise<Resolved> {
    const found = await this.#remotes.find(want, signal);
    if (found === undefined) return await instanceOf(this.#places, want, { signal, note });
    const { fingerprint, size, needs } = found;
    if (needs !== undefined) await supports(await this.#places.of(want), needs, "run OCI images", signal);
    if (want.fingerprint !== undefined && !fingerprint.startsWith(want.fingerprint.toLowerCase()))
      throw mismatch(want.fingerprint, fingerprint);
    return {
      content: fingerprint,
      digests: { sha256: digest("sha256", fingerprint) },
      ...(size === undefined ? {} : { size }),
      ...(want.auto_update ? { maintained: true } : {}),
      serverSide: want.mode === "pull",
      verified: true,
    };
  }

  async create(want: Desired<IncusImage>, source: Source | undefined, context: Context): Promise<Observed<IncusImage>> {
    const place = await this.#places.of(want);
    const { signal, address, replaces } = context;
    const around = {
      place,
      find: () => this.#remotes.find(want, signal),
      others: () => this.#remotes.copiedBefore(address, place, signal),
      fileIn: this.#host.fileIn,
      native: () => this.#remotes.architecture(signal),
      instances: () => this.#places.instances(want, want.source_instance?.project),
    };
    // The image that is replaced may be in another place.
    const isHere = replaces !== undefined && replaces === `${place.prefix}${partsOf(replaces).name}`;
    const old = isHere ? await this.#fingerprint(replaces, address, signal) : undefined;
    return await this.#seen(place, await new IncusCreation(want, around, context, old).make(source), signal);
  }

  async update(
    have: Observed<IncusImage>,
    want: Desired<IncusImage>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<IncusImage>> {
    const { signal, address } = context;
    const place = await this.#places.ofId(have.id);
    const remote = async () => {
      const others = await this.#remotes.copiedBefore(address, place, signal);
      return ((await this.#remotes.find(want, signal))?.aliases ?? []).filter((name) => !others.has(name));
    };
    const fingerprint = (await this.#fingerprint(have.id, address, signal)) ?? partsOf(have.id).name;
    await resumed(this.#places, want, context);
    return await this.#seen(place, await updateImage(place, fingerprint, { want, cleared, remote }, context), signal);
  }

  async delete(id: ImageId, { signal, progress, address }: Context): Promise<void> {
    const fingerprint = await this.#fingerprint(id, address, signal);
    if (fingerprint === undefined) return;
    const { client } = await this.#places.ofId(id);
    await client.remove(fingerprint, { signal, progress });
  }

  async download(id: ImageId, { signal }: ReadContext): Promise<readonly Part[]> {
    const { client } = await this.#places.ofId(id);
    const fingerprint = (await this.#fingerprint(id, undefined, signal)) ?? partsOf(id).name;
    return await partsIn(client, await there(client, fingerprint, signal), signal);
  }

  async additions({ attributes }: Observed<IncusImage>, want: Desired<IncusImage>): Promise<Additions> {
    const { alias, aliases, profiles, expires_at, properties = {} } = attributes;
    // Which of them came with the bytes the server does not say.
    const own = want.properties === undefined ? Object.keys(properties).sort() : [];
    return {
      ...(own.length === 0 ? {} : { lost: [`properties, unless the new image has them itself: ${own.join(", ")}`] }),
      attributes: {
        ...(alias === undefined ? {} : { alias }),
        ...(aliases === undefined ? {} : { aliases }),
        ...(profiles === undefined ? {} : { profiles }),
        ...(expires_at === undefined ? {} : { expires_at }),
      },
    };
  }

  /** By the certificate of the server, and the project that keeps the images. */
  async located(want: Desired<IncusImage>, names: readonly string[]): Promise<readonly string[]> {
    const { self } = await this.#places.of(want);
    const scope = scopeOf(want);
    return names.map((name) => `${self}/${name.startsWith(scope) ? name.slice(scope.length) : name}`);
  }

  async refresh(have: Observed<IncusImage>, want: Desired<IncusImage>, context: Context): Promise<Refreshed> {
    const place = await this.#places.ofId(have.id);
    const fingerprint = (await this.#fingerprint(have.id, context.address, context.signal)) ?? partsOf(have.id).name;
    const { image, changed } = await refreshed(place, fingerprint, want, context);
    return { image: await this.#seen(place, image, context.signal), changed, content: image.fingerprint };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The image as it is, with what is known of it by the file and by the other images. `held`: every alias of the place. */
  async #seen(
    place: IncusPlace,
    image: IncusImageAnswer,
    signal: AbortSignal,
    held?: ReadonlySet<string>,
  ): Promise<Observed<IncusImage>> {
    const { mark: marker } = notesOf(image);
    const want = marker?.file === this.#host.file ? this.#wants.get(marker.owner) : undefined;
    const isHeld = async (name: string) => held?.has(name) ?? (await place.client.alias(name, signal)) !== undefined;
    const isThere = want !== undefined && (await this.#places.of(want)).prefix === place.prefix;
    const beside: ImageExtras = {
      ...(isThere ? { written: placingOf(want) } : {}),
      missing: want === undefined ? [] : await lostBy(image, isHeld),
    };
    return observed(image, place, beside);
  }

  /** The fingerprint that an image has now; undefined: there is none. */
  async #fingerprint(id: ImageId, address: Address | undefined, signal: AbortSignal): Promise<string | undefined> {
    const { name } = partsOf(id);
    if (isFingerprint(name)) return name;
    if (!name.startsWith(LASTING)) return undefined;
    return (await lasting(await this.#places.ofId(id), name, { file: this.#host.file, address }, signal))?.fingerprint;
  }

  /** What an interrupted run began the server may still be making: it is waited for, so that it is seen. */
  async #begun(address: Address, id: ImageId, signal: AbortSignal, note: ReadContext["note"]): Promise<void> {
    const { name } = partsOf(id);
    if (!name.startsWith(PENDING)) return;
    const { operations } = (await this.#places.ofId(id)).client;
    const onWait = () => note(`${address}: waiting for an operation that an interrupted run began on the server`);
    await operations.over(name.slice(PENDING.length), signal, onWait);
  }
}
