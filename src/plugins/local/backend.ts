import {
  type Backend,
  type Context,
  type Desired,
  type Downloads,
  digest,
  Failure,
  type ImageId,
  imageId,
  imageOf,
  type Marker,
  type Observed,
  type Part,
  type ReadContext,
  type Source,
} from "images";
import { formatOf, made, namesOf, observed, properties, selfOf, without } from "./entry.ts";
import { Publisher } from "./publish.ts";
import type { StoreEntry } from "./record.ts";
import type { LocalImage } from "./schema.ts";
import type { ImageStore } from "./store.ts";
import { fileName, isPublic, productVersions } from "./streams.ts";

/** A store as a backend: content-addressed blobs, a record for each image, and indexes that any web server can serve. */
export class StoreBackend implements Backend<LocalImage>, Downloads {
  readonly #store: ImageStore;
  readonly #publisher: Publisher;
  /** Who holds which name, as of the first time that it was asked, and with our own changes since. */
  #holders: Map<string, ImageId> | undefined;
  /** There once a change has begun. */
  readonly #file: string;
  #begun: Promise<void> | undefined;

  /** `file`: the `[settings] name` whose images are managed. */
  constructor(store: ImageStore, file: string, url?: string) {
    this.#store = store;
    this.#file = file;
    this.#publisher = new Publisher(store, url);
  }

