import type { Facts, KnownBytes } from "./facts.ts";
import type { Problem } from "./failure.ts";
import type { OnRemove, ReplaceOrder } from "./model/declaration.ts";
import type { Digest } from "./model/digest.ts";
import type { ByteRequirements, Marker, Observed, Phase, Resolved, Source } from "./model/image.ts";
import type { Address, BackendName, ImageId } from "./model/name.ts";
import type { Desired, Reported, Schema } from "./model/schema.ts";
import type { Attributes, Value } from "./model/value.ts";
import type { HttpClient, HttpOptions } from "./net/client.ts";
import type { Origin } from "./origin.ts";
import type { Starter } from "./starter.ts";

/** What an operation that reads may use. */
export interface ReadContext {
  /** Aborted at Ctrl-C and at a timeout. An operation stops at its next await and rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** A line for the user; secrets in it are redacted. */
  note(text: string): void;
}

/** What an operation that changes may use. */
export interface Context extends ReadContext {
  readonly address: Address;
  /** The marker that `create` and `update` write, without `self`: write `marker(self)`. Undefined: markers are off on this backend. */
  readonly desiredMarker: Marker | undefined;
  /** The marker of an image with this `self` (usually its id; see `Observed.self`). Undefined: markers are off. */
  marker(self: string): Marker | undefined;
  /** Random and in the state before `create` is called. A backend that chooses the id writes `marker("~" + nonce)` until it knows it. */
  readonly nonce: string;
  /**
   * Call it as soon as the backend has finished the image and its bytes are verified: a later failure (tags, members, replicas) leaves it
   * in place, and the next run completes it.
   */
  completed(): void;
  /**
   * With delete-first and `Plugin.deletesLast`: deletes the image `replaces`, once. Call it when everything that can fail is done, right
   * before the request that needs its name.
   */
  readonly retireOld?: () => Promise<void>;
  /** Call it if the image that `retireOld` deleted was restored under another id, because `create` fails. Resolves when the id is in the state. */
  readonly restored?: (id: ImageId) => Promise<void>;
  /**
   * In `delete`: what the plan deletes with the image (`Observed.owns`), and nothing else. Undefined: this run created the image, and
   * everything that it created for it is deleted.
   */
  readonly owns?: readonly string[];
  /** In a replacement: the managed image that still exists. With create-first, its names may be moved to the finished new one. */
  readonly replaces?: ImageId;
  /** The backend may fetch the bytes by itself, as `Plugin.pulls` returned. There is no `source` then. */
  readonly pull?: Pull;
  /**
   * Unique names that other declared images of this backend are to have: `update` leaves one that is still on this image, and the step
   * of the other image moves it.
   */
  readonly claimed?: ReadonlySet<string>;
  /** When the source was last changed, as its server or the file system reports it; may send a request. */
  readonly sourceDate?: () => Promise<Date | undefined>;
  /**
   * `done` grows from 0 to `total` within a phase; only a retry begins at 0 again. `what`: what a wait is for, and the status that the
   * backend reports ("the image to become active (importing)").
   */
  progress(phase: Phase, done: number, total?: number, what?: string): void;
  /** Resolves when the id is in the state. Call it as soon as the id is known, before the first byte is sent. */
  identified(id: ImageId): Promise<void>;
  /** The secret behind a reference (`env:NAME`) in a sensitive attribute; redacted from then on. @throws Failure config.secret */
  secret(reference: string): Promise<string>;
}

/** A publicly readable URL whose bytes are used unchanged. */
export interface Pull {
  readonly urls: readonly string[];
  /** The declared digest of the bytes. */
  readonly digest?: Digest;
  /** The bytes through this program, if the backend cannot fetch them. */
  open(): Promise<Source>;
}

/** An image that a listing is made for: what the state contains of it, and what is declared. */
export interface Lookup {
  readonly address: Address;
  readonly id?: ImageId;
  readonly want?: Attributes;
}

/**
 * An open backend. `read`, `list` and `resolve` observe; the others change. Each observes before it changes, and tolerates races:
 * what exists already is continued by its marker, what is gone already is gone. None repeats a request: `Host.http` does.
 */
export interface Backend<I extends Schema = Schema> extends AsyncDisposable {
  /**
   * Finds an image by its id, else by its marker: `self` is its own, or `~` and `nonce`; never by a copied marker. Absence is
   * `undefined`, never an error.
   */
  read(
    what: { readonly address: Address; readonly id?: ImageId; readonly nonce?: string },
    context: ReadContext,
  ): Promise<Observed<I> | undefined>;
  /**
   * Every visible image, managed or not, from all pages, at the cost of the pages. Attributes are as complete as those of `read`.
   * `looked`: only these images are of interest; images that can be none of them may be left out.
   */
  list(context: ReadContext, looked?: readonly Lookup[]): AsyncIterable<Observed<I>>;
  /** What an origin of the backend's own means now, without a transfer. Only called if such an origin is declared. */
  resolve?(want: Desired<I>, context: ReadContext): Promise<Resolved>;
  /**
   * Creates the image with its marker, and waits until it can be used. `source` is defined if the origin is bytes. If it fails, the image
   * may be incomplete, but then its id was reported by `Context.identified`.
   */
  create(want: Desired<I>, source: Source | undefined, context: Context): Promise<Observed<I>>;
  /**
   * Sets attributes that can change in place to what is wanted. `cleared`: attributes that are no longer wanted; they return to the
   * default of the backend, or to nothing. Also writes the marker, if `Context.marker` differs from `Observed.marker` of `have`.
   */
  update(have: Observed<I>, want: Desired<I>, cleared: readonly string[], context: Context): Promise<Observed<I>>;
  /** Deletes the image, and waits until it is gone. An image that is already gone is not an error. */
  delete(id: ImageId, context: Context): Promise<void>;
}

