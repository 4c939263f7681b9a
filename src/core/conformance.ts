import type { Attributes, Value } from "./model/value.ts";

/** Where a plugin is tested: a directory, an emulator, a server. Each clause opens its own. */
export interface TestPlace extends AsyncDisposable {
  /** `[backend.x]` besides `plugin`; secrets are references into `env`. */
  readonly settings: Attributes;
  readonly env?: Readonly<Record<string, string>>;
  /** The same with an invalid credential. */
  readonly bad?: { readonly settings: Attributes; readonly env: Readonly<Record<string, string>> };
  /** Creates an unmanaged image without the plugin, with the name that an image `small` would have. Returns its id. */
  plant?(): Promise<string>;
  /** Changes an attribute of an image without the plugin. Returns the name of the attribute. */
  meddle?(id: string): Promise<string>;
  /** Answers the next `times` requests with this status. */
  refuse?(status: number, times: number): void;
  /** Uses an image until it is disposed of. */
  use?(id: string): Promise<AsyncDisposable>;
  /** Replaces the text in which the plugin keeps the marker of an image, as a user who edits it by hand. */
  scribble?(id: string, text: string): Promise<void>;
  /** How many images, uploads, snapshots, jobs that run and the like the place has. */
  resources?(): number;
  /** Requests so far, and connections that are open. */
  requests?(): number;
  connections?(): number;
}

/** The values of an attribute: set, changed, cleared. */
export interface AttributeLife {
  readonly set: Value;
  readonly change: Value;
  /** False: the line cannot be removed. */
  readonly clears?: boolean;
  /** True: the backend keeps the value when the line is removed. */
  readonly stays?: boolean;
  /** Other attributes that it needs. */
  readonly with?: Attributes;
  /** A change needs a new image. */
  readonly replaces?: boolean;
}

/** What the conformance suite needs to test a plugin. */
export interface ConformanceSpec {
  place(): Promise<TestPlace>;
  /** The place is shared with others: images with a marker of this run of the suite are deleted after each clause. */
  readonly shared?: boolean;
  /** The bytes that images are created from. Undefined: `small` contains an origin. */
  readonly bytes?: Uint8Array;
  /** The name of the file with these bytes. */
  readonly filename?: string;
  /** Other bytes of the same kind, for a changed source. */
  readonly otherBytes?: Uint8Array;
  /** The smallest valid declaration, without the source. */
  readonly small: Attributes;
  /** The values of every attribute. */
  readonly lives: Readonly<Record<string, AttributeLife>>;
  /** Attributes that need another origin and are tested by another spec; each with the reason. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** More images than a page of the listing has, if a test can create that many. */
  readonly page?: number;
  /** The declaration of the i-th of several images, if their names have to differ. */
  several?(i: number): Attributes;
  /**
   * The bytes of the n-th unmanaged image or copy, different each time: for a backend on which equal bytes are one image. Default: `bytes`.
   */
  others?(n: number): Uint8Array | Promise<Uint8Array>;
  /** Attributes that others add to an image without declaring them. Default: each that can change in place, as `lives` sets it. */
  readonly given?: Attributes;
  /** A place to find out which clauses can run, if `place` cannot be opened before they begin. */
  readonly probe?: () => Promise<TestPlace>;
  /** Clauses that do not apply, each with its reason. */
  readonly skip?: Readonly<Partial<Record<Clause, string>>>;
  /** Milliseconds that a clause may take. Default: 120000. */
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

/** A clause that a place does not allow: it has no secrets, other users cannot change an image there. */
export class ClauseSkipped extends Error {}
