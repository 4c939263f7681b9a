import { type Answer, Failure, type HttpClient } from "images";
import * as t from "typanion";
import { parsed } from "./wire.ts";

const more = { extra: t.isUnknown() };
const isGrant = t.isObject({ token: t.isOptional(t.isString()), access_token: t.isOptional(t.isString()) }, more);

/** What a registry is asked for: lists of images first, as the server itself asks. */
const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** A registry of OCI images, asked only what a name means: the server fetches and unpacks the image itself. */
export class Registry {
  readonly #http: HttpClient;
  readonly #doorTo: (url: string) => HttpClient;
  readonly #name: string;

  constructor(http: HttpClient, doorTo: (url: string) => HttpClient, name: string) {
    this.#http = http;
    this.#doorTo = doorTo;
    this.#name = name;
  }

  /** The fingerprint that the server gives to the image of `NAME[:TAG]`: the digest of its manifest. @throws Failure backend.missing */
  async find(name: string, signal: AbortSignal): Promise<string> {
    const [, path = name, tag = "latest"] = /^(.*?)(?::([^:/]+))?$/.exec(name) ?? [];
    const where = `v2/${path.includes("/") ? path : `library/${path}`}/manifests/${tag}`;
    const answer = await this.#ask(where, signal);
    await answer.text();
    if (answer.status === 404)
      throw new Failure("backend.missing", `the registry ${this.#name} has no image ${name}`, {
        hint: "write it as NAME or NAME:TAG",
      });
    if (answer.status === 401 || answer.status === 403)
      throw new Failure("backend.denied", `the registry ${this.#name} requires a login for ${name}`, {
        hint: "Incus servers fetch public images only",
      });
    const digest = /^sha256:([0-9a-f]{64})$/.exec(answer.headers.get("docker-content-digest") ?? "")?.[1];
    if (digest !== undefined) return digest;
    throw new Failure("backend.answer", `the registry ${this.#name} does not report the digest of ${name}`);
  }

  /** With a token for anybody where the registry asks for one. */
  async #ask(where: string, signal: AbortSignal): Promise<Answer> {
    const call = { signal, accept: [401, 403, 404] };
    const first = await this.#http.send("GET", where, { ...call, headers: { accept: MANIFESTS } });
    const asked = first.status === 401 ? first.headers.get("www-authenticate") : null;
    const of = (field: string) => new RegExp(`${field}="([^"]*)"`, "i").exec(asked ?? "")?.[1];
    const realm = of("realm");
    if (realm === undefined || !/^https:/.test(realm)) return first;
    await first.text();
    const at = new URL(realm);
    const scope = { service: of("service"), scope: of("scope") };
    const query = Object.fromEntries(Object.entries(scope).flatMap(([key, value]) => (value ? [[key, value]] : [])));
    const said = await this.#doorTo(at.origin).json("GET", at.pathname.slice(1), { signal, query });
    const { token, access_token } = parsed(said, isGrant, "a token of a registry");
    const authorization = `Bearer ${token ?? access_token ?? ""}`;
    return await this.#http.send("GET", where, { ...call, headers: { accept: MANIFESTS, authorization } });
  }
}
