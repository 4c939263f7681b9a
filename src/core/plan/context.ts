import type { Facts } from "../facts.ts";
import type { Failure } from "../failure.ts";
import type { Config } from "../model/declaration.ts";
import type { Digest } from "../model/digest.ts";
import type { ByteRequirements } from "../model/image.ts";
import type { Address, BackendName } from "../model/name.ts";
import type { PlanMode } from "../model/plan.ts";
import type { Content, SourceSpec, Stat } from "../model/source.ts";
import type { State } from "../model/state.ts";
import type { Backend, Plugin } from "../plugin.ts";
import type { OutgoingBytes } from "../source/context.ts";

/** What a plan is made with. */
export interface PlanContext {
  readonly config: Config;
  readonly plugins: ReadonlyMap<BackendName, Plugin>;
  /** With `[[moved]]` already applied; `renamed` says what each address was called before. */
  readonly state: State;
  readonly renamed: ReadonlyMap<Address, Address>;
  /** Opened once a run. @throws Failure: that backend is out, the others go on. */
  open(backend: BackendName): Promise<Backend>;
  /**
   * What a source means now, without a download. `quick`: there is nothing to compare it with, so that a large local file may be
   * told by size, time and inode alone; its digest is made while its bytes are sent.
   */
  look(spec: SourceSpec, previous: Content | undefined, signal: AbortSignal, quick?: boolean): Promise<Content>;
  /**
   * The same without waiting, where the source is most likely what it was; undefined: ask `look`. `stats`: what files were found to be in
   * this plan. A file that many images name is asked for once.
   */
  lookNow?(spec: SourceSpec, previous: Content, stats?: Map<string, Stat>): Content | undefined;
  /** The id of the run. */
  readonly run: string;
  /** What the beginning of a source tells, where it can be seen without a download. */
  measure?(
    spec: SourceSpec,
    wanted: ByteRequirements | undefined,
    signal: AbortSignal,
  ): Promise<
    Pick<Facts, "format" | "virtualSize" | "untouched"> & {
      readonly problem?: Failure;
      readonly unreadable?: Failure;
      readonly remark?: string;
      readonly outgoing?: OutgoingBytes;
    }
  >;
  /** The sha256 of all that the backend would get of a file of this host, metadata first; undefined: it is no file of this host. */
  sent?(
    spec: SourceSpec,
    wanted: ByteRequirements,
    of: { readonly address: Address; readonly signal: AbortSignal },
  ): Promise<Digest | undefined>;
  readonly signal: AbortSignal;
  now(): Date;
}

/** Which addresses a plan is about, and how. Patterns are globs on addresses; one without a slash names a backend or an image. */
export interface Selection {
  readonly mode: PlanMode;
  readonly targets: readonly string[];
  readonly excludes: readonly string[];
  readonly replace: readonly string[];
  /** False: what the state remembers means what exists. */
  readonly refresh: boolean;
  readonly adopt: boolean;
  /** The digest of every local source is wanted, also where nothing is compared with it yet: for a plan that is kept. */
  readonly digests: boolean;
}

export const everything: Selection = {
  mode: "normal",
  targets: [],
  excludes: [],
  replace: [],
  refresh: true,
  adopt: false,
  digests: true,
};
