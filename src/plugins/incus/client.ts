import { type Answer, type Call, Failure, type HttpClient, type Source } from "images";
import { Instances } from "./instances.ts";
import { back, isAway, type OperationContext, Operations } from "./operations.ts";
import {
  type AliasEntry,
  type Envelope,
  type IncusImageAnswer,
  isAliasEntry,
  isEnvelope,
  isImage,
  isNested,
  isProject,
  isResult,
  isServer,
  parsed,
  type ServerAnswer,
} from "./wire.ts";

/** What of an image can be changed in place. What is left out stays; `properties` are all of them. */
export interface Writable {
  readonly properties: Readonly<Record<string, string>>;
  readonly public: boolean;
  readonly auto_update: boolean;
  readonly profiles?: readonly string[];
  readonly expires_at?: string;
}

/** An alias as it was when it was read. */
export interface HeldAlias {
  readonly entry: AliasEntry;
  readonly etag: string | undefined;
}

interface IncusUpload {
  readonly source: Source;
  readonly type: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly progress: OperationContext["progress"];
}

/** The calls that images need, on one server and in one project. */
export class IncusClient {
  readonly #http: HttpClient;
  readonly project: string | undefined;
  readonly operations: Operations;
  readonly instances: Instances;

  constructor(http: HttpClient, project: string | undefined) {
    this.#http = http;
    this.project = project;
    this.operations = new Operations(http);
    this.instances = new Instances(http, project, this.operations);
  }

  /** All images, in one answer. */
  async images(signal: AbortSignal): Promise<readonly IncusImageAnswer[]> {
    const { metadata } = await this.#get("1.0/images", signal, { recursion: 1 });
    const list = Array.isArray(metadata) ? metadata : [];
    return list.map((one: unknown) => parsed(one, isImage, "an image"));
  }

  /** By a fingerprint or its beginning. */
  async image(fingerprint: string, signal: AbortSignal, secret?: string): Promise<IncusImageAnswer | undefined> {
    const found = await this.#find(`1.0/images/${encodeURIComponent(fingerprint)}`, signal, { secret });
    return found === undefined ? undefined : parsed(found.metadata, isImage, "an image");
  }

