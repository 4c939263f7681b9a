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

/** What a reading operation may do besides its own work. */
export interface ReadContext {
  /** Aborted at Ctrl-C and at a timeout. An operation stops at its next await and rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** A line for the user; secrets in it are redacted. */
  note(text: string): void;
}

/** What a changing operation may do besides its own work. */
export interface Context extends ReadContext {
  readonly address: Address;
  /** The marker to be written by `create` and `update`, without `self`: write `marker(self)`. None: markers are off on this backend. */
  readonly desiredMarker: Marker | undefined;
  /** The marker of the image that says `self` of itself (its id, as a rule; see `Observed.self`). None: markers are off. */
  marker(self: string): Marker | undefined;
  /** Random and in the state before `create` is called. A backend that chooses the id writes `marker("~" + nonce)` until it knows it. */
  readonly nonce: string;
  /**
   * To be called as soon as the backend has finished the image and its bytes are proven: a later failure (tags, members, replicas) leaves
   * it in place, and the next run completes it.
   */
  completed(): void;
  /**
   * In a replace, delete-first, of a plugin with `deletesLast`: deletes the image `replaces`, once. To be called when all that can fail
   * is done, right before the call that needs its name.
   */
  readonly retireOld?: () => Promise<void>;
  /** The image that `retireOld` deleted is there again under another id, because `create` is about to fail. Resolves once the state has it. */
  readonly restored?: (id: ImageId) => Promise<void>;
  /**
   * Of `delete`: what goes with the image, by the plan (`Observed.owns`). Nothing else is deleted with it. Undefined: this run made the
   * image, so that all that it made for it goes.
   */
  readonly owns?: readonly string[];
  /** In a replace: the managed image that is still there. Create-first: its names may be moved to the new one, once that is good. */
  readonly replaces?: ImageId;
  /** The backend may fetch the bytes by itself: `Plugin.pulls` said so. There is no `source` then. */
  readonly pull?: Pull;
  /**
   * Unique names that other declared images of this backend are to hold: where one is still on this image, `update` leaves it there,
   * and the step of the other one moves it.
   */
  readonly claimed?: ReadonlySet<string>;
  /** When the source was last changed, as its server or the file system reports it; asks where that is not known yet. */
  readonly sourceDate?: () => Promise<Date | undefined>;
  /**
   * `done` counts from 0 to `total` within a phase and never goes back, but for a retry, which begins at 0 again. `what`: of a wait, what
   * for, and the status that the backend reports ("the image to become active (importing)").
   */
  progress(phase: Phase, done: number, total?: number, what?: string): void;
  /** Resolves once the id is in the state file. Call it as soon as the backend has said the id, before the first byte goes up. */
  identified(id: ImageId): Promise<void>;
  /** The secret behind a reference (`env:NAME`) in a sensitive attribute; redacted from then on. @throws Failure config.secret */
  secret(reference: string): Promise<string>;
}

/** A URL that is publicly readable, whose bytes are wanted as they are. */
export interface Pull {
  readonly urls: readonly string[];
  /** What the bytes have to be, where it was declared. */
  readonly digest?: Digest;
  /** The bytes through here after all, where the backend cannot get them. */
  open(): Promise<Source>;
}

/** An image that a listing is made for: what the state knows of it, and what it is to be. */
export interface Lookup {
  readonly address: Address;
  readonly id?: ImageId;
  readonly want?: Attributes;
}

/**
 * An open backend. `read`, `list` and `resolve` observe; the others change. Each observes before it changes, and forgives races:
 * what exists already is taken up by its marker, what is gone already is gone. None retries a request: the Door does.
 */
export interface Backend<I extends Schema = Schema> extends AsyncDisposable {
  /**
   * Finds by id, else by the marker: only an image whose marker is its own (`self`), or bears `~` and `nonce`, and never by a copy.
   * Absence is `undefined`, never an error.
   */
  read(
    what: { readonly address: Address; readonly id?: ImageId; readonly nonce?: string },
    context: ReadContext,
  ): Promise<Observed<I> | undefined>;
  /**
   * Every image that is to be seen, all pages of it, ours or not, at the cost of the pages. Attributes as complete as in `read`.
   * `looked`: only these are looked for, so that images in which none of them can be may be left out.
   */
  list(context: ReadContext, looked?: readonly Lookup[]): AsyncIterable<Observed<I>>;
  /** Where an origin of the backend's own points now, without moving a byte. Only called where such an origin is wanted. */
  resolve?(want: Desired<I>, context: ReadContext): Promise<Resolved>;
  /**
   * Makes the image, marks it, waits until it can be used. `source` is there when the wanted origin is bytes. If it fails, the image may
   * be half made, but then its id was `identified`.
   */
  create(want: Desired<I>, source: Source | undefined, context: Context): Promise<Observed<I>>;
  /**
   * Brings the attributes that can change in place to what is wanted. `cleared`: attributes that were wanted and are not any more; they
   * go back to the backend's default, or to nothing. Also writes the marker, where `context.mark` differs from what `have` carries.
   */
  update(have: Observed<I>, want: Desired<I>, cleared: readonly string[], context: Context): Promise<Observed<I>>;
  /** Takes the image away, and waits until it is gone. One that is gone already is no error. */
  delete(id: ImageId, context: Context): Promise<void>;
}

