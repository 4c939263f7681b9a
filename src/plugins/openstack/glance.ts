import { type Context, Failure, type HttpClient, type Source } from "images";
import { explain } from "./explain.ts";
import {
  type GlanceAnswer,
  isImage,
  isMembers,
  isMethods,
  isPage,
  isStores,
  isTasks,
  type Member,
  parsed,
  type Task,
} from "./wire.ts";

type Query = Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>;
type Fields = Readonly<Record<string, unknown>>;
type Words = Readonly<Record<string, string>>;

/** One change of an image. */
export type Operation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** Images of a page: what Glance gives at most unless asked otherwise. */
const PAGE = 1000;
const PATCH = "application/openstack-images-v2.1-json-patch";

/** The calls of Glance's API, version 2, that images need; in one region. */
export class Glance {
  readonly #http: HttpClient;
  /** Sent where bytes are, besides what the client sends. */
  readonly #headers: Readonly<Record<string, string>>;

  constructor(http: HttpClient, headers: Readonly<Record<string, string>> = {}) {
    this.#http = http;
    this.#headers = headers;
  }

  /** All images that the filters let through, page by page. Hidden ones only where `os_hidden` is true. */
  async *images(filters: Query, signal: AbortSignal): AsyncGenerator<GlanceAnswer> {
    let next: string | undefined = "images";
    let query: Query = { limit: PAGE, ...filters };
    while (next !== undefined) {
      const answer: unknown = await this.#http.json("GET", next, { signal, query });
      const page = parsed(answer, isPage, "a page of images");
      yield* page.images;
      next = page.next?.replace(/^.*?\/v2\//, "");
      query = {};
    }
  }

  /** One image; undefined when there is none, or none that we may see. */
  async image(id: string, signal: AbortSignal): Promise<GlanceAnswer | undefined> {
    const answer = await this.#http.find("GET", at(id), { signal });
    return answer === undefined ? undefined : parsed(answer, isImage, "an image");
  }

  /**
   * Begins an image under an id of ours, so that a second try meets the first one and makes no other. An answer without a body, as one gets
   * it where Glance goes away behind a proxy, is no answer: the image is there or it is not. `isNew`: this very call made it.
   */
  async begin(id: string, fields: Fields, signal: AbortSignal): Promise<{ image: GlanceAnswer; isNew: boolean }> {
    const answer = await this.#http.send("POST", "images", {
      signal,
      json: { id, ...fields },
      headers: { accept: "application/json", ...this.#headers },
      idempotent: true,
      accept: [409],
    });
    const text = await answer.text();
    if (answer.status !== 409 && text !== "")
      return { image: parsed(await answer.json(), isImage, "an image"), isNew: true };
    const image = await this.image(id, signal);
    if (image !== undefined) return { image, isNew: answer.status !== 409 };
    if (text === "") throw new Failure("net.short", "Glance reported a new image that does not exist", { retry: true });
    throw new Failure("backend.conflict", `Glance rejected the image: ${text}`, { hint: "apply again" });
  }

  async upload(id: string, source: Source, call: GlanceCall & { readonly store?: string | undefined }): Promise<void> {
    await this.#send(`${at(id)}/file`, source, call);
  }

  async stage(id: string, source: Source, call: GlanceCall): Promise<void> {
    await this.#send(`${at(id)}/stage`, source, call);
  }

  async #send(
    path: string,
    source: Source,
    { signal, progress, store }: GlanceCall & { store?: string | undefined },
  ): Promise<void> {
    const headers = {
      accept: "application/json",
      "content-type": "application/octet-stream",
      ...this.#headers,
      ...(store === undefined ? {} : { "x-image-meta-store": store }),
    };
    // A proxy that did not wait for Glance's answer: the bytes may all have arrived, so they are not sent again at once.
    const answer = await this.#http.send("PUT", path, { signal, source, progress, headers, accept: [504] });
    const body = await answer.text();
    if (answer.status !== 504) return;
    const { message, hint } = explain({ status: 504, headers: answer.headers, body }) ?? {};
    throw new Failure("net.timeout", `${message ?? "no answer in time"} (PUT ${path}: 504)`, { retry: true, hint });
  }

  async import(id: string, method: Fields, more: Fields, signal: AbortSignal): Promise<void> {
    await this.#http.json("POST", `${at(id)}/import`, { signal, json: { method, ...more } });
  }

  /** All changes at once: several requests at a time would lose some of them. */
  async change(id: string, operations: readonly Operation[], signal: AbortSignal): Promise<GlanceAnswer> {
    const headers = { "content-type": PATCH };
    const idempotent = operations.every(({ op }) => op !== "remove");
    const body = JSON.stringify(operations);
    const answer = await this.#http.json("PATCH", at(id), { signal, body, headers, idempotent });
    return parsed(answer, isImage, "an image");
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#http.find("DELETE", at(id), { signal });
  }

  async act(id: string, action: "deactivate" | "reactivate", signal: AbortSignal): Promise<void> {
    await this.#http.json("POST", `${at(id)}/actions/${action}`, { signal, idempotent: true });
  }

  async members(id: string, signal: AbortSignal): Promise<readonly Member[]> {
    const answer = await this.#http.find("GET", `${at(id)}/members`, { signal });
    return answer === undefined ? [] : parsed(answer, isMembers, "the members of an image").members;
  }

  async invite(id: string, member: string, signal: AbortSignal): Promise<void> {
    await this.#http.json("POST", `${at(id)}/members`, { signal, json: { member }, idempotent: true, accept: [409] });
  }

  async answer(id: string, member: string, status: string, signal: AbortSignal): Promise<void> {
    await this.#http.json("PUT", `${at(id)}/members/${encodeURIComponent(member)}`, { signal, json: { status } });
  }

  async uninvite(id: string, member: string, signal: AbortSignal): Promise<void> {
    await this.#http.find("DELETE", `${at(id)}/members/${encodeURIComponent(member)}`, { signal });
  }

  /** What Glance does, or did, by itself to an image; nothing where it does not say, or not to us. */
  async tasks(id: string, signal: AbortSignal): Promise<readonly Task[]> {
    const answer = await this.#http.find("GET", `${at(id)}/tasks`, { signal }).catch((thrown: unknown) => {
      if (thrown instanceof Failure && thrown.code === "backend.denied") return undefined;
      throw thrown;
    });
    return answer === undefined ? [] : parsed(answer, isTasks, "the tasks of an image").tasks;
  }

  /** The ways in which this Glance can import. */
  async methods(signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#http.find("GET", "info/import", { signal });
    return answer === undefined ? [] : parsed(answer, isMethods, "the import methods")["import-methods"].value;
  }

  async stores(signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#http.find("GET", "info/stores", { signal });
    return answer === undefined ? [] : parsed(answer, isStores, "the stores").stores.map(({ id }) => id);
  }

  async dropFrom(store: string, id: string, signal: AbortSignal): Promise<void> {
    await this.#http.find("DELETE", `stores/${encodeURIComponent(store)}/${encodeURIComponent(id)}`, { signal });
  }

  async *bytes(id: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#http.send("GET", `${at(id)}/file`, { signal });
    yield* answer.stream();
  }

  /** What another service of the cloud answers: none of what the client sends by itself goes there. */
  async beside(
    url: string,
    call: { readonly query?: Query; readonly headers: Words },
    signal: AbortSignal,
  ): Promise<unknown> {
    return await this.#http.json("GET", url, { signal, ...call });
  }
}

interface GlanceCall {
  readonly signal: AbortSignal;
  readonly progress: Context["progress"];
}

const at = (id: string): string => `images/${encodeURIComponent(id)}`;
