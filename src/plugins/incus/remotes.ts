import { type Address, canonical } from "images";
import { declared } from "./aliases.ts";
import { find, type OriginFound } from "./origin.ts";
import type { IncusPlace, Places } from "./places.ts";
import { type Declared, remoteImageRequest } from "./request.ts";
import type { Servers } from "./servers.ts";

/** What remotes have of the images that a file declares; each is asked once a run. */
export class Remotes {
  readonly #servers: Servers;
  readonly #places: Places;
  readonly #wants: ReadonlyMap<Address, Declared>;
  readonly #finds = new Map<string, Promise<OriginFound>>();
  #native: Promise<string> | undefined;

  constructor(servers: Servers, places: Places, wants: ReadonlyMap<Address, Declared>) {
    this.#servers = servers;
    this.#places = places;
    this.#wants = wants;
  }

  /** Aliases of remotes that images with an earlier address copy: where several want one, the first by its address has it. */
  async copiedBefore(address: Address, place: IncusPlace, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const names: string[] = [];
    for (const [other, want] of this.#wants) {
      if (other === address || (await this.#places.of(want)).prefix !== place.prefix) continue;
      names.push(...declared(want).map(({ name }) => name));
      const isFirst = other < address && remoteImageRequest(want)?.copyAliases === true;
      if (isFirst) names.push(...((await this.find(want, signal).catch(() => undefined))?.aliases ?? []));
    }
    return new Set(names);
  }

  /** The image of a remote that is wanted. What an alias points to is asked once a run. */
  find(want: Declared, signal: AbortSignal): Promise<OriginFound | undefined> {
    const asked = remoteImageRequest(want);
    if (asked === undefined) return Promise.resolve(undefined);
    const key = canonical(asked);
    let finding = this.#finds.get(key);
    if (finding === undefined) {
      finding = find(asked, this.#servers, () => this.architecture(signal), signal);
      this.#finds.set(key, finding);
      finding.catch(() => this.#finds.delete(key));
    }
    return finding;
  }

  /** The architecture of the server itself. */
  architecture(signal: AbortSignal): Promise<string> {
    this.#native ??= (async () => {
      const { client } = await this.#places.own();
      return (await client.server(signal)).environment?.architectures?.[0] ?? "x86_64";
    })();
    this.#native.catch(() => {
      this.#native = undefined;
    });
    return this.#native;
  }
}
