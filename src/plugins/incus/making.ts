import { type Context, type Desired, Failure, imageId, type Source } from "images";
import { declared, free, isLeft, lead } from "./aliases.ts";
import { filesFrom } from "./bytes.ts";
import { edited } from "./edit.ts";
import { isSameOwner, type Notes, noteFor, notesOf, partsOf, toProperties } from "./image.ts";
import { askedOf, type Found } from "./origin.ts";
import { idAt, type Place, there } from "./places.ts";
import { published } from "./publish.ts";
import type { Image } from "./schema.ts";
import { mismatch, type Sending, send } from "./upload.ts";
import type { ImageAnswer } from "./wire.ts";

/** What a making needs to know of the world around it. */
export interface Around {
  readonly place: Place;
  /** The image of a remote that is wanted, as it was when the plan was made. */
  readonly find: () => Promise<Found | undefined>;
  readonly native: () => Promise<string>;
}

/** One image on its way into being. */
export class Making {
  readonly #want: Desired<Image>;
  readonly #around: Around;
  readonly #context: Context;
  /** The fingerprint of the image that is being replaced, where it is in the same place. */
  readonly #replaces: string | undefined;
  /** The image as it was, where it turned out to be there already. */
  #before: ImageAnswer | undefined;

  constructor(want: Desired<Image>, around: Around, context: Context) {
    this.#want = want;
    this.#around = around;
    this.#context = context;
    const { replaces } = context;
    const { prefix } = around.place;
    const before = replaces === undefined ? undefined : partsOf(replaces).name;
    this.#replaces = before !== undefined && replaces === `${prefix}${before}` ? before : undefined;
  }