/** What a plugin gets from the program when a backend is opened. */
export interface Host {
  readonly backend: BackendName;
  /** `[settings] name`: images whose marker says another file are not managed. */
  readonly file: string;
  /** The directory of images.toml, absolute: relative paths in settings start there. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the file wants of each image on this backend: where a backend has several places to look, these say which. */
  readonly declared?: Readonly<Record<Address, Attributes>>;
  /** Aborted when the run ends early. */
  readonly signal: AbortSignal;
  /** A way to the network with the backend's limits, retries, redaction and proxy. Closed with the backend, by the program. */
  http(options: HttpOptions): HttpClient;
  /** `[policy]` requires https for all that images are made from: also of servers that the file does not name by their URL. */
  readonly httpsOnly?: boolean;
  /** From now on this text is shown as (sensitive) wherever it would be printed: tokens, signed URLs. */
  maskSecret(secret: string): void;
  /** A small file of a tar archive, packed in whatever way, that is in its first bytes; no more of them are read. Undefined: it does not. */
  fileIn(archive: AsyncIterable<Uint8Array>, name: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** A directory of our own that outlives a run, made at the first call, mode 0700. */
  scratch(): Promise<string>;
}

/** A file of an image: problems that a plugin tells carry the attribute they are about, so that the place in the file is shown. */
export interface Complaint extends Omit<Problem, "at"> {
  readonly attribute?: string;
}

/** What a plugin file hands over. `C` is the schema of `[backend.NAME]`, `I` that of an image on such a backend. */
export interface Plugin<C extends Schema = Schema, I extends Schema = Schema> {
  readonly api: 1;
  /** Lower-case letters, digits, dashes. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  readonly config: C;
  readonly image: I;
  /** What `images init --plugin NAME` writes. Default: a backend with the required settings, and no image. */
  readonly starter?: Starter;
  /** Ways to make an image without bytes of ours. Exactly one origin, or a `source`, has to be declared. */
  readonly origins?: readonly Origin[];
  /** What bytes it takes for this image; undefined: none, it only has origins of its own. */
  bytes?(want: Desired<I>): ByteRequirements;
  /**
   * The backend can fetch the URL of the source by itself, and is to: whether the bytes are proven then, and if not why. Undefined: they
   * go through here. Asked only where the URL can be read without credentials and its bytes are wanted as they are.
   */
  pulls?(
    want: Desired<I>,
    digest: Digest | undefined,
  ): { readonly verified: boolean; readonly why?: string } | undefined;
  /** An image may be declared without any origin: it already exists and only kept as declared. */
  readonly originless?: boolean;
  /** What attributes come to by default, where that is neither one value (`unset`) nor the image's own name (`ownName`). */
  defaults?(address: Address): Attributes;
  /** Names of which the backend has each only once, and that this image is to hold. A foreign image that holds one blocks the plan. */
  names?(want: Desired<I>, address: Address): readonly string[];
  /**
   * A unique name moves from one image to another in one call, so that it need not be freed first: the step of the image that is to have
   * it comes before that of the one which has it.
   */
  readonly movesNames?: boolean;
  /** Names that are not unique there, by which `--adopt` and `images import` find an image all the same. */
  labels?(want: Desired<I>, address: Address): readonly string[];
  /**
   * What comes to one and the same physical image on the backend (Incus: project and fingerprint): the same text for two addresses is
   * an error of the plan, with both places. An image of which `read` finds that text as an id, and that has it among its `names`, is
   * there already: unmanaged, it blocks the plan as one of the wanted name does. Called with what is known of the bytes when the plan
   * is made; undefined: not known, or none.
   */
  physical?(want: Desired<I>, content: KnownBytes): string | undefined;
  /**
   * The id that the file chooses, on a backend that gives an id only once. What a failed creation left under it is not deleted: `create`
   * continues with it. An image cannot be replaced under its own id.
   */
  chosenId?(want: Desired<I>): ImageId | undefined;
  /** In a replace, delete-first: `create` calls `context.retireOld` itself, as late as it can. Else the core proves the bytes and deletes before it. */
  readonly deletesLast?: boolean;
  /** Default: create-first. A function, where it depends on what changes. */
  order?(have: Reported<I>, want: Desired<I>): ReplaceOrder;
  /** Seconds for what is done to one image, where the user says none. Default: no limit. */
  readonly timeout?: number;
  /** What `on_remove` can be. Default: delete, forget. */
  readonly onRemove?: readonly OnRemove[];
  /**
   * Rules that no type can tell: names, limits of size and format, attributes that exclude each other. Called by `validate` without facts,
   * by `plan` with what is known of the bytes by then. Touches nothing.
   */
  check?(want: Desired<I>, facts: Facts): readonly Complaint[];
  /** Settings that `open` could not use, reported by `validate`. Touches nothing; sensitive ones are references here. */
  checkConfig?(config: Desired<C>): readonly Complaint[];
  /** Secrets in `config` are resolved. Sends no request. */
  open(config: Desired<C>, host: Host): Promise<Backend<I>>;
}

/** Gives a plugin its types. At run time it hands back what it got. */
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
