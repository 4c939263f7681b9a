import { DelayedAbort, Failure, type HttpClient } from "images";
import { Budget } from "./budget.ts";
import {
  isDisk,
  isEvent,
  isImage,
  isPage,
  isRegion,
  isShareGroup,
  isUpload,
  type LinodeDisk,
  type LinodeEvent,
  type LinodeImageAnswer,
  parsed,
  type ShareGroup,
} from "./wire.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The largest page that the API gives; from its description. */
const PAGE = 500;
/** Pages that are asked for side by side. */
const SIDE = 4;

/** An id as the API has it; undefined for what cannot be one. Other tools write private images by their number alone. */
export function idOf(text: string): string | undefined {
  if (/^\d+$/.test(text)) return `private/${text}`;
  return /^(?:private|shared|linode)\/[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) ? text : undefined;
}

/** The calls of the API that images need, version 4. */
export class LinodeClient {
  readonly #http: HttpClient;
  readonly #listings: Budget;
  /** What paths begin with that are only in v4beta. */
  readonly #beta: string;

  /** @param url of the client */
  constructor(http: HttpClient, listings: Budget = new Budget(), url = "") {
    this.#beta = url === "" ? "" : `${url.replace(/v4(?:beta)?\/?$/, "v4beta")}/`;
    this.#http = http;
    this.#listings = listings;
  }

  /** Every image that the account sees, Linode's own too, page by page. `filter` is X-Filter. */
  async *images(signal: AbortSignal, filter?: Fields): AsyncGenerator<LinodeImageAnswer> {
    yield* this.#pages("images", isImage, signal, filter, () => this.#listings.take(signal));
  }

  /** One image; undefined when there is none. */
  async image(id: string, signal: AbortSignal): Promise<LinodeImageAnswer | undefined> {
    const answer = await this.#http.find("GET", `images/${id}`, { signal });
    return answer === undefined ? undefined : parsed(answer, isImage, "an image");
  }

  async imagize(fields: Fields, signal: AbortSignal): Promise<LinodeImageAnswer> {
    using patient = new DelayedAbort(signal);
    const answer = await this.#http.json("POST", "images", { signal: patient.signal, until: signal, json: fields });
    return parsed(answer, isImage, "an image");
  }

  async upload(fields: Fields, signal: AbortSignal): Promise<{ image: LinodeImageAnswer; upload_to: string }> {
    using patient = new DelayedAbort(signal);
    const answer = await this.#http.json("POST", "images/upload", {
      signal: patient.signal,
      until: signal,
      json: fields,
    });
    return parsed(answer, isUpload, "a begun upload");
  }

  /** The ids of all regions; public. */
  async regions(signal: AbortSignal): Promise<readonly string[]> {
    return (await Array.fromAsync(this.#pages("regions", isRegion, signal))).map(({ id }) => id);
  }

  /** The groups in which an image is shared, which only v4beta has; undefined where it does not say. */
  async shareGroups(id: string, signal: AbortSignal): Promise<readonly ShareGroup[] | undefined> {
    try {
      return await Array.fromAsync(this.#pages(`${this.#beta}images/${id}/sharegroups`, isShareGroup, signal));
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.code === "backend.missing") return undefined;
      throw thrown;
    }
  }

  async change(id: string, fields: Fields, signal: AbortSignal): Promise<LinodeImageAnswer> {
    return parsed(await this.#http.json("PUT", `images/${id}`, { signal, json: fields }), isImage, "an image");
  }

  /** `regions` is the complete set that is to hold the image. */
  async replicate(id: string, regions: readonly string[], signal: AbortSignal): Promise<LinodeImageAnswer> {
    const call = { signal, json: { regions }, idempotent: true };
    return parsed(await this.#http.json("POST", `images/${id}/regions`, call), isImage, "an image");
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#http.find("DELETE", `images/${id}`, { signal });
  }

  /** @throws Failure backend.missing when there is no such Linode */
  async disks(linode: number, signal: AbortSignal): Promise<readonly LinodeDisk[]> {
    try {
      return await Array.fromAsync(this.#pages(`linode/instances/${linode}/disks`, isDisk, signal));
    } catch (thrown) {
      if (!(thrown instanceof Failure) || thrown.code !== "backend.missing") throw thrown;
      throw new Failure("backend.missing", `there is no Linode ${linode}, or this token has no access to it`, {
        hint: "check linode_id",
        cause: thrown,
      });
    }
  }

  /** Those that X-Filter lets through, newest first, at most a page of them. */
  async events(filter: Fields, signal: AbortSignal): Promise<readonly LinodeEvent[]> {
    const headers = { "x-filter": JSON.stringify({ ...filter, "+order_by": "created", "+order": "desc" }) };
    const answer = await this.#http.json("GET", "account/events", { signal, headers });
    return parsed(answer, isPage(isEvent), "a page of events").data;
  }

  async *#pages<T>(
    path: string,
    isItem: Parameters<typeof isPage<T>>[0],
    signal: AbortSignal,
    filter?: Fields,
    before?: () => Promise<void>,
  ): AsyncGenerator<T> {
    const headers: Record<string, string> = filter === undefined ? {} : { "x-filter": JSON.stringify(filter) };
    const ask = async (page: number) => {
      await before?.();
      const answer = await this.#http.json("GET", path, { signal, headers, query: { page, page_size: PAGE } });
      return parsed(answer, isPage(isItem), "a page");
    };
    const first = await ask(1);
    yield* first.data;
    // Each page says how many there are by then: while some are asked for, there may be more of them, or fewer.
    for (let page = 2, { pages } = first; page <= pages; ) {
      const numbers = Array.from({ length: Math.min(SIDE, pages - page + 1) }, (_, i) => page + i);
      for (const found of await Promise.all(numbers.map(ask))) {
        yield* found.data;
        pages = found.pages;
      }
      page += numbers.length;
    }
  }
}
