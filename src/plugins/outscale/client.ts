import { DelayedAbort, Failure, type HttpClient } from "images";
import * as t from "typanion";
import {
  held,
  isAccount,
  isImage,
  isSnapshot,
  isTask,
  nextPage,
  type OmiAnswer,
  type SnapshotAnswer,
  type TaskAnswer,
} from "./wire.ts";

export type OutscaleFields = Readonly<Record<string, unknown>>;
export interface OutscaleTag {
  readonly Key: string;
  readonly Value: string;
}

/** The largest page that the API gives; from its description. */
const PAGE = 1000;

export const isImageId = (text: string): boolean => /^ami-[0-9a-f]{8,17}$/.test(text);
export const isSnapshotId = (text: string): boolean => /^snap-[0-9a-f]{8,17}$/.test(text);

/** Whether a failure says that there is nothing of that id: 5xxx, which comes as HTTP 400. */
const isMissing = (thrown: unknown): boolean => thrown instanceof Failure && thrown.code === "backend.missing";

/** The actions of the API that images need. */
export class OutscaleClient {
  readonly #http: HttpClient;
  #account: Promise<string> | undefined;

  /** @param account its number, where the settings say it */
  constructor(http: HttpClient, account?: string) {
    this.#http = http;
    if (account !== undefined) this.#account = Promise.resolve(account);
  }

  /** The number of the account: without it the owner of an image is unknown. @throws Failure backend.denied */
  account(signal: AbortSignal): Promise<string> {
    this.#account ??= this.#asked(signal).catch((thrown: unknown) => {
      this.#account = undefined;
      throw thrown;
    });
    return this.#account;
  }

  async *images(signal: AbortSignal, filters: OutscaleFields): AsyncGenerator<OmiAnswer> {
    yield* this.#pages("ReadImages", "Images", isImage, signal, filters);
  }

  /** One image; undefined when there is none. */
  async image(id: string, signal: AbortSignal): Promise<OmiAnswer | undefined> {
    if (!isImageId(id)) return undefined;
    for await (const image of this.images(signal, { ImageIds: [id] })) return image;
    return undefined;
  }

  /** Not to be sent twice: a name that is taken already is refused, but only after the first one has been made. */
  async createImage(fields: OutscaleFields, signal: AbortSignal): Promise<OmiAnswer> {
    using patient = new DelayedAbort(signal);
    const call = { signal: patient.signal, until: signal, json: fields, idempotent: false };
    return held(await this.#http.json("POST", "CreateImage", call), "Image", isImage);
  }

  async updateImage(fields: OutscaleFields, signal: AbortSignal): Promise<OmiAnswer> {
    return held(await this.#call("UpdateImage", fields, signal), "Image", isImage);
  }

  async deleteImage(id: string, signal: AbortSignal): Promise<void> {
    await forgiven(this.#call("DeleteImage", { ImageId: id }, signal));
  }

  /** `ClientToken` among the fields makes a second try harmless. */
  async createSnapshot(
    fields: OutscaleFields & { readonly ClientToken: string },
    signal: AbortSignal,
  ): Promise<SnapshotAnswer> {
    return held(await this.#call("CreateSnapshot", fields, signal), "Snapshot", isSnapshot);
  }

  async *snapshots(signal: AbortSignal, filters: OutscaleFields): AsyncGenerator<SnapshotAnswer> {
    yield* this.#pages("ReadSnapshots", "Snapshots", isSnapshot, signal, filters);
  }

  /** @throws Failure backend.conflict while an image uses it */
  async deleteSnapshot(id: string, signal: AbortSignal): Promise<void> {
    await forgiven(this.#call("DeleteSnapshot", { SnapshotId: id }, signal));
  }

  async createTags(ids: readonly string[], tags: readonly OutscaleTag[], signal: AbortSignal): Promise<void> {
    if (ids.length > 0 && tags.length > 0) await this.#call("CreateTags", { ResourceIds: ids, Tags: tags }, signal);
  }

  async deleteTags(ids: readonly string[], tags: readonly OutscaleTag[], signal: AbortSignal): Promise<void> {
    if (ids.length > 0 && tags.length > 0) await this.#call("DeleteTags", { ResourceIds: ids, Tags: tags }, signal);
  }

  async exportImage(fields: OutscaleFields, signal: AbortSignal): Promise<TaskAnswer> {
    return held(await this.#call("CreateImageExportTask", fields, signal, false), "ImageExportTask", isTask);
  }

  async *tasks(signal: AbortSignal, filters: OutscaleFields): AsyncGenerator<TaskAnswer> {
    yield* this.#pages("ReadImageExportTasks", "ImageExportTasks", isTask, signal, filters);
  }

  async #asked(signal: AbortSignal): Promise<string> {
    const hint =
      'give it the right ReadAccounts, or write account_id = "123456789012" into the settings of the backend';
    const answer = await this.#call("ReadAccounts", {}, signal).catch((thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.code !== "backend.denied") throw thrown;
      const { message, request } = thrown;
      throw new Failure("backend.denied", message, { hint, request, cause: thrown });
    });
    const id = held(answer, "Accounts", t.isArray(isAccount))[0]?.AccountId;
    if (id !== undefined) return id;
    throw new Failure("backend.denied", "the key has no permission to read the id of its account", { hint });
  }

  async *#pages<T>(
    action: string,
    name: string,
    isItem: t.StrictValidator<unknown, T>,
    signal: AbortSignal,
    filters: OutscaleFields,
  ): AsyncGenerator<T> {
    const asked = { ResultsPerPage: PAGE, ...(Object.keys(filters).length === 0 ? {} : { Filters: filters }) };
    for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
      const answer = await this.#call(
        action,
        { ...asked, ...(token === undefined ? {} : { NextPageToken: token }) },
        signal,
      );
      yield* held(answer, name, t.isArray(isItem));
      token = nextPage(answer);
    }
  }

  /** All actions are POST; those that come to the same when sent twice are `idempotent`. */
  async #call(action: string, fields: OutscaleFields, signal: AbortSignal, idempotent = true): Promise<unknown> {
    return await this.#http.json("POST", action, { signal, json: fields, idempotent });
  }
}

/** What is gone already is gone. */
async function forgiven(call: Promise<unknown>): Promise<void> {
  await call.catch((thrown: unknown) => {
    if (!isMissing(thrown)) throw thrown;
  });
}
