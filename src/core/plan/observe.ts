import type { Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Recorded } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import { type Backend, type Lookup, plain, type ReadContext } from "../plugin.ts";
import { distinct, isFinished, keptBy, madeBy, retained, usable } from "./finished.ts";
import { type FoundImages, NONE, noImages } from "./found.ts";
import type { Garbage } from "./garbage.ts";
import type { LiveImage } from "./input.ts";
import { idsOf, markerStatus, type Ownership, ownershipOf } from "./ownership.ts";
import type { ListedSizes } from "./physical.ts";
import { claimOf, managedBy, type StateIdentity } from "./siblings.ts";

/** One address that is looked for on a backend. */
export interface ImageLookup {
  readonly address: Address;
  /** The address that its marker may still carry. */
  readonly previous?: Address;
  readonly known: Recorded | undefined;
  readonly want?: Attributes | undefined;
  readonly importing: ImageId | undefined;
  /** The id that the file chooses for it. */
  readonly chosen?: ImageId | undefined;
  /** Unique names that it is to hold. */
  readonly names: readonly string[];
  /** Those of them that it held when the state was last written. */
  readonly held: readonly string[];
  /** Names that it is to have and that are not unique. */
  readonly labels: readonly string[];
}

/** Up to this many known images are read one by one; for more, the pages of a listing cost less. */
const FEW = 3;

/** Looks for all addresses of one backend, by its listing or one by one, whichever costs less. Keeps only what was looked up. */
export async function observe(
  backend: Backend,
  owner: StateIdentity,
  lookups: readonly ImageLookup[],
  reading: ReadContext,
  sizes?: ListedSizes,
  garbage?: Garbage,
): Promise<Map<Address, FoundImages>> {
  const index = new Index(owner, lookups);
  const byId =
    lookups.length <= FEW &&
    lookups.every(
      (one) => one.known?.status === "ready" && one.names.length === one.held.length && one.labels.length === 0,
    );
  const list = async () => {
    for await (const image of backend.list(reading, lookups.flatMap(looked))) {
      index.add(image);
      sizes?.add(image);
      garbage?.list(1);
    }
    sizes?.complete();
  };
  if (!byId) await list();
  for (const { address, known, importing, chosen } of lookups) {
    await index.seek(chosen, (id) => backend.read({ address, id }, reading));
    // A known image that no listing shows may be in a place that is not listed any more: it is asked for by itself before it is abandoned.
    const id = importing ?? (known?.status === "ready" || known?.status === "replacing" ? known.id : undefined);
    if (id === undefined || index.has(id)) continue;
    const image = await backend.read({ address, id }, reading);
    if (image === undefined) continue;
    index.add(image);
    if (importing !== undefined) index.import(importing, image.id);
  }
  // A name that it had is another image's by now: which one only the listing tells.
  if (byId && lookups.some((one) => index.misses(one))) await list();
  return new Map(lookups.map((one) => [one.address, index.find(one)]));
}

/** Every image that an address has, or may have. */
const looked = ({ address, known, want = known?.want }: ImageLookup): readonly Lookup[] => {
  const ids: readonly (ImageId | undefined)[] = known === undefined ? [undefined] : idsOf(known);
  const made = known?.status === "ready" ? ids : [...new Set([...ids, undefined])];
  return made.map((id) => ({
    address,
    ...(id === undefined ? {} : { id }),
    ...(want === undefined ? {} : { want }),
  }));
};

/** The images of a listing that matter to some address. */
class Index {
  readonly #owner: StateIdentity;
  readonly #ids = new Set<string>();
  readonly #owners = new Set<string>();
  readonly #names = new Set<string>();
  readonly #labels = new Set<string>();
  readonly #lookups: ReadonlyMap<Address, ImageLookup>;
  /** An import may name an image by more than its id, so that none can be passed over. */
  readonly #importing: boolean;
  readonly #kept = new Map<ImageId, LiveImage>();
  readonly #marked = new Map<Address, LiveImage[]>();
  readonly #holders = new Map<string, LiveImage>();
  readonly #called = new Map<string, LiveImage[]>();

  constructor(owner: StateIdentity, lookups: readonly ImageLookup[]) {
    this.#owner = owner;
    this.#lookups = new Map(lookups.map((one) => [one.address, one]));
    for (const { address, previous, known, importing, chosen, names, labels } of lookups) {
      for (const id of idsOf(known)) this.#ids.add(id);
      for (const id of [importing, chosen]) if (id !== undefined) this.#ids.add(id);
      this.#owners.add(address);
      if (previous !== undefined) this.#owners.add(previous);
      for (const name of names) this.#names.add(name);
      for (const label of labels) this.#labels.add(label);
    }
    this.#importing = lookups.some(({ importing }) => importing !== undefined);
  }

  /** An image that is imported by an alias or another spelling of its id. */
  import(address: ImageId, id: ImageId): void {
    const image = this.#kept.get(id);
    if (image !== undefined) this.#kept.set(address, image);
  }

