import { createHash, randomUUID } from "node:crypto";
import { isTable } from "images";
import type { Copying, Multipart, Owned, SentPart, Upload } from "./multipart.ts";
import { isOwn } from "./object.ts";
import type { BucketObjects } from "./objects.ts";
import type { BucketWorking } from "./working.ts";

const NOTES = "wrote/uploads/";

/** An upload that this run may go on with: what exists of it already is not sent again. */
export interface TakenUpload extends Upload {
  readonly have: ReadonlyMap<number, SentPart>;
  /** Of its note. */
  readonly note: string;
}

interface Note {
  readonly key: string;
  /** None: the run died before the server had said it, so that no part was sent. */
  readonly id?: string;
  readonly writer: string;
}

/**
 * The uploads in parts that the writers of a store have begun: a note for each, by which a later run goes on with it, or takes it away.
 * What has no note is another user's.
 */
export class Uploads {
  readonly #objects: BucketObjects;
  readonly #multipart: Multipart;
  readonly #working: BucketWorking;

  constructor(objects: BucketObjects, multipart: Multipart, working: BucketWorking) {
    this.#objects = objects;
    this.#multipart = multipart;
    this.#working = working;
  }

  /** Begins the upload to a key, or goes on with the one of a run that died. `what` says for what it is. `key` undefined: to one of its own. */
  async take(what: readonly string[], key: string | undefined, how: Owned): Promise<TakenUpload> {
    const name = createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 32);
    const found = await this.#read(`${NOTES}${name}.json`, how.store);
    if (found !== undefined && found.note.writer !== this.#working.token) {
      const living = await this.#working.living();
      if (living.has(found.note.writer)) return await this.#begin(`${NOTES}${randomUUID()}.json`, undefined, key, how);
    }
    const at = `${NOTES}${name}.json`;
    if (found?.note.id === undefined || !(key === undefined ? isTemporary(found.note.key) : key === found.note.key)) {
      if (found !== undefined) await this.#clear(found.note);
      return await this.#begin(at, found?.etag, key, how);
    }
    const upload = { key: found.note.key, id: found.note.id };
    const have = await this.#multipart.parts(upload);
    if (have === undefined) {
      // The run died between the last part and what comes after: an object of its own key may be there.
      await this.#clear(found.note);
      return await this.#begin(at, found.etag, key, how);
    }
    const note = await this.#write(at, { ...upload, writer: this.#working.token }, found.etag, how.store);
    // Another run was faster.
    if (!note) return await this.#begin(`${NOTES}${randomUUID()}.json`, undefined, key, how);
    return { ...upload, have, note: at };
  }

  /** The upload was completed, or is not needed. */
  async done({ note }: TakenUpload): Promise<void> {
    await this.#objects.delete(note);
  }

  async abort(taken: TakenUpload): Promise<void> {
    await this.#clear({ ...taken, writer: this.#working.token });
    await this.done(taken);
  }

  /** A copy that the server makes; a large one in parts, under a note. */
  async copy(copying: Copying): Promise<void> {
    if (await this.#multipart.copy(copying)) return;
    const upload = await this.take(["copy", copying.to], copying.to, copying);
    await this.#multipart.copyParts(copying, upload);
    await this.done(upload);
  }

  /** Removes what runs have left that are no more, once it is older than `kept` milliseconds. */
  async sweep(kept: number, store: string): Promise<void> {
    let living: ReadonlySet<string> | undefined;
    for await (const { key } of this.#objects.list(NOTES)) {
      const found = await this.#read(key, store);
      if (found === undefined || found.age < kept) continue;
      living ??= await this.#working.living();
      if (found.note.writer !== this.#working.token && living.has(found.note.writer)) continue;
      await this.#clear(found.note);
      await this.#objects.delete(key);
    }
  }

  async #begin(at: string, etag: string | undefined, to: string | undefined, how: Owned): Promise<TakenUpload> {
    const key = to ?? `tmp/${randomUUID()}`;
    const writer = this.#working.token;
    const isFirst = await this.#write(at, { key, writer }, etag, how.store);
    if (!isFirst) return await this.#begin(`${NOTES}${randomUUID()}.json`, undefined, key, how);
    const upload = await this.#multipart.begin(key, how);
    await this.#objects.put(at, JSON.stringify({ ...upload, writer }), { store: how.store, type: "application/json" });
    return { ...upload, have: new Map(), note: at };
  }

  async #write(at: string, note: Note, etag: string | undefined, store: string): Promise<boolean> {
    const when = etag === undefined ? "absent" : { match: etag };
    if ((await this.#objects.put(at, JSON.stringify(note), { when, store, type: "application/json" })) !== undefined)
      return true;
    // The answer of a write that arrived may have been lost.
    const found = await this.#read(at, store);
    return found?.note.writer === note.writer && found.note.key === note.key && found.note.id === note.id;
  }

  async #clear({ key, id }: Note): Promise<void> {
    if (id !== undefined) await this.#multipart.abort({ key, id });
    if (!isTemporary(key)) return;
    // A key that only the store can know: whatever is there is its own.
    for (const upload of await this.#multipart.list(key)) if (upload.key === key) await this.#multipart.abort(upload);
    await this.#objects.delete(key);
  }

  async #read(key: string, store: string) {
    const found = await this.#objects.get(key);
    const note = found !== undefined && isOwn(found, store, key) ? noteOf(found.text) : undefined;
    return found === undefined || note === undefined ? undefined : { note, etag: found.etag, age: found.age };
  }
}

const isTemporary = (key: string): boolean => /^tmp\/[0-9a-f-]{36}$/.test(key);

function noteOf(text: string): Note | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isTable(value)) return undefined;
    const { key, id, writer } = value;
    if (typeof key !== "string" || typeof writer !== "string" || !/^(?:blobs|files|tmp)\/[^/]+$/.test(key))
      return undefined;
    return { key, writer, ...(typeof id === "string" ? { id } : {}) };
  } catch {
    return undefined;
  }
}
