import type { Attributes, Value } from "./model/value.ts";

/** Where a plugin is tested: a directory, an emulator, a real server. Every clause has one of its own, or an empty corner of one. */
export interface TestPlace extends AsyncDisposable {
  /** `[backend.x]` besides `plugin`; secrets are references into `env`. */
  readonly settings: Attributes;
  readonly env?: Readonly<Record<string, string>>;
  /** The same with an invalid credential. */
  readonly bad?: { readonly settings: Attributes; readonly env: Readonly<Record<string, string>> };
  /** Makes an image that is not managed, by other means than the plugin, under a name that the declaration of `small` would take. */
  plant?(): Promise<string>;
  /** Changes an attribute of an image behind our back; answers the name of the attribute. */
  meddle?(id: string): Promise<string>;
  /** The next `times` requests that can be refused are answered with this status. */
  refuse?(status: number, times: number): void;
  /** Has something use an image, until it is disposed of. */
  use?(id: string): Promise<AsyncDisposable>;
  /** Replaces the text in which the plugin keeps the marker of an image, as a user who edits it by hand. */
  scribble?(id: string, text: string): Promise<void>;
  /** How many images, uploads, snapshots, jobs that run and the like the place has. */
  resources?(): number;
  /** Requests so far, and connections that are open. */
  requests?(): number;
  connections?(): number;
}

/** One attribute in its life: set, changed, cleared. */
export interface AttributeLife {
  readonly set: Value;
  readonly change: Value;
  /** False: the line cannot be removed. */
  readonly clears?: boolean;
  /** True: the backend keeps the value when the line is removed. */
  readonly stays?: boolean;
  /** Other attributes that it needs beside it. */
  readonly with?: Attributes;
  /** A change makes a new image. */
  readonly replaces?: boolean;
}

/** What the conformance suite has to know of a plugin, to ask it. */
export interface ConformanceSpec {
  place(): Promise<TestPlace>;
  /** The place is a server that others use as well: images that bear a marker of this run of the suite are deleted after each clause. */
  readonly shared?: boolean;
  /** The bytes that images are made from. None: only `small` says what they are made from. */
  readonly bytes?: Uint8Array;
  /** The name of the file with these bytes. */
  readonly filename?: string;
  /** Other bytes of the same kind, for a changed source. */
  readonly otherBytes?: Uint8Array;
  /** The least that has to be declared, besides the source. */
  readonly small: Attributes;
  /** Every attribute, with its life. */
  readonly lives: Readonly<Record<string, AttributeLife>>;
  /** Attributes that go with another origin, whose life another spec has; each with the reason. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** More images than a page of the listing holds, where a test can afford to make them. */
  readonly page?: number;
  /** A declaration for the i-th of several images side by side: their labels or aliases differ. */
  several?(i: number): Attributes;
  /**
   * Bytes for the n-th image that others make there, a copy with everything that the copied one bears included: each time others. For a
   * backend on which equal bytes are one image. Default: `bytes`.
   */
  others?(n: number): Uint8Array | Promise<Uint8Array>;
  /** Attributes that people give to an image without declaring them. Default: every one that can change in place, as `lives` sets it. */
  readonly given?: Attributes;
  /** A place to see beforehand what can be asked, where one of those that the clauses use cannot be had before they begin. */
  readonly probe?: () => Promise<TestPlace>;
  /** Clauses that cannot hold here, each with its reason. */
  readonly skip?: Readonly<Partial<Record<Clause, string>>>;
  /** Milliseconds a test may take; for real servers. */
  readonly timeout?: number;
}

/** Gives the default export of a conformance file its type. */
export const defineConformance = (spec: ConformanceSpec): ConformanceSpec => spec;

/** The clauses by their short names, in the order of the suite. */
export const CLAUSES = [
  "schema",
  "absence",
  "delete of nothing",
  "create",
  "law",
  "all attributes",
  "attribute lives",
  "lost state",
  "another lineage",
  "another file",
  "copied marker",
  "added by others",
  "lived-in world",
  "in use",
  "what is already so",
  "listing",
  "edit",
  "abort",
  "deleted",
  "credential",
  "secrets",
  "foreign",
  "create twice",
  "side by side",
  "server errors",
  "broken bytes",
  "names",
  "dispose",
  "bytes back",
  "drift",
  "changed bytes",
  "replace",
  "import",
  "unmarked",
  "mark",
] as const;
export type Clause = (typeof CLAUSES)[number];

/** A clause that cannot be asked of a place: it has no secrets, other users cannot change an image there. */
export class ClauseSkipped extends Error {}
