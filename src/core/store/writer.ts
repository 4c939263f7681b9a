import { Failure } from "../failure.ts";
import type { Event, Outcome } from "../model/event.ts";
import { type Address, backendOf } from "../model/name.ts";
import { type Holder, type Recorded, STATE_VERSION, type State } from "../model/state.ts";
import { type Changes, isSameRow, rowsOf } from "./changes.ts";
import { Commits } from "./commits.ts";
import { showState } from "./document.ts";
import { encode, encodeText, type RunEntry, textOf, textOfRows } from "./journal.ts";
import { isRow, rowFault } from "./rows.ts";
import type { StateLock } from "./storage.ts";

/** A document that is in the storage; without a tag it is not there yet. */
interface StoredDocument {
  readonly state: State;
  readonly tag: string | undefined;
}

interface Pending {
  readonly at: string;
  /** As the journal has it. */
  readonly said: string;
  readonly isDurable: boolean;
}

/** A state that is open to be changed: what state.ts promises of a Store. */
export class Writer {
  readonly run: string;
  readonly #lease: StateLock;
  readonly #holder: Holder;
  readonly #now: () => Date;
  readonly #onNote: ((text: string) => void) | undefined;
  readonly #commits: Commits<Pending>;
  readonly #rows: Map<Address, Recorded>;
  /** Addresses whose rows are not those of the document. */
  readonly #differs = new Set<Address>();
  #written: StoredDocument;
  #state: State | undefined;
  #outcome: Outcome | undefined;
  #seq = 0;
  #last = { ms: Number.NaN, text: "" };
  #closing: Promise<void> | undefined;

  constructor(
    lease: StateLock,
    holder: Holder,
    written: StoredDocument,
    { now, onNote }: { readonly now: () => Date; readonly onNote: ((text: string) => void) | undefined },
  ) {
    this.run = holder.id;
    this.#lease = lease;
    this.#holder = holder;
    this.#written = written;
    this.#now = now;
    this.#onNote = onNote;
    this.#rows = new Map(rowsOf(written.state.images));
    this.#commits = new Commits((items) => (lease.journal === undefined ? this.#document() : this.#append(items)));
  }

  get state(): State {
    const { lineage, serial } = this.#written.state;
    this.#state ??= {
      version: STATE_VERSION,
      lineage,
      serial: this.#differs.size > 0 ? serial + 1 : serial,
      images: Object.fromEntries(this.#rows),
    };
    return this.#state;
  }

  recorded(address: Address): Recorded | undefined {
    return this.#rows.get(address);
  }

  put(address: Address, recorded: Recorded | undefined): Promise<void> {
    return this.#put([[address, recorded]]);
  }

  putAll(changes: Changes): Promise<void> {
    return this.#put([...changes]);
  }

  async #put(changes: readonly (readonly [at: Address, row: Recorded | undefined])[]): Promise<void> {
    if (this.#closing !== undefined) throw new Error("the state is closed");
    const rows = changes.map(([at, row]) => [at, row === undefined ? undefined : kept(at, row)] as const);
    if (rows.length === 0) return;
    // At once, so that later changes see it; and kept when the journal cannot be written, since the document may still be.
    for (const [at, kept] of rows) this.#set(at, kept?.row);
    await this.#add(textOfRows(rows.map(([at, kept]) => [at, kept?.json ?? "null"])), true);
  }

  async rename(from: Address, to: Address): Promise<void> {
    const row = this.#rows.get(from);
    if (row === undefined) throw new Failure("state.address", `the state has no ${from}`);
    if (this.#rows.has(to)) throw new Failure("state.address", `the state already has ${to}`);
    await this.putAll(
      new Map([
        [from, undefined],
        [to, { ...row, backend: backendOf(to) }],
      ]),
    );
  }

  record(event: Event): void {
    if (event.type === "run.done") this.#outcome = event.outcome;
    if (this.#closing !== undefined || this.#lease.journal === undefined || event.type === "transfer.progress") return;
    this.#commits.send({ at: this.#at(), said: textOf({ event }), isDurable: false }, (error) => {
      this.#onNote?.(`the journal of this run is incomplete: ${error instanceof Error ? error.message : error}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#commits.settled();
      await this.#document();
      if (this.#seq > 0) await this.#end();
    } finally {
      await this.#lease[Symbol.asyncDispose]();
    }
  }

  async #end(): Promise<void> {
    const { serial } = this.#written.state;
    const end = { serial, ...(this.#outcome === undefined ? {} : { outcome: this.#outcome }) };
    await this.#add(textOf({ end })).catch(() => {
      // The document is written: a journal that cannot take its last line has nothing to tell that counts.
    });
    await this.#lease.journal?.finish(this.run);
  }

  #add(said: string, isDurable = false): Promise<void> {
    return this.#commits.add({ at: this.#at(), said, isDurable });
  }

  /** Now, RFC 3339. Of thousands of lines many are of the same millisecond. */
  #at(): string {
    const now = this.#now().getTime();
    if (now !== this.#last.ms) this.#last = { ms: now, text: new Date(now).toISOString() };
    return this.#last.text;
  }

  #set(at: Address, row: Recorded | undefined): void {
    if (row === undefined) this.#rows.delete(at);
    else this.#rows.set(at, row);
    this.#compare(at);
    this.#state = undefined;
  }

  #compare(at: Address): void {
    if (isSameRow(this.#written.state.images[at], this.#rows.get(at))) this.#differs.delete(at);
    else this.#differs.add(at);
  }

  async #append(items: readonly Pending[]): Promise<void> {
    let seq = this.#seq;
    const lines = items.map(
      ({ at, said }) => (seq === 0 ? encode(++seq, at, this.#begin()) : "") + encodeText(++seq, at, said),
    );
    const durable = items.some(({ isDurable }) => isDurable);
    await this.#lease.journal?.append(this.run, lines.join(""), durable);
    this.#seq = seq;
  }

  #begin(): RunEntry {
    const { lineage, serial } = this.#written.state;
    const { operation, user, host } = this.#holder;
    return { begin: { run: this.run, version: STATE_VERSION, lineage, serial, operation, user, host } };
  }

  /** Writes the document where it is not what the rows say. */
  async #document(): Promise<void> {
    if (this.#differs.size === 0) return;
    const { state } = this;
    this.#written = { state, tag: await this.#lease.write(showState(state), this.#written.tag) };
    this.#state = undefined;
    // More may have been put meanwhile.
    for (const at of [...this.#differs]) this.#compare(at);
  }
}

/** The row as the next opening will read it, and its JSON. A row that could not be read then is a bug of the caller. */
function kept(at: Address, row: Recorded): { readonly row: Recorded; readonly json: string } {
  const json = JSON.stringify(row);
  const plain: unknown = JSON.parse(json);
  if (isRow(at, plain)) return { row: plain, json };
  const fault = rowFault(at, plain);
  throw new TypeError(`no row for ${at}: ${fault?.path.join(".")}: ${fault?.message}`);
}