  async read(
    { address, id }: { address: Context["address"]; id?: ImageId },
    { note }: ReadContext,
  ): Promise<Observed<LocalImage> | undefined> {
    const known = id === undefined ? undefined : await this.#store.entry(id, note);
    if (known !== undefined) return await this.#seen(known);
    for await (const entry of this.#store.entries(note)) {
      if (id !== undefined && entry.name === id) return await this.#seen(entry);
      if (id !== undefined || entry.mark?.owner !== address || entry.mark.file !== this.#file) continue;
      const seen = await this.#seen(entry);
      if (seen.marker?.self === seen.self) return seen;
    }
    return undefined;
  }

  async *list({ signal, note }: ReadContext): AsyncGenerator<Observed<LocalImage>> {
    const store = await this.#store.id();
    for await (const some of this.#store.list(note)) {
      signal.throwIfAborted();
      for (const { entry, isWhole } of some) yield shown(entry, isWhole, store);
    }
  }

  async #seen(entry: StoreEntry): Promise<Observed<LocalImage>> {
    return shown(entry, await this.#store.isWhole(entry), await this.#store.id());
  }

  async create(want: Desired<LocalImage>, source: Source | undefined, context: Context): Promise<Observed<LocalImage>> {
    if (source === undefined)
      throw new Failure("backend.refused", "the local store needs a source", {
        hint: "set `source`",
      });
    await this.#begin(context);
    const name = want.name ?? imageOf(context.address);
    await this.#free([name, ...(want.aliases ?? [])], context);
    if (want.visibility !== "private")
      await this.#store.checkFile(fileName({ name, format: source.format, compression: source.compression }));
    const created = new Date();
    const id = imageId(`${name}@${created.getTime().toString(36)}${crypto.randomUUID().slice(0, 8)}`);
    await context.identified(id);
    const beside = source.metadata ?? made(want, name, source, created);
    const metadata = beside === undefined ? undefined : await this.#store.put(beside, { part: "metadata", context });
    const before = metadata === undefined ? {} : { before: await this.#store.read(metadata) };
    const progress = (done: number) => context.progress("upload", done, source.size);
    const { combined, ...disk } = await this.#store.put(source, { ...before, progress, part: "disk", context });
    const entry: StoreEntry = {
      id,
      name,
      ...(await this.#signed(context, id)),
      attributes: want,
      disk,
      ...(metadata === undefined ? {} : { metadata: { sha256: metadata.sha256, size: metadata.size } }),
      fingerprint: combined,
      format: source.format,
      compression: source.compression,
      created: created.toISOString(),
    };
    return await this.#keep(entry);
  }

  async update(
    have: Observed<LocalImage>,
    want: Desired<LocalImage>,
    cleared: readonly string[],
    context: Context,
  ): Promise<Observed<LocalImage>> {
    const entry = await this.#store.entry(have.id);
    if (entry === undefined)
      throw new Failure("backend.missing", `${have.id} is no longer in the store`, { hint: "plan again" });
    await this.#begin(context);
    const name = want.name ?? (cleared.includes("name") ? imageOf(context.address) : entry.name);
    await this.#free([name, ...(want.aliases ?? [])], context, have.id);
    const next: StoreEntry = {
      ...entry,
      name,
      attributes: { ...without(entry.attributes, cleared), ...want, ...properties(entry, want, cleared) },
      ...(await this.#signed(context, have.id)),
    };
    return await this.#keep(next, entry);
  }

  async delete(id: ImageId, context: Context): Promise<void> {
    const entry = await this.#store.entry(id);
    if (entry === undefined) return;
    await this.#begin(context);
    await this.#store.removeEntry(entry);
    await this.#publisher.changed();
  }

  async download(id: ImageId, _: ReadContext): Promise<readonly Part[]> {
    const entry = await this.#store.entry(id);
    if (entry === undefined) throw new Failure("backend.missing", `${id} is not in the store`);
    const part = (name: string, { sha256, size }: StoreEntry["disk"], format: Part["format"]): Part => ({
      name,
      format,
      size,
      digest: digest("sha256", sha256),
      open: (signal) => this.#store.open({ sha256, size }, signal),
    });
    const disk = part(fileName(entry), entry.disk, formatOf(entry.format));
    return entry.metadata === undefined ? [disk] : [part(`${entry.name}.metadata.tar`, entry.metadata, "tar"), disk];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What could not begin was reported, and has changed nothing.
    if (this.#begun !== undefined && !(await this.#begun.then(always, never))) return;
    await this.#store.end(this.#publisher.show, this.#begun !== undefined);
  }

  /** Before the first change. All others wait for that. */
  async #begin(reading: ReadContext): Promise<void> {
    this.#begun ??= this.#store.begin(reading);
    await this.#begun;
  }

  /** `former`: the record before. A version that is superseded leaves its file name to the one that came after it. */
  async #keep(entry: StoreEntry, former?: StoreEntry): Promise<Observed<LocalImage>> {
    const file = fileName(entry);
    const isSuperseded = entry.mark?.retained !== undefined && former !== undefined && fileName(former) === file;
    if (!isPublic(entry)) {
      if (await this.#store.unname(entry.disk, file)) await this.#renameOlder(entry);
    } else if (!isSuperseded) await this.#store.name(entry.disk, file);
    await this.#store.putEntry(entry);
    for (const name of namesOf(entry)) this.#holders?.set(name, entry.id);
    await this.#publisher.changed();
    return observed(entry, await this.#store.id());
  }

  /** The name of an image that has become private goes to an earlier version that is public. */
  async #renameOlder({ id, name }: StoreEntry): Promise<void> {
    const others = (await Array.fromAsync(this.#store.entries())).filter((one) => one.id !== id && one.name === name);
    for (const { current } of productVersions(others)) await this.#store.name(current.disk, fileName(current));
  }

  async #signed(context: Context, id: ImageId): Promise<Pick<StoreEntry, "mark">> {
    const marker = context.marker(selfOf(id, await this.#store.id()));
    return marker === undefined ? {} : { mark: marker };
  }

  /** A name or alias belongs to one image; that of the image which is being replaced may be taken. */
  async #free(names: readonly string[], context: Context, own?: ImageId): Promise<void> {
    this.#holders ??= new Map(
      await Array.fromAsync(this.#store.entries(), (entry) =>
        namesOf(entry).map((name) => [name, entry.id] as const),
      ).then((all) => all.flat()),
    );
    for (const name of names) {
      const id = this.#holders.get(name);
      if (id === undefined || id === own || id === context.replaces) continue;
      const entry = await this.#store.entry(id);
      if (entry === undefined || isOf(entry.mark, context.desiredMarker)) continue;
      if (!namesOf(entry).includes(name)) continue;
      throw new Failure("backend.conflict", `the name ${name} is already in use by ${id}`, {
        hint: "choose another name, or delete that image",
      });
    }
  }
}

/** An image whose bytes are gone or of another size can never be used again. */
function shown(entry: StoreEntry, isWhole: boolean, store: string | undefined): Observed<LocalImage> {
  const seen = observed(entry, store);
  return isWhole ? seen : { ...seen, status: "failed" };
}

const isOf = (marker: Marker | undefined, wanted: Marker | undefined): boolean =>
  marker !== undefined && marker.owner === wanted?.owner && marker.file === wanted.file;

const always = () => true;
const never = () => false;
