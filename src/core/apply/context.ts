import type { Event } from "../model/event.ts";
import type { ByteRequirements, Phase, Source } from "../model/image.ts";
import type { Address } from "../model/name.ts";
import type { Content, SourceSpec } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import type { PlanContext } from "../plan/context.ts";

/** Where a run keeps what it does; the state store is one. */
export interface Records {
  recorded(address: Address): Recorded | undefined;
  /** Resolves once it is on disk. */
  put(address: Address, recorded: Recorded | undefined): Promise<void>;
  record(event: Event): void;
}

/** What is to be known of a source while it is opened. */
interface ContentRequest {
  readonly address: Address;
  readonly signal: AbortSignal;
  progress(phase: Phase, done: number, total?: number): void;
  /** What the plan was made from: other bytes are Failure source.changed. */
  readonly expected?: Content;
  /** The bytes may be wanted once more in this run: a cache that may hold nothing keeps them until its end. */
  readonly isKept?: boolean;
}

/** A source that also tells, once it was read, what it was found to be. */
export interface OpenedContent extends Source {
  content(): Promise<Content>;
  /** The caller has finished reading. */
  release(): void;
}

/** What an apply is done with. */
export interface ApplyContext extends PlanContext {
  readonly records: Records;
  /** Ends everything at once: the second Ctrl-C. `signal` ends what is being made and lets the rest finish. */
  readonly hard: AbortSignal;
  fetch(spec: SourceSpec, wanted: ByteRequirements, opening: ContentRequest): Promise<OpenedContent>;
  secret(reference: string): Promise<string>;
  readonly parallelism: number;
  /** The user has not said how many: of small images there may be more at once, as their plugins have it. */
  readonly isWide?: boolean;
}
