import type { Attributes, Value } from "images";

/** Where a plugin is tested: a directory, an emulator, a real server. Every test has one of its own, or an empty corner of one. */
export interface Place extends AsyncDisposable {
  /** `[backend.x]` besides `plugin`; secrets are references into `env`. */
  readonly settings: Attributes;
  readonly env?: Readonly<Record<string, string>>;
  /** The same with a credential that nobody accepts. */
  readonly bad?: { readonly settings: Attributes; readonly env: Readonly<Record<string, string>> };
  /** Makes an image that is not ours, by other means than the plugin, under a name that the declaration of `small` would take. */
  plant?(): Promise<string>;
  /** Changes an attribute of an image behind our back; answers the name of the attribute. */
  meddle?(id: string): Promise<string>;
  /** The next `times` requests that can be refused are answered with this status. */
  refuse?(status: number, times: number): void;
  /** Has something use an image, until it is disposed of. */
  use?(id: string): Promise<AsyncDisposable>;
  /** Requests so far, and connections that are open. */
  requests?(): number;
  connections?(): number;
}

/** One attribute in its life: set, changed, cleared. */
export interface Life {
  readonly set: Value;
  readonly change: Value;
  /** False: the line cannot be taken out. */
  readonly clears?: boolean;
  /** Other attributes that it needs beside it. */
  readonly with?: Attributes;
  /** A change makes a new image. */
  readonly replaces?: boolean;
}

export interface Spec {
  /** As in `plugin = …`: a name, or an absolute path. */
  readonly plugin: string;
  place(): Promise<Place>;
  /** A place to see beforehand what can be asked, where one of those that the tests use cannot be had before they begin. */
  readonly probe?: () => Promise<Place>;
  /** The bytes that images are made from. None: only `small` says what they are made from. */
  readonly bytes?: Uint8Array;
  /** The name of the file with these bytes. */
  readonly filename?: string;
  /** Other bytes of the same kind, for a changed source. */
  readonly otherBytes?: Uint8Array;
  /** The least that has to be declared, besides the source. */
  readonly small: Attributes;
  /** Every attribute, with its life. */
  readonly lives: Readonly<Record<string, Life>>;
  /** Attributes that go with another origin, whose life another spec has; each with the reason. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** More images than a page of the listing holds, where a test can afford to make them. */
  readonly page?: number;
  /** A declaration for the i-th of several images side by side: their labels or aliases differ. */
  several?(i: number): Attributes;
  /** What a marker's `self` tells: the image (default), or only the place that it is in. */
  readonly self?: "image" | "place";
  /** Attributes that people give to an image without declaring them. Default: every one that can change in place, as `lives` sets it. */
  readonly given?: Attributes;
  /** Clauses that cannot hold here, each with its reason. */
  readonly skip?: Readonly<Partial<Record<Clause, string>>>;
  /** Milliseconds a test may take; for real servers. */
  readonly timeout?: number;
}

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
  "added by others",
  "copied marker",
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

/** A clause that cannot be asked of a place: it has no secrets, nobody else can change an image there. */
export class NotAsked extends Error {}

/** Clauses that cannot be asked of a place, each with the reason: they are shown as skipped. */
export function unasked(spec: Spec, place: Place, abilities: Abilities): Readonly<Partial<Record<Clause, string>>> {
  const edits = Object.values(spec.lives).filter((life) => life.replaces !== true && life.with === undefined);
  const reasons: readonly (readonly [isAsked: boolean, reason: string, ...clauses: readonly Clause[]])[] = [
    [spec.bytes !== undefined, "no bytes are sent", "abort", "broken bytes", "bytes back"],
    [spec.otherBytes !== undefined, "no bytes are sent", "another lineage", "changed bytes"],
    [abilities.download, "this backend does not give images back", "bytes back"],
    [spec.self !== "place", "the marker says where the image is, and a copy there is the image", "copied marker"],
    [spec.self !== "place", "images of the same bytes are one image: live tests of its own ask it", "lived-in world"],
    [edits.length > 0, "nothing can be changed in place", "edit", "added by others"],
    [place.bad !== undefined, "this backend has no credentials", "credential"],
    [place.connections !== undefined, "connections cannot be counted here", "dispose"],
    [Object.values(place.env ?? {}).length > 0, "this backend has no secrets", "secrets"],
    [place.refuse !== undefined, "this backend cannot be made to fail", "server errors"],
    [place.plant !== undefined, "nobody else can make an image here", "foreign"],
    [place.meddle !== undefined, "nobody else can change an image here", "drift"],
    [place.use !== undefined, "nothing can use an image here", "in use"],
  ];
  const found = reasons.filter(([isAsked]) => !isAsked);
  return Object.fromEntries(found.flatMap(([, reason, ...clauses]) => clauses.map((clause) => [clause, reason])));
}

/** What a backend can do besides, as far as clauses ask it. */
export interface Abilities {
  readonly download: boolean;
}
