import type { Observed } from "../model/image.ts";
import { type Address, type ImageId, imageId } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import { type Backend, type Looked, plain, type Reading } from "../plugin.ts";
import { contentKey, isUnproven } from "./key.ts";
import type { Image } from "./sight.ts";

/** One address that is looked for on a backend. */
export interface Asked {
  readonly address: Address;
  /** The address that its mark may still carry. */
  readonly previous?: Address;
  readonly known: Recorded | undefined;
  readonly want?: Attributes | undefined;
  readonly importing: ImageId | undefined;
  /** Unique names that it is to hold. */
  readonly names: readonly string[];
  /** Names that it is to have and that are not unique. */
  readonly labels: readonly string[];
}

export interface Found {
  readonly have: Image | undefined;
  readonly leftovers: readonly ImageId[];
  readonly rival: Image | undefined;
  readonly namesake: Image | undefined;
  /** Another address of ours that holds one of the names, and is to let go of it first. */
  readonly after: readonly Address[];
}

/** Up to this many known images are read one by one; for more, the pages of a listing cost less. */
const FEW = 3;

/** Looks for all addresses of one backend, by its listing or one by one, whichever costs less. Keeps only what somebody asked for. */
export async function observe(
  backend: Backend,
  file: string,
  asked: readonly Asked[],
  reading: Reading,
): Promise<Map<Address, Found>> {
  const index = new Index(file, asked);
  const byId =
    asked.length <= FEW &&
    asked.every((one) => one.known?.status === "ready" && one.names.length + one.labels.length === 0);
  if (!byId) for await (const image of backend.list(reading, asked.flatMap(looked))) index.add(image);
  for (const { address, known, importing } of asked) {
    // A known image that no listing shows may be in a place that is not listed any more: it is asked for by itself before it is given up.
    const id = importing ?? (known?.status === "ready" || known?.status === "replacing" ? known.id : undefined);
    if (id === undefined || index.has(id)) continue;
    const image = await backend.read({ address, id }, reading);
    if (image === undefined) continue;
    index.add(image);
    if (importing !== undefined) index.import(importing, image.id);
  }
  return new Map(asked.map((one) => [one.address, index.find(one)]));
}

