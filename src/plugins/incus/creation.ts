import { type Context, type Desired, Failure, type Host, type ImageId, imageId, type Source } from "images";
import { assignFreeAliases, declared, freeAliases, isLeft, moveAliases } from "./aliases.ts";
import { filesFrom } from "./bytes.ts";
import { sameBytes, unclaimed } from "./conflict.ts";
import { edited } from "./edit.ts";
import { isSameOwner, isSpare, type Notes, noteFor, notesOf, ownMark, pending, selfOf, toProperties } from "./image.ts";
import { hasProperties } from "./metadata.ts";
import { filesOf, type OriginFound } from "./origin.ts";
import { type IncusPlace, idAt, supports, there } from "./places.ts";
import { published } from "./publish.ts";
import { adoptedSpare, dropped, pulled, quiet, unproven } from "./pull.ts";
import { remoteImageRequest } from "./request.ts";
import type { IncusImage } from "./schema.ts";
import { isClaimed, NO_SOURCE } from "./update.ts";
import { mismatch, send, type UploadSending } from "./upload.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** What a making needs to know of the world around it. */
interface CreationContext {
  readonly place: IncusPlace;
  /** The image of a remote that is wanted, as it was when the plan was made. */
  readonly find: () => Promise<OriginFound | undefined>;
  /** Aliases of the remote that other images of the file are to have. */
  readonly others: () => Promise<ReadonlySet<string>>;
  readonly native: () => Promise<string>;
  readonly fileIn: Host["fileIn"];
  /** Where the instance is that it is published from. */
  readonly instances: () => Promise<IncusPlace>;
}

/** One image on its way into being. */
export class IncusCreation {
  readonly #want: Desired<IncusImage>;
  readonly #around: CreationContext;
  readonly #context: Context;
  /** The fingerprint of the image that is being replaced, where it is in the same place. */
  readonly #replaces: string | undefined;
  /** The image as it was, where it turned out to be there already. */
  #before: IncusImageAnswer | undefined;

  constructor(want: Desired<IncusImage>, around: CreationContext, context: Context, replaces: string | undefined) {
    this.#want = want;
    this.#around = around;
    this.#context = context;
    this.#replaces = replaces;
  }

