import type { Complaint, Desired } from "images";
import type { LinodeClient } from "./client.ts";
import type { LinodeImage } from "./schema.ts";
import type { LinodeImageAnswer } from "./wire.ts";

/** The regions that there are: those that images are in, and, where another one is wanted, those of the public list. */
export class LinodeRegions {
  readonly #client: LinodeClient;
  readonly #seen = new Set<string>();
  #all: Promise<ReadonlySet<string>> | undefined;

  constructor(client: LinodeClient) {
    this.#client = client;
  }

  saw({ regions }: Pick<LinodeImageAnswer, "regions">): void {
    for (const { region } of regions ?? []) this.#seen.add(region);
  }

  /** A complaint for every region of a wish that does not exist. */
  async unknown(want: Desired<LinodeImage>, signal: AbortSignal): Promise<readonly Complaint[]> {
    const wanted = [
      ...(want.region === undefined ? [] : [{ attribute: "region", id: want.region }]),
      ...(want.replica_regions ?? []).map((id) => ({ attribute: "replica_regions", id })),
    ].filter(({ id }) => !this.#seen.has(id));
    if (wanted.length === 0) return [];
    this.#all ??= this.#client.regions(signal).then(
      (ids) => new Set(ids),
      (thrown: unknown) => {
        this.#all = undefined;
        throw thrown;
      },
    );
    const all = await this.#all;
    return wanted.flatMap(({ attribute, id }): Complaint[] => {
      if (all.has(id)) return [];
      const message = `${attribute}: Linode has no region ${JSON.stringify(id)}`;
      return [{ code: "config.value", attribute, message, hint: "list regions with: linode-cli regions list" }];
    });
  }
}