  /** Makes it, and gives it its aliases once it is good. */
  async make(source: Source | undefined): Promise<ImageAnswer> {
    const { client } = this.#around.place;
    const { signal } = this.#context;
    const mark = this.#context.marker(this.#around.place.self);
    const found = await this.#around.find();
    const must = declared(this.#want);
    const taking = {
      signal,
      replaces: this.#replaces,
      owner: mark,
    };
    const copying = found !== undefined && askedOf(this.#want)?.copyAliases === true;
    const wishes = { must, may: copying ? found.aliases.filter((name) => !must.some((one) => one.name === name)) : [] };
    const can = await free(client, found?.fingerprint, wishes, taking);
    if (can.length < wishes.may.length) {
      const not = wishes.may.filter((name) => !can.includes(name)).join(", ");
      this.#context.note(`aliases of the remote that other images hold here are left there: ${not}`);
    }
    const notes: Notes = { mark, alias: this.#want.alias, copied: copying ? can : undefined };
    const fingerprint = await this.#bring(source, found, notes);
    await client.change(fingerprint, (now) => edited(now, this.#want, [], notes), signal);
    const note = this.#want.auto_update ? noteFor(notes) : undefined;
    const copied = can.map((name) => ({ name, description: "" }));
    const aliases = [...must, ...copied, ...(note === undefined ? [] : [note])];
    await lead(client, fingerprint, aliases, taking);
    for (const { name } of this.#before?.aliases ?? []) {
      const isKept = aliases.some((one) => one.name === name);
      if (this.#before !== undefined && !isKept && isLeft(name, notesOf(this.#before), this.#want, []))
        await client.removeAlias(name, signal);
    }
    return await there(client, fingerprint, signal);
  }

  async #bring(source: Source | undefined, found: Found | undefined, notes: Notes): Promise<string> {
    // Until the fingerprint is known there is nothing on the server that could have to be taken away.
    await this.#context.identified(imageId(`${this.#around.place.prefix}new@${crypto.randomUUID()}`));
    if (found !== undefined) return await this.#copy(found, notes);
    if (source !== undefined) return await this.#import(source, notes);
    if (this.#want.source_instance !== undefined) return await this.#publish(this.#want.source_instance, notes);
    throw new Failure("backend.refused", "nothing says what the image is made from", {
      hint: "give it a `source` or source_image",
    });
  }

  async #import(source: Source, notes: Notes): Promise<string> {
    const files = await filesFrom(source, this.#want, this.#around.native);
    const { fingerprint: expected } = this.#want;
    return await this.#send(files, { filename: source.filename, expected }, notes);
  }

  async #send(
    files: Parameters<typeof send>[1],
    { filename, expected }: Pick<Sending, "filename" | "expected">,
    notes: Notes,
  ): Promise<string> {
    const { place } = this.#around;
    let there: string | undefined;
    const admit = async (fingerprint: string) => {
      if (!(await this.#isThere(fingerprint))) return;
      there = fingerprint;
      throw new Present();
    };
    const id = (fingerprint: string) => idAt(place, fingerprint);
    const sending = { filename, expected, properties: toProperties(notes), id, admit };
    try {
      return await send(place.client, files, sending, this.#context);
    } catch (thrown) {
      if (there === undefined) throw thrown;
      await this.#context.identified(idAt(place, there));
      return there;
    }
  }

  /**
   * Whether the image is there already and is ours to have: identical bytes are one image in Incus.
   * @throws Failure backend.conflict when it belongs to somebody else
   */
  async #isThere(fingerprint: string): Promise<boolean> {
    const { client } = this.#around.place;
    const { signal, address } = this.#context;
    const image = await client.image(fingerprint, signal);
    if (image === undefined) return false;
    const { mark } = notesOf(image);
    const isOurs = isSameOwner(mark, this.#context.marker(this.#around.place.self));
    if (isOurs || fingerprint === this.#replaces) {
      this.#before = image;
      return true;
    }
    if (mark === undefined && image.cached === true && (image.aliases ?? []).length === 0) {
      // What the server keeps for itself to make instances faster; without a name of somebody's it is nobody's.
      await client.remove(fingerprint, { signal, progress: () => undefined });
      return false;
    }
    const whose = mark === undefined ? "is not ours" : `belongs to ${mark.owner} of ${mark.file}`;
    throw new Failure(
      "backend.conflict",
      `an image with these very bytes is there already and ${whose} (${fingerprint})`,
      {
        hint:
          mark === undefined
            ? `to Incus the same bytes are one image. To take it over: images import ${address} ${fingerprint}`
            : "to Incus the same bytes are one image: declare it once, with all its aliases",
      },
    );
  }

  async #copy(found: Found, notes: Notes): Promise<string> {
    const { place } = this.#around;
    const { fingerprint } = found;
    const expected = this.#want.fingerprint;
    if (expected !== undefined && !fingerprint.startsWith(expected.toLowerCase()))
      throw mismatch(expected, fingerprint);
    if (await this.#isThere(fingerprint)) {
      await this.#context.identified(idAt(place, fingerprint));
      return fingerprint;
    }
    const pull = this.#want.mode === "pull" ? await found.pull(this.#want.auto_update) : undefined;
    if (pull !== undefined) {
      await this.#context.identified(idAt(place, fingerprint));
      if (await this.#pulled(found, pull, notes)) return fingerprint;
    } else if (this.#want.mode === "pull")
      this.#context.note("the remote is not to be reached by the server, so the bytes come through this host");
    const files = await found.files();
    const filename = files.parts.at(-1)?.filename ?? fingerprint;
    return await this.#send(files, { filename, expected: fingerprint }, notes);
  }

  /** Has the server fetch it. False: it cannot, since what it knows of the remote is out of date. */
  async #pulled(found: Found, source: Readonly<Record<string, unknown>>, notes: Notes): Promise<boolean> {
    const { client } = this.#around.place;
    const { fingerprint, size } = found;
    const { auto_update, profiles } = this.#want;
    const { signal } = this.#context;
    const body = {
      source,
      properties: toProperties(notes),
      auto_update,
      ...(profiles === undefined ? {} : { profiles }),
    };
    const there = async () => ((await client.image(fingerprint, signal)) === undefined ? undefined : { fingerprint });
    for (let attempt = 1; ; attempt++) {
      try {
        const operation = await client.make(body);
        const result = await client.operations.wait(operation, { ...this.#context, signal, total: size, found: there });
        if (result.fingerprint === undefined || result.fingerprint === fingerprint) return true;
        // What was there before, and is somebody's, came of nothing that was asked for here.
        const other = await client.image(result.fingerprint, signal);
        if (other !== undefined && isSameOwner(notesOf(other).mark, notes.mark) && other.fingerprint !== this.#replaces)
          await client.remove(result.fingerprint, { signal, progress: () => undefined });
        throw stale();
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown;
        if (await this.#isMade(thrown, fingerprint)) return true;
        if (thrown.code === "backend.lost" && attempt < ATTEMPTS) continue;
        if (thrown.code !== "backend.missing") throw thrown;
        if (auto_update) throw stale();
        this.#context.note("what the server knows of the remote is out of date, so the bytes come through this host");
        return false;
      }
    }
  }

  /** A copy that another try of ours had begun already is met by the next one. */
  async #isMade(failure: Failure, fingerprint: string): Promise<boolean> {
    if (!/already exists/i.test(failure.message)) return false;
    const image = await this.#around.place.client.image(fingerprint, this.#context.signal);
    const mark = image === undefined ? undefined : notesOf(image).mark;
    return isSameOwner(mark, this.#context.marker(this.#around.place.self));
  }

  async #publish({ name, snapshot }: NonNullable<Desired<Image>["source_instance"]>, notes: Notes): Promise<string> {
    const { place } = this.#around;
    const { signal } = this.#context;
    const mark = this.#context.marker(place.self);
    const { compression } = this.#want;
    const source =
      snapshot === undefined ? { type: "instance", name } : { type: "snapshot", name: `${name}/${snapshot}` };
    const before = new Set((await place.client.images(signal)).map(({ fingerprint }) => fingerprint));
    const found = async () => {
      const all = await place.client.images(signal);
      const isIt = (image: ImageAnswer) => !before.has(image.fingerprint) && isSameOwner(notesOf(image).mark, mark);
      return all.find(isIt);
    };
    const properties = { ...this.#want.properties, ...toProperties(notes) };
    const packing = compression === undefined ? {} : { compression_algorithm: compression };
    const body = { source, properties, public: false, ...packing };
    const isThere = (one: string) => this.#isThere(one);
    const fingerprint = await published(place.client, body, { ...this.#context, signal, found }, isThere);
    if (fingerprint === undefined) throw new Failure("backend.answer", "the server does not say which image it made");
    await this.#context.identified(idAt(place, fingerprint));
    const expected = this.#want.fingerprint;
    if (expected !== undefined && !fingerprint.startsWith(expected.toLowerCase()))
      throw mismatch(expected, fingerprint);
    return fingerprint;
  }
}

const ATTEMPTS = 3;

/** Ends an upload whose image turns out to be there. */
class Present extends Error {}

const stale = (): Failure =>
  new Failure("backend.stale", "the server sees another image behind the alias than we do", {
    hint: "it keeps the index of a remote for an hour: apply again later, or say auto_update = false",
    retry: true,
  });
