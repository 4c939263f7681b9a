import { free } from "../../format/garbage.ts";
import type { Validators } from "../../model/source.ts";
import type { ProofResult } from "../supply.ts";
import { changed, Proving } from "../verify/index.ts";
import type { ProvenSink } from "./mirrors.ts";
import { type DownloadOrder, demandOf, pinnedOf, stillPinned } from "./order.ts";
import type { Sink } from "./sink.ts";

/** What a server says of the bytes that go by; only those that the plan was made from are accepted. */
class Accepted {
  offset = 0;
  total: number | undefined;
  validators: Validators = {};
  where: string | undefined;
  protected readonly order: DownloadOrder;

  constructor(order: DownloadOrder) {
    this.order = order;
  }

  async accept(where: string, validators: Validators, total: number | undefined): Promise<void> {
    stillPinned(pinnedOf(this.order), where, validators);
    const { length: _, ...version } = validators;
    this.validators = version;
    this.where = where;
    this.total = total;
  }
}

/** Where the bytes of one reading go by: they are proven and given on, and cannot be taken back. */
export class Passing extends Accepted implements Sink {
  readonly #proving: Proving;
  readonly #give: (piece: Uint8Array) => Promise<void>;
  readonly #told: (done: number, total: number | undefined) => void;

  constructor(
    order: DownloadOrder,
    proving: Proving,
    give: (piece: Uint8Array) => Promise<void>,
    told: (done: number, total: number | undefined) => void,
  ) {
    super(order);
    this.#proving = proving;
    this.#give = give;
    this.#told = told;
  }

  get isSeen(): boolean {
    return this.offset > 0;
  }

  soFar(): string {
    return this.#proving.soFar();
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#proving.update(bytes);
    this.offset += bytes.length;
    await this.#give(bytes);
    this.#told(this.offset, this.total);
  }

  async restart(): Promise<void> {
    if (this.isSeen)
      throw changed(
        this.where ?? "the source",
        "the file has changed since the download began",
        "while it was fetched",
      );
  }
}

/** Bytes that nobody reads: they are only proven. */
export class Weighed extends Accepted implements ProvenSink, Disposable {
  readonly isSeen = false;
  /** The mirror that the proven bytes came from, where it was one. */
  giver: string | undefined;
  readonly #told: (done: number, total: number | undefined) => void;
  #proving: Proving;

  private constructor(order: DownloadOrder, told: (done: number, total: number | undefined) => void, proving: Proving) {
    super(order);
    this.#told = told;
    this.#proving = proving;
  }

  /** @throws Failure source.signature, source.key, and those of fetching them */
  static async begin(order: DownloadOrder, told: (done: number, total: number | undefined) => void): Promise<Weighed> {
    return new Weighed(order, told, await Proving.begin(demandOf(order)));
  }

  soFar(): string {
    return this.#proving.soFar();
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#proving.update(bytes);
    this.offset += bytes.length;
    free(bytes);
    this.#told(this.offset, this.total);
  }

  async restart(): Promise<void> {
    this.#proving[Symbol.dispose]();
    this.#proving = await Proving.begin(demandOf(this.order));
    this.offset = 0;
    this.total = undefined;
  }

  async prove(giver?: string): Promise<ProofResult> {
    const proven = await this.#proving.end(false, giver);
    this.giver = giver;
    return proven;
  }

  [Symbol.dispose](): void {
    this.#proving[Symbol.dispose]();
  }
}
