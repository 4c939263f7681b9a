import type { Digest } from "./model/digest.ts";
import type { Format, Observed } from "./model/image.ts";
import type { ImageId } from "./model/name.ts";
import type { Desired, Schema } from "./model/schema.ts";
import type { Attributes } from "./model/value.ts";
import type { Backend, Complaint, Context, ReadContext } from "./plugin.ts";

// What a backend can do besides `Backend`: each ability is a method that it may have.

/** A file of an image, downloaded from a backend. */
export interface Part {
  readonly name: string;
  readonly format: Format;
  readonly size?: number;
  /** The strongest digest of its bytes that the backend keeps of this part, if any. */
  readonly digest?: Digest;
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Ability: returns the bytes of an image. One part, or metadata and disk. */
export interface Downloads {
  download(id: ImageId, context: ReadContext): Promise<readonly Part[]>;
}
/** Ability: a link from which anyone can download the disk of an image for this number of seconds. It is a secret. */
export interface Links {
  link(id: ImageId, seconds: number, context: ReadContext): Promise<string>;
}
/** Ability: an image can be taken out of use without being deleted. */
export interface Retires {
  retire(id: ImageId, how: "hide" | "deactivate", context: Context): Promise<void>;
}
/** Ability: what uses an image, as text ("3 servers"); undefined if nothing does. */
export interface Uses {
  usedBy(id: ImageId, context: ReadContext): Promise<string | undefined>;
}
/**
 * Ability: the name of an image that `retain` keeps is freed for its successor; `version` is a date like 20261120T151500Z. `template` is
 * what the file wants it to be called (`versionName` fills it), where it says so.
 */
export interface Renames {
  rename(id: ImageId, version: string, context: Context, template?: string): Promise<void>;
}

/** Undeclared additions to a managed image. */
export interface Additions {
  /**
   * Live values of attributes that `create` and `update` can give to another image: tags, members, aliases, an expiry, properties set
   * by hand. Declared ones may be among them: the core leaves those out, and those that are as a new image has them anyway (`unset`).
   * Of a table with keys of its own, only keys that no new image would have by itself.
   */
  readonly attributes: Attributes;
  /** Lines for the plan: what a new image will not have: "share group 42", "the acceptance by project p2". */
  readonly lost?: readonly string[];
}
/**
 * Ability: reports undeclared additions to an image before it is replaced; may send requests. What is carried over is passed to `create`
 * (and to `update`, if a replacement was interrupted) as a part of `want`.
 */
export interface ReportsAdditions<I extends Schema = Schema> {
  additions(image: Observed<I>, want: Desired<I>, context: ReadContext): Promise<Additions>;
}

/**
 * Ability: checks what only the backend can decide, for example that a region exists. Called by a plan after the listing, so that what is
 * known from it costs no request.
 */
export interface ChecksLive<I extends Schema = Schema> {
  checkLive(want: Desired<I>, context: ReadContext): Promise<readonly Complaint[]>;
}

export const canCheckLive = <B extends Backend>(backend: B): backend is B & ChecksLive => has(backend, "checkLive");
/** The result of an update of an image from its origin by the backend itself. */
export interface Refreshed {
  /** The image as it is now, with its marker and what is declared of it; it may have another id. */
  readonly image: Observed;
  /** False: it was up to date. */
  readonly changed: boolean;
  /** `Resolved.content` of what the image is made from now. */
  readonly content?: string;
}
/** Ability: updates an image from what it was copied from, if the backend knows that. */
export interface Refreshes<I extends Schema = Schema> {
  refresh(have: Observed<I>, want: Desired<I>, context: Context): Promise<Refreshed>;
}

/**
 * Ability: a place can be written in several ways, or is reached through several backends. Returns `names` (those of `Plugin.names` and
 * `Plugin.physical`) in their order, each as a text that is the same for one name at one place, however it is written.
 */
export interface Locates<I extends Schema = Schema> {
  located(want: Desired<I>, names: readonly string[], context: ReadContext): Promise<readonly string[]>;
}

export const canLocate = <B extends Backend>(backend: B): backend is B & Locates => has(backend, "located");
export const canReportAdditions = <B extends Backend>(backend: B): backend is B & ReportsAdditions =>
  has(backend, "additions");
export const canDownload = <B extends Backend>(backend: B): backend is B & Downloads => has(backend, "download");
export const canLink = <B extends Backend>(backend: B): backend is B & Links => has(backend, "link");
export const canRefresh = <B extends Backend>(backend: B): backend is B & Refreshes => has(backend, "refresh");
export const canRetire = <B extends Backend>(backend: B): backend is B & Retires => has(backend, "retire");
export const canReportUse = <B extends Backend>(backend: B): backend is B & Uses => has(backend, "usedBy");
export const canRename = <B extends Backend>(backend: B): backend is B & Renames => has(backend, "rename");

const has = (backend: object, name: string): boolean =>
  name in backend && typeof Reflect.get(backend, name) === "function";