  /** Makes it, and gives it its aliases once it is good. */
  async make(source: Source | undefined): Promise<IncusImageAnswer> {
    const { place } = this.#around;
    const { client } = place;
    const { signal } = this.#context;
    const found = await this.#around.find();
    const begun = this.#context.marker(found === undefined ? this.#nonce : selfOf(place, found.fingerprint));
    const must = declared(this.#want);
    const taking = { signal, replaces: this.#replaces, owner: begun, place };
    const copying = found !== undefined && remoteImageRequest(this.#want)?.copyAliases === true;
    const may = copying ? await this.#copies(found, must) : [];
    const can = await freeAliases(client, found?.fingerprint, { must, may }, taking);
    const first: Notes = { mark: begun, alias: this.#want.alias, copied: copying ? can : undefined };
    const fingerprint = await this.#bring(source, found, first);
    const wished: Notes = { ...first, mark: this.#context.marker(selfOf(place, fingerprint)) };
    const own = (image: IncusImageAnswer) =>
      fingerprint === this.#replaces ? image : unclaimed(image, place, this.#context);
    const made = await client.change(fingerprint, (now) => edited(own(now), this.#want, [], wished), signal);
    if (this.#want.auto_update && made.update_source == null) this.#context.note(NO_SOURCE);
    await moveAliases(client, fingerprint, must, taking);
    const copied = await assignFreeAliases(client, fingerprint, can.map(plainAlias), taking);
    const notes = copying ? { ...wished, copied } : wished;
    if (copying) this.#tell(may.filter((name) => !copied.includes(name)));
    if (copied.length < can.length)
      await client.change(fingerprint, (now) => edited(now, this.#want, [], notes), signal);
    const note = this.#want.auto_update ? noteFor(notes, fingerprint) : undefined;
    if (note !== undefined) await moveAliases(client, fingerprint, [note], taking);
    const keep = [...must.map(({ name }) => name), ...copied, ...(note === undefined ? [] : [note.name])];
    await this.#tidy(fingerprint, keep);
    return own(await there(client, fingerprint, signal));
  }

  /** Aliases that the remote has, but for those that another image of the file gets. */
  async #copies(found: OriginFound, must: readonly { readonly name: string }[]): Promise<readonly string[]> {
    const others = await this.#around.others();
    this.#tell(found.aliases.filter((name) => others.has(name)));
    return found.aliases.filter((name) => !others.has(name) && !must.some((one) => one.name === name));
  }

  #tell(not: readonly string[]): void {
    if (not.length > 0)
      this.#context.note(`aliases of the remote that belong to other images are not copied: ${not.join(", ")}`);
  }

  /** Of an image that was there already: the aliases that it is not to have any more. */
  async #tidy(fingerprint: string, keep: readonly string[]): Promise<void> {
    const before = this.#before;
    if (before === undefined) return;
    const { place } = this.#around;
    for (const { name } of before.aliases ?? []) {
      if (keep.includes(name) || isClaimed(place, name, this.#context)) continue;
      if (isLeft(name, notesOf(before), this.#want, []))
        await place.client.removeAlias(name, fingerprint, this.#context.signal);
    }
  }

  /** What a marker says of an image whose fingerprint is not known yet. */
  get #nonce(): string {
    return `~${this.#context.nonce}`;
  }

  /** The id of something that is not on the server yet: nothing there can be removed by it. */
  #nothing(): ImageId {
    return imageId(`${this.#around.place.prefix}${pending(crypto.randomUUID())}`);
  }

  async #bring(source: Source | undefined, found: OriginFound | undefined, notes: Notes): Promise<string> {
    await this.#context.identified(this.#nothing());
    if (found !== undefined) return await this.#copy(found, notes);
    if (source !== undefined) return await this.#import(source, notes);
    if (this.#want.source_instance !== undefined) return await this.#publish(notes);
    throw new Failure("backend.refused", "the image has no origin", {
      hint: "set `source` or source_image",
    });
  }

  async #import(source: Source, notes: Notes): Promise<string> {
    const files = await filesFrom(source, this.#want, this.#around.native);
    const { fingerprint: expected } = this.#want;
    return await this.#send(files, { filename: source.filename, expected }, notes);
  }

  async #send(
    files: Parameters<typeof send>[1],
    { filename, expected }: Pick<UploadSending, "filename" | "expected">,
    notes: Notes,
  ): Promise<string> {
    const { place } = this.#around;
    let there: string | undefined;
    const admit = async (fingerprint: string) => {
      const whose = await this.#whose(fingerprint);
      // The server has all of its bytes but the last ones, and they are the right ones.
      if (whose === "spare") await dropped(place, fingerprint, this.#context.signal);
      if (whose !== "ours") return;
      there = fingerprint;
      throw new Present();
    };
    const id = (fingerprint: string) => idAt(place, fingerprint);
    const isOurs = async (fingerprint: string) => {
      // Somebody else was quicker with the same bytes: nothing under that id is this run's any more.
      await this.#context.identified(this.#nothing());
      if ((await this.#whose(fingerprint)) !== "ours") return false;
      await this.#context.identified(id(fingerprint));
      return true;
    };
    // Where it has none, they are written once the image is there.
    const properties = (await hasProperties(files, this.#around, this.#context.signal)) ? toProperties(notes) : {};
    const sending = { filename, expected, properties, id, admit, isOurs };
    try {
      return await send(place.client, files, sending, this.#context);
    } catch (thrown) {
      if (there === undefined) throw thrown;
      await this.#context.identified(idAt(place, there));
      return there;
    }
  }

  /**
   * Whose an image of this fingerprint is: identical bytes are one image in Incus. `spare`: the server's own, and nobody's.
   * @throws Failure backend.conflict when it belongs to another user
   */
  async #whose(fingerprint: string): Promise<"none" | "ours" | "spare"> {
    const { place } = this.#around;
    const { signal, address, desiredMarker } = this.#context;
    const image = await place.client.image(fingerprint, signal);
    if (image === undefined) return "none";
    if (isSameOwner(ownMark(image, place), desiredMarker) || fingerprint === this.#replaces) {
      this.#before = image;
      return "ours";
    }
    if (isSpare(image)) return "spare";
    throw sameBytes(image, place, address);
  }

  async #copy(found: OriginFound, notes: Notes): Promise<string> {
    const { place } = this.#around;
    const { fingerprint } = found;
    const expected = this.#want.fingerprint;
    if (expected !== undefined && !fingerprint.startsWith(expected.toLowerCase()))
      throw mismatch(expected, fingerprint);
    const whose = await this.#whose(fingerprint);
    if (whose === "ours") {
      await this.#context.identified(idAt(place, fingerprint));
      return fingerprint;
    }
    const pulling = { place, found, want: this.#want, notes, replaces: this.#replaces };
    const isFree = whose === "none" || (await adoptedSpare(pulling, this.#context));
    const made = isFree && this.#want.mode === "pull" ? await pulled(pulling, this.#context) : undefined;
    if (made !== undefined) return made;
    const files = await found.files();
    const filename = files.parts.at(-1)?.filename ?? fingerprint;
    return await this.#send(files, { filename, expected: fingerprint }, notes);
  }

  async #publish(notes: Notes): Promise<string> {
    const { place } = this.#around;
    const at = await this.#around.instances();
    const isSplit = this.#want.format === "split";
    if (isSplit) await supports(at, "instance_publish_split", "publish in two files", this.#context.signal);
    const isThere = async (one: string) => (await this.#whose(one)) === "ours";
    const fingerprint =
      at.prefix === place.prefix
        ? await published({ ...this.#publishing(at), notes, isThere }, this.#context)
        : await this.#brought(at, notes);
    await this.#context.identified(idAt(place, fingerprint));
    const expected = this.#want.fingerprint;
    if (expected !== undefined && !fingerprint.startsWith(expected.toLowerCase()))
      throw mismatch(expected, fingerprint);
    return fingerprint;
  }

  #publishing(at: IncusPlace) {
    const begun = (operation: string) => this.#context.identified(imageId(`${at.prefix}${pending(operation)}`));
    return { instances: at.client, place: at, want: this.#want, begun };
  }

  /** The server makes an image in the project of the instance: there it is made for a moment, and comes from there through this host. */
  async #brought(at: IncusPlace, notes: Notes): Promise<string> {
    const { signal } = this.#context;
    const { client } = at;
    const passing: Notes = { mark: this.#context.marker(this.#nonce), alias: undefined, copied: undefined };
    const ours = async () => (await client.images(signal)).filter((one) => isSameOwner(ownMark(one, at), passing.mark));
    for (const left of await ours()) await client.remove(left.fingerprint, quiet(signal));
    const publishing = { ...this.#publishing(at), notes: passing, isThere: async () => false };
    const made = await published(publishing, this.#context);
    await this.#context.identified(idAt(at, made));
    try {
      const image = await there(client, made, signal);
      const files = await filesOf(client, image, signal);
      const filename = files.parts.at(-1)?.filename ?? made;
      return await this.#send(files, { filename, expected: made }, unproven(notes));
    } finally {
      await client.remove(made, quiet(new AbortController().signal));
    }
  }
}

/** Ends an upload whose image turns out to be there. */
class Present extends Error {}

const plainAlias = (name: string) => ({ name, description: "" });