  /** Looks for the holder of an id that a file chooses, where it has not been seen yet. */
  async seek(id: ImageId | undefined, read: (id: ImageId) => Promise<Observed | undefined>): Promise<void> {
    if (id === undefined || this.#kept.has(id)) return;
    const image = await read(id);
    if (image === undefined) return;
    this.#ids.add(image.id);
    this.add(image);
    this.import(id, image.id);
  }

  has(id: ImageId): boolean {
    return this.#kept.has(id);
  }

  /** A known image is not there, or without a name that it held. */
  misses({ known, held }: ImageLookup): boolean {
    const names = known?.id === undefined ? undefined : this.#kept.get(known.id)?.names;
    return held.some((name) => names?.includes(name) !== true);
  }

  add(observed: Observed): void {
    const image: LiveImage = { ...observed, attributes: plain(observed.attributes) };
    const { id, marker, names: unique = [], name } = image;
    const worth = markerStatus(image);
    const ours = marker !== undefined && marker.file === this.#owner.file && this.#owners.has(marker.owner);
    const isMarked = ours && (worth === "genuine" || worth === "incomplete");
    const held = unique.filter((one) => this.#names.has(one));
    const called = name !== undefined && this.#labels.has(name);
    if (!isMarked && held.length === 0 && !called && !this.#ids.has(id) && !this.#importing) return;
    if (this.#kept.has(id)) return;
    this.#kept.set(id, image);
    if (isMarked) this.#marked.set(marker.owner, [...(this.#marked.get(marker.owner) ?? []), image]);
    for (const one of held) this.#holders.set(one, image);
    if (called) this.#called.set(name, [...(this.#called.get(name) ?? []), image]);
  }

  find(lookup: ImageLookup): FoundImages {
    const own = this.#own(lookup);
    const { have, leftovers } = own;
    if (have !== undefined && this.#isAlone(lookup, have, leftovers)) return own;
    const mine = (image: LiveImage) =>
      image.id === have?.id || leftovers.includes(image.id) || retained(lookup.known).has(image.id);
    const others = lookup.names
      .flatMap((name) => [this.#holders.get(name) ?? []].flat().map((image) => ({ ...image, name })))
      .filter((image) => !mine(image));
    const holders = others.map((image) => managedBy(image, lookup.address, this.#lookups.values(), this.#owner));
    const siblings = holders.filter((holder) => holder !== undefined);
    const rival = others.find((_, i) => holders[i] === undefined);
    const namesakes = lookup.labels
      .flatMap((label) => this.#called.get(label) ?? [])
      .filter((image) => !mine(image) && (markerStatus(image) === "none" || markerStatus(image) === "unsigned"));
    // Several images of the wanted name: none is chosen.
    const twins = have === undefined && rival === undefined && namesakes.length > 1 ? distinct(namesakes) : [];
    return {
      ...own,
      ambiguous: own.ambiguous.length > 0 ? own.ambiguous : twins,
      rival,
      idHolder: lookup.chosen === undefined ? undefined : this.#kept.get(lookup.chosen),
      namesake: namesakes.length === 1 ? namesakes[0] : undefined,
      after: [...new Set(siblings)],
      owned: this.#owned([...(have === undefined ? [] : [have.id]), ...leftovers, ...retained(lookup.known)]),
    };
  }

  /** Nothing of another address, and nothing that goes with its image, is about: so it is for nearly every image of a large plan. */
  #isAlone({ names, labels, chosen, known }: ImageLookup, have: LiveImage, leftovers: readonly ImageId[]): boolean {
    const isHeld = (name: string) => (this.#holders.get(name) ?? have) === have;
    const isPlain = labels.length === 0 && chosen === undefined && leftovers.length === 0;
    return isPlain && known?.retained === undefined && have.owns === undefined && names.every(isHeld);
  }

  #owned(ids: readonly ImageId[]): ReadonlyMap<ImageId, readonly string[]> {
    return new Map(ids.map((id) => [id, this.#kept.get(id)?.owns ?? []]));
  }

  /** Which image is that of the address, and which are remains of an interrupted run of this state. */
  #own(lookup: ImageLookup): FoundImages {
    const { address, previous, known, importing } = lookup;
    const claim = claimOf(lookup, this.#owner);
    const old = retained(known);
    const at = (id: ImageId | undefined) => (id === undefined ? undefined : this.#kept.get(id));
    const begun = (id: ImageId | undefined) => madeBy(at(id), this.#owner);
    const rank = (image: LiveImage | undefined): Ownership =>
      image === undefined ? "foreign" : ownershipOf(image, claim);
    const marked = distinct(
      [address, ...(previous === undefined ? [] : [previous])].flatMap((one) => this.#marked.get(one) ?? []),
    ).filter(({ id }) => !old.has(id));
    const found = (have: LiveImage | undefined, leftovers: readonly ImageId[] = NONE): FoundImages => ({
      ...noImages,
      have,
      ownership: rank(have),
      leftovers,
    });
    if (importing !== undefined && known === undefined) return found(at(importing));
    switch (known?.status) {
      case undefined:
      case "deleting":
      case "ready": {
        const recorded = at(known?.id);
        if (recorded?.status === "failed") return found(undefined, [recorded.id]);
        if (recorded !== undefined) return found(recorded);
        const claimable = marked.filter((image) => rank(image) === "claimable");
        const [current, ...more] = claimable.filter((image) => usable(image) && image.marker?.retained === undefined);
        const kept = known === undefined ? claimable.flatMap(keptBy) : [];
        const half = marked.find((image) => rank(image) === "incomplete") ?? claimable.find((image) => !usable(image));
        if (current === undefined) return { ...noImages, incomplete: half, kept };
        return { ...found(current), ambiguous: more.length === 0 ? NONE : [current, ...more], kept };
      }
      case "creating": {
        const made = distinct([begun(known.id), ...marked.filter((image) => rank(image) === "recorded")]);
        const good = made.find((image) => isFinished(image, known));
        return found(
          good,
          made.filter((image) => image !== good).map(({ id }) => id),
        );
      }
      case "replacing": {
        const mine = marked.filter((image) => rank(image) === "recorded" && image.id !== known.id);
        const made = distinct([begun(known.next), ...mine]);
        const good = made.find((image) => isFinished(image, known));
        const before = at(known.id);
        const rest = made.filter((image) => image !== good).map(({ id }) => id);
        if (good === undefined) return found(before, rest);
        return found(good, before === undefined ? rest : [...rest, before.id]);
      }
      default:
        return known satisfies never;
    }
  }
}