  async alias(name: string, signal: AbortSignal): Promise<HeldAlias | undefined> {
    const call = { signal, query: this.#query(), accept: [404] };
    const answer = await this.#http.send("GET", `1.0/images/aliases/${encodeURIComponent(name)}`, call);
    if (answer.status === 404) {
      await answer.text();
      return undefined;
    }
    const entry = parsed(parsed(await answer.json(), isEnvelope, "an answer").metadata, isAliasEntry, "an alias");
    return { entry, etag: answer.headers.get("etag") ?? undefined };
  }

  /** False: another image has it. */
  async addAlias(alias: { name: string; description: string; target: string }, signal: AbortSignal): Promise<boolean> {
    const call = { signal, json: alias, query: this.#query(), accept: [409] };
    try {
      const answer = await this.#http.send("POST", "1.0/images/aliases", call);
      await answer.text();
      return answer.status !== 409;
    } catch (thrown) {
      // Two at the same instant: the database of the server says no where its own look did not.
      if (thrown instanceof Failure && isTwice(thrown.message)) return false;
      throw thrown;
    }
  }

  /** False: another user changed it since it was read. */
  async moveAlias(
    { entry, etag }: HeldAlias,
    to: { target: string; description: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    const headers = etag === undefined ? {} : { "if-match": etag };
    const call = { signal, json: to, query: this.#query(), headers, accept: [412] };
    const answer = await this.#http.send("PUT", `1.0/images/aliases/${encodeURIComponent(entry.name)}`, call);
    await answer.text();
    return answer.status !== 412;
  }

  /** Takes an alias off an image; one that leads to another image by now is left there. */
  async removeAlias(name: string, target: string, signal: AbortSignal): Promise<void> {
    const held = await this.alias(name, signal);
    if (held?.entry.target !== target) return;
    await this.#http.find("DELETE", `1.0/images/aliases/${encodeURIComponent(name)}`, { signal, query: this.#query() });
  }

  /** Changes what is there by `edit`, and again where another user was quicker; `edit` answers undefined where nothing is to be done. */
  async change(
    fingerprint: string,
    edit: (now: IncusImageAnswer) => Writable | undefined,
    signal: AbortSignal,
  ): Promise<IncusImageAnswer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#http.send("GET", `1.0/images/${fingerprint}`, { signal, query: this.#query() });
      const etag = answer.headers.get("etag");
      const now = parsed(parsed(await answer.json(), isEnvelope, "an answer").metadata, isImage, "an image");
      const wanted = edit(now);
      if (wanted === undefined) return now;
      const call = {
        signal,
        json: wanted,
        query: this.#query(),
        headers: etag === null ? {} : { "if-match": etag },
        accept: attempt < ATTEMPTS ? [412] : [],
      };
      const said = await this.#http.send("PUT", `1.0/images/${fingerprint}`, call);
      await said.text();
      if (said.status !== 412) return (await this.image(fingerprint, signal)) ?? now;
    }
  }

  /** Sends the bytes of an image; an operation that makes it of them. */
  async upload({ source, type, properties, progress }: IncusUpload, context: OperationContext): Promise<string> {
    const headers = {
      "content-type": type,
      "x-incus-filename": encodeURI(source.filename),
      ...(Object.keys(properties).length === 0
        ? {}
        : { "x-incus-properties": new URLSearchParams(properties).toString() }),
    };
    // The fingerprint is known before the last byte, so an image that is there after all is known to be this one.
    const call: Call = { signal: context.signal, query: this.#query(), headers, source, progress, idempotent: true };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#begun(await this.#http.send("POST", "1.0/images", call));
      } catch (thrown) {
        if (context.signal.aborted || !isAway(thrown) || attempt === ATTEMPTS) throw thrown;
        await back(this.#http, context.signal);
      }
    }
  }

  /**
   * Has the server make an image itself: a copy, or one of an instance. Not ended by the signal of a run: an operation whose name nobody
   * heard could not be cancelled.
   */
  async make(body: Readonly<Record<string, unknown>>): Promise<string> {
    const { signal } = new AbortController();
    return await this.#begun(await this.#http.send("POST", "1.0/images", { signal, json: body, query: this.#query() }));
  }

  /** False: there was none. */
  async remove(fingerprint: string, context: OperationContext): Promise<boolean> {
    const call = { signal: context.signal, query: this.#query() };
    const answer = await this.#http.find("DELETE", `1.0/images/${fingerprint}`, call);
    if (answer === undefined) return false;
    const operation = parsed(answer, isEnvelope, "an answer").operation;
    if (operation)
      await this.operations.wait(operation, {
        ...context,
        found: async () => gone(await this.image(fingerprint, context.signal)),
      });
    return true;
  }

  /** Has the server look for a newer version of what it copied, and waits until that has taken its place. */
  async refresh(fingerprint: string, context: OperationContext): Promise<void> {
    const call = { signal: context.signal, query: this.#query() };
    const operation = await this.#begun(await this.#http.send("POST", `1.0/images/${fingerprint}/refresh`, call));
    await this.operations.wait(operation, { ...context, found: async () => ({}) });
  }

  /** A key that lets another server, or anybody, have one image for a few seconds. */
  async secret(fingerprint: string, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#http.json("POST", `1.0/images/${fingerprint}/secret`, { signal, query: this.#query() });
    const { metadata } = parsed(answer, isEnvelope, "an answer");
    const inner = parsed(metadata, isNested, "an operation").metadata;
    return parsed(inner, isResult, "a secret").secret;
  }

  async export(fingerprint: string, signal: AbortSignal): Promise<Answer> {
    return await this.#http.send("GET", `1.0/images/${fingerprint}/export`, { signal, query: this.#query() });
  }

  async server(signal: AbortSignal): Promise<ServerAnswer> {
    return parsed((await this.#get("1.0", signal)).metadata, isServer, "a server");
  }

  /** The certificate of the server, and the project that keeps the images here: a project without images of its own has the default one's. */
  async home(signal: AbortSignal): Promise<{ readonly certificate: string; readonly project: string }> {
    const { environment } = await this.server(signal);
    const certificate = environment?.certificate_fingerprint;
    if (certificate === undefined)
      throw new Failure(
        "backend.denied",
        "the server does not report its certificate, so that images cannot be distinguished from copies",
        {
          hint: "use a client that the server trusts, or set mark = false on this backend",
        },
      );
    const { project = "default" } = this;
    if (project === "default") return { certificate, project };
    const found = await this.#find(`1.0/projects/${encodeURIComponent(project)}`, signal);
    const isShared =
      found !== undefined && parsed(found.metadata, isProject, "a project").config?.["features.images"] === "false";
    return { certificate, project: isShared ? "default" : project };
  }

  #query(more: Call["query"] = {}): NonNullable<Call["query"]> {
    return { ...(this.project === undefined ? {} : { project: this.project }), ...more };
  }

  async #get(path: string, signal: AbortSignal, query: Call["query"] = {}): Promise<Envelope> {
    return parsed(await this.#http.json("GET", path, { signal, query: this.#query(query) }), isEnvelope, "an answer");
  }

  async #find(path: string, signal: AbortSignal, query: Call["query"] = {}): Promise<Envelope | undefined> {
    const found = await this.#http.find("GET", path, { signal, query: this.#query(query) });
    return found === undefined ? undefined : parsed(found, isEnvelope, "an answer");
  }

  async #begun(answer: Answer): Promise<string> {
    const { operation } = parsed(await answer.json(), isEnvelope, "an answer");
    if (!operation) throw new Failure("backend.answer", "the server did not start an operation");
    return operation;
  }
}

/** What the server says of an image or alias that already exists, also where two requests met. */
export const isTwice = (message: string): boolean => /already exists|UNIQUE constraint failed: images/i.test(message);

const ATTEMPTS = 6;
const gone = (image: IncusImageAnswer | undefined) => (image === undefined ? {} : undefined);
