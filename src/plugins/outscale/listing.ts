import type { Address, Host, ImageId, Lookup, Observed } from "images";
import { isIntermediate, type SnapshotCleanup } from "./cleanup.ts";
import { isImageId, type OutscaleClient } from "./client.ts";
import { observed } from "./image.ts";
import type { Omi } from "./schema.ts";

/** Looks for images, and for what interrupted runs left of them. */
export class Listing {
  readonly #client: OutscaleClient;
  readonly #remains: SnapshotCleanup;
  readonly #host: Pick<Host, "file" | "declared">;

  constructor(client: OutscaleClient, remains: SnapshotCleanup, host: Pick<Host, "file" | "declared">) {
    this.#client = client;
    this.#remains = remains;
    this.#host = host;
  }

  /** By its id, else by its marker. */
  async find(
    { address, id, nonce }: { readonly address: Address; readonly id?: ImageId; readonly nonce?: string },
    signal: AbortSignal,
  ): Promise<Observed<Omi> | undefined> {
    if (id !== undefined) {
      const found = isImageId(id) ? await this.#client.image(id, signal) : undefined;
      if (found === undefined) return isImageId(id) || isIntermediate(id) ? undefined : await this.#named(id, signal);
      const one = observed(found, await this.#client.account(signal), this.#host.declared);
      return await this.#unmarked(one, address, signal);
    }
    for await (const found of this.#own(signal)) {
      const { self } = found.marker ?? {};
      const isIts = self === found.id || (nonce !== undefined && self === `~${nonce}`);
      if (isIts && found.marker?.owner === address && found.marker.file === this.#host.file) return found;
    }
    return undefined;
  }

  /** Every image that the account sees. */
  async *all(signal: AbortSignal): AsyncGenerator<Observed<Omi>> {
    const account = await this.#client.account(signal);
    for await (const answer of this.#client.images(signal, {})) yield observed(answer, account, this.#host.declared);
  }

  /** The images of the account, and what is left of those that are looked for. */
  async *of(looked: readonly Lookup[], signal: AbortSignal): AsyncGenerator<Observed<Omi>> {
    const seen = new Set<string>();
    const known = new Map(looked.flatMap(({ address, id }) => (id === undefined ? [] : [[id, address] as const])));
    for await (const found of this.#own(signal)) {
      seen.add(found.id);
      const address = known.get(found.id);
      yield address === undefined ? found : await this.#unmarked(found, address, signal);
    }
    yield* this.#unfinished(looked, seen, signal);
  }

  async *#own(signal: AbortSignal): AsyncGenerator<Observed<Omi>> {
    const account = await this.#client.account(signal);
    for await (const answer of this.#client.images(signal, { AccountIds: [account] }))
      yield observed(answer, account, this.#host.declared);
  }

  /** By its name, which an import may give in place of the id. */
  async #named(name: string, signal: AbortSignal): Promise<Observed<Omi> | undefined> {
    const account = await this.#client.account(signal);
    for await (const answer of this.#client.images(signal, { AccountIds: [account], ImageNames: [name] }))
      if (answer.ImageName === name) return observed(answer, account, this.#host.declared);
    return undefined;
  }

  /** Without a marker (they are off, or somebody took it away) the snapshots say themselves what they go with. */
  async #unmarked(found: Observed<Omi>, address: Address, signal: AbortSignal): Promise<Observed<Omi>> {
    if (found.marker !== undefined || found.names === undefined) return found;
    return { ...found, owns: await this.#remains.of(found.id, address, signal) };
  }

  /**
   * What an interrupted run left: things on the way to an image, and snapshots of an image that is deleted already. They are shown as images
   * that are not usable, so that they are deleted.
   */
  async *#unfinished(
    looked: readonly Lookup[],
    seen: ReadonlySet<string>,
    signal: AbortSignal,
  ): AsyncGenerator<Observed<Omi>> {
    // An address that is looked for without an id as well is in the middle of something.
    const open = new Set(looked.flatMap(({ address, id }) => (id === undefined ? [address] : [])));
    for (const { address, id } of looked) {
      if (id === undefined || seen.has(id)) continue;
      const marker = { file: this.#host.file, owner: address, content: "" };
      const isOpen = open.has(address) && isImageId(id);
      const owns = isIntermediate(id) || isOpen ? await this.#remains.of(id, address, signal) : [];
      if (isIntermediate(id) || owns.length > 0) yield { id, marker, attributes: {}, status: "failed", owns };
    }
  }
}