/** What the program gives to a plugin that opens a backend. */
export interface Host {
  readonly backend: BackendName;
  /** `[settings] name`: images whose marker says another file are not managed. */
  readonly file: string;
  /** The directory of images.toml, absolute: relative paths in settings start there. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The declarations of all images on this backend: if it has several places to look, these say which. */
  readonly declared?: Readonly<Record<Address, Attributes>>;
  /** Aborted when the run ends early. */
  readonly signal: AbortSignal;
  /** An HTTP client with the limits, retries, redaction and proxy of the backend. The program closes it with the backend. */
  http(options: HttpOptions): HttpClient;
  /** `[policy]` requires https for everything that images are made from, also from servers that the file does not name. */
  readonly httpsOnly?: boolean;
  /** Prints (sensitive) in the place of this text from now on: tokens, signed URLs. */
  maskSecret(secret: string): void;
  /** A small file near the beginning of a tar archive, whatever its compression; no more than that is read. Undefined: it is not there. */
  fileIn(archive: AsyncIterable<Uint8Array>, name: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** A directory of our own that outlives a run, made at the first call, mode 0700. */
  scratch(): Promise<string>;
}

/** A problem of a declaration, with the attribute that it is about, so that its place in the file is shown. */
export interface Complaint extends Omit<Problem, "at"> {
  readonly attribute?: string;
}

/** The default export of a plugin file. `C` is the schema of `[backend.NAME]`, `I` that of an image on such a backend. */
export interface Plugin<C extends Schema = Schema, I extends Schema = Schema> {
  readonly api: 1;
  /** Lower-case letters, digits, dashes. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  readonly config: C;
  readonly image: I;
  /** What `images init --plugin NAME` writes. Default: a backend with the required settings, no image. */
  readonly starter?: Starter;
  /** Ways to create an image without an upload. Exactly one origin, or a `source`, has to be declared. */
  readonly origins?: readonly Origin[];
  /** The bytes that it accepts for this image; undefined: none, it only has origins of its own. */
  bytes?(want: Desired<I>): ByteRequirements;
  /**
   * The backend is to fetch the URL of the source by itself: whether the bytes are verified then, and why not. Undefined: they go through
   * this program. Only called if the URL needs no credentials and its bytes are used unchanged.
   */
  pulls?(
    want: Desired<I>,
    digest: Digest | undefined,
  ): { readonly verified: boolean; readonly why?: string } | undefined;
  /** An image may be declared without an origin: it exists already, and only its attributes are managed. */
  readonly originless?: boolean;
  /** Defaults of attributes that are neither one value (`unset`) nor the name of the image (`ownName`). */
  defaults?(address: Address): Attributes;
  /** Names that are unique on the backend, and that this image is to have. An unmanaged image that has one blocks the plan. */
  names?(want: Desired<I>, address: Address): readonly string[];
  /**
   * A unique name moves from one image to another in one request, without being freed first: the step of the image that is to have it
   * comes before the step of the image that has it.
   */
  readonly movesNames?: boolean;
  /** Names that are not unique on the backend, by which `--adopt` and `images import` find an image. */
  labels?(want: Desired<I>, address: Address): readonly string[];
  /**
   * What identifies the physical image on the backend (Incus: project and fingerprint): the same text for two addresses is an error of
   * the plan, with both places. An image that `read` finds by this text, and that has it among its `names`, exists already: unmanaged, it
   * blocks the plan as an image with the declared name does. Called with what the plan knows of the bytes; undefined: not known, or none.
   */
  physical?(want: Desired<I>, content: KnownBytes): string | undefined;
  /**
   * The id that the file chooses, on a backend that accepts each id only once. An incomplete image with it is not deleted: `create`
   * continues it. An image cannot be replaced under its own id.
   */
  chosenId?(want: Desired<I>): ImageId | undefined;
  /** With delete-first, `create` calls `Context.retireOld` itself, as late as possible. Without it, the program verifies the bytes and deletes before `create`. */
  readonly deletesLast?: boolean;
  /** Default: create-first. It may depend on what changes. */
  order?(have: Reported<I>, want: Desired<I>): ReplaceOrder;
  /**
   * How many images may be made at once of small files of this host that the backend takes as they are, if the user sets no `parallelism`:
   * for a backend whose syncs are shared by all that is under way. Default: as many as of any images.
   */
  readonly smallAtOnce?: number;
  /** Seconds for the work on one image, if the user sets none. Default: no limit. */
  readonly timeout?: number;
  /** Values of `on_remove`. Default: delete, forget. */
  readonly onRemove?: readonly OnRemove[];
  /**
   * Rules that no type expresses: names, limits of size and format, attributes that exclude each other. Called by `validate` without facts,
   * by `plan` with what is known of the bytes. Has no effects.
   */
  check?(want: Desired<I>, facts: Facts): readonly Complaint[];
  /** Settings that `open` could not use, reported by `validate`. Has no effects; sensitive settings are references here. */
  checkConfig?(config: Desired<C>): readonly Complaint[];
  /** Secrets in `config` are resolved. Sends no request. */
  open(config: Desired<C>, host: Host): Promise<Backend<I>>;
}

/** Gives a plugin its types. Returns its argument. */
export const definePlugin = <const C extends Schema, const I extends Schema>(plugin: Plugin<C, I>): Plugin<C, I> =>
  plugin;

/** Attributes as a plain table, for code that knows no schema. */
export function plain(answered: Reported<Schema>): Attributes {
  const attributes: Record<string, Value> = {};
  for (const name of Object.keys(answered)) {
    const value: Value | undefined = answered[name];
    if (value !== undefined) attributes[name] = value;
  }
  return attributes;
}