/** Every image that an address has, or may have. */
const looked = ({ address, known, want = known?.want }: Asked): readonly Looked[] => {
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
  readonly #file: string;
  readonly #ids: Set<string>;
  readonly #owners: Set<string>;
  readonly #names: Set<string>;
  readonly #labels: Set<string>;
  readonly #asked: ReadonlyMap<Address, Asked>;
  /** An import may name an image by more than its id, so that none can be passed over. */
  readonly #importing: boolean;
  readonly #kept = new Map<ImageId, Image>();
  readonly #marked = new Map<Address, Image[]>();
  readonly #holders = new Map<string, Image>();
  readonly #called = new Map<string, Image[]>();

  constructor(file: string, asked: readonly Asked[]) {
    this.#file = file;
    this.#asked = new Map(asked.map((one) => [one.address, one]));
    this.#ids = new Set(
      asked.flatMap(({ known, importing }) => [...idsOf(known), ...(importing === undefined ? [] : [importing])]),
    );
    this.#owners = new Set(
      asked.flatMap(({ address, previous }) => (previous === undefined ? [address] : [address, previous])),
    );
    this.#names = new Set(asked.flatMap(({ names }) => names));
    this.#labels = new Set(asked.flatMap(({ labels }) => labels));
    this.#importing = asked.some(({ importing }) => importing !== undefined);
  }

  /** An image that is imported by an alias or another spelling of its id. */
  import(asked: ImageId, id: ImageId): void {
    const image = this.#kept.get(id);
    if (image !== undefined) this.#kept.set(asked, image);
  }

  has(id: ImageId): boolean {
    return this.#kept.has(id);
  }

  add(observed: Observed): void {
    const image: Image = { ...observed, attributes: plain(observed.attributes) };
    const { id, mark, names = [], name } = image;
    const ours = mark?.file === this.#file && this.#owners.has(mark.owner);
    const held = names.filter((one) => this.#names.has(one));
    const called = name !== undefined && this.#labels.has(name);
    if (!ours && held.length === 0 && !called && !this.#ids.has(id) && !this.#importing) return;
    if (this.#kept.has(id)) return;
    this.#kept.set(id, image);
    if (ours && mark !== undefined) this.#marked.set(mark.owner, [...(this.#marked.get(mark.owner) ?? []), image]);
    for (const one of held) this.#holders.set(one, image);
    if (called) this.#called.set(name, [...(this.#called.get(name) ?? []), image]);
  }

  find(asked: Asked): Found {
    const { have, leftovers } = this.#own(asked);
    const mine = (image: Image) =>
      image.id === have?.id || leftovers.includes(image.id) || retained(asked.known).has(image.id);
    const others = asked.names.flatMap((name) => this.#holders.get(name) ?? []).filter((image) => !mine(image));
    const siblings = others.flatMap((image) => this.#sibling(asked.address, image) ?? []);
    const rival = others.find((image) => this.#sibling(asked.address, image) === undefined);
    const namesakes = asked.labels
      .flatMap((label) => this.#called.get(label) ?? [])
      .filter((image) => !mine(image) && image.mark === undefined);
    return {
      have,
      leftovers,
      rival,
      namesake: namesakes.length === 1 ? namesakes[0] : undefined,
      after: [...new Set(siblings)],
    };
  }

  /** The address of ours, other than this one, that an image belongs to. */
  #sibling(address: Address, image: Image): Address | undefined {
    for (const other of this.#asked.values()) {
      if (other.address === address) continue;
      if (idsOf(other.known).includes(image.id)) return other.address;
      if (image.mark?.file === this.#file && image.mark.owner === other.address) return other.address;
    }
    return undefined;
  }

  /** Which of our own images is the one, and which are remains of an interrupted run. */
  #own({ address, previous, known, importing }: Asked): { have: Image | undefined; leftovers: readonly ImageId[] } {
    const old = retained(known);
    const marked = [
      ...(this.#marked.get(address) ?? []),
      ...(previous === undefined ? [] : (this.#marked.get(previous) ?? [])),
    ].filter(({ id }) => !old.has(id));
    const at = (id: ImageId | undefined) => (id === undefined ? undefined : this.#kept.get(id));
    const usable = (image: Image | undefined) => image !== undefined && (image.status ?? "ready") === "ready";
    if (importing !== undefined && known === undefined) return { have: at(importing), leftovers: [] };
    switch (known?.status) {
      case undefined:
      case "deleting":
      case "ready": {
        const first = at(known?.id) ?? marked.find(usable) ?? marked[0];
        if (first === undefined) return { have: undefined, leftovers: [] };
        const dead = first.status === "failed" || (known === undefined && first.status === "pending");
        return dead ? { have: undefined, leftovers: [first.id] } : { have: first, leftovers: [] };
      }
      case "creating": {
        const made = distinct([at(known.id), ...marked]);
        const good = made.find((image) => usable(image) && isWhole(image, known.content));
        return { have: good, leftovers: made.filter((image) => image !== good).map(({ id }) => id) };
      }
      case "replacing": {
        const made = distinct([at(known.next), ...marked]).filter(({ id }) => id !== known.id);
        const good = made.find((image) => usable(image) && isWhole(image, known.content));
        const before = at(known.id);
        const rest = made.filter((image) => image !== good).map(({ id }) => id);
        if (good === undefined) return { have: before, leftovers: rest };
        return { have: good, leftovers: before === undefined ? rest : [...rest, before.id] };
      }
      default:
        return known satisfies never;
    }
  }
}

/** An image whose mark says that it was made from what was being made: it was finished, only not recorded. */
const isWhole = (image: Image, content: Content | undefined): boolean =>
  image.mark !== undefined && image.mark.content === contentKey(content) && !isUnproven(image.mark.content);

const distinct = (images: readonly (Image | undefined)[]): Image[] => [
  ...new Set(images.filter((image) => image !== undefined)),
];

function idsOf(known: Recorded | undefined): readonly ImageId[] {
  if (known === undefined) return [];
  const next = known.status === "replacing" ? known.next : undefined;
  return [known.id, next].flatMap((id) => (id === undefined ? [] : [imageId(id)]));
}

const retained = (known: Recorded | undefined): ReadonlySet<ImageId> => new Set(known?.retained?.map(({ id }) => id));
