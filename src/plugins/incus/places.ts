import { type Address, Failure, type ImageId, imageId } from "images";
import type { IncusClient } from "./client.ts";
import { type ImageScope, LASTING, lastingName, noteName, partsOf } from "./image.ts";
import type { IncusServer, Servers } from "./servers.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** Where images are kept: a project of a server. */
export interface IncusPlace extends ImageScope {
  readonly scopes: Set<string>;
  readonly client: IncusClient;
  readonly server: IncusServer;
}

export const idAt = ({ prefix }: ImageScope, fingerprint: string): ImageId => imageId(`${prefix}${fingerprint}`);

/** What an image says of where it is to be kept. */
export interface Placing {
  readonly remote?: string | undefined;
  readonly project?: string | undefined;
  readonly target_project?: string | undefined;
}

/** The same as attributes. */
export const placingOf = ({ remote, project, target_project }: Placing): Readonly<Record<string, string>> => ({
  ...(remote === undefined ? {} : { remote }),
  ...(project === undefined ? {} : { project }),
  ...(target_project === undefined ? {} : { target_project }),
});

/** The backend's own place, and others where images say so. */
export class Places {
  readonly #servers: Servers;
  readonly #project: string | undefined;
  readonly #signal: AbortSignal;
  readonly #homes = new Map<string, Promise<Home>>();
  readonly #known = new Map<string, IncusPlace>();

  constructor(servers: Servers, project: string | undefined, signal: AbortSignal) {
    this.#servers = servers;
    this.#project = project;
    this.#signal = signal;
  }

  async own(): Promise<IncusPlace> {
    return await this.at(undefined, undefined);
  }

  /** Where an image is to be kept. */
  async of(placing: Placing): Promise<IncusPlace> {
    const { remote, project, target_project } = placing;
    return await this.at(remote, target_project ?? project, scopeOf(placing));
  }

  /** Where the instance is that an image is published from: in the place of the image, or in another project of its server. */
  async instances({ remote, project, target_project }: Placing, named: string | undefined): Promise<IncusPlace> {
    const asked = named ?? target_project ?? project;
    const place = await this.at(remote, asked);
    const { server } = place;
    return { ...place, client: server.client(asked ?? place.client.project) };
  }

  async ofId(id: ImageId): Promise<IncusPlace> {
    const { remote, project } = partsOf(id);
    return await this.at(remote, project);
  }

  /** A project without images of its own is the place of the default project's. `scope`: how the file writes the place. */
  async at(remote: string | undefined, project: string | undefined, scope?: string): Promise<IncusPlace> {
    const own = await this.#servers.own();
    const isOwn = remote === undefined || remote === own.name || (remote === "local" && own.url === undefined);
    const server = isOwn ? own : await this.#servers.keeper(remote);
    const usual = (isOwn ? (this.#project ?? server.project) : server.project) ?? "default";
    const name = isOwn ? "" : `${remote}:`;
    const [first, home] = await Promise.all([
      this.#home(name, server, usual),
      this.#home(name, server, project ?? usual),
    ]);
    const prefix = `${name}${home.project === first.project ? "" : `${home.project}/`}`;
    let place = this.#known.get(prefix);
    if (place === undefined) {
      const own = server.name ?? (server.url === undefined ? "local" : undefined);
      place = {
        prefix,
        scopes: new Set([prefix]),
        remote: isOwn ? own : remote,
        self: `${home.certificate}/${home.project}`,
        usual: { project: first.project, ...(isOwn && own !== undefined ? { remote: own } : {}) },
        server,
        client: home.client,
      };
      this.#known.set(prefix, place);
    }
    if (scope !== undefined) place.scopes.add(scope);
    return place;
  }

  #home(name: string, server: IncusServer, project: string): Promise<Home> {
    const key = `${name}${project}`;
    let home = this.#homes.get(key);
    if (home === undefined) {
      const client = server.client(project);
      home = client.home(this.#signal).then((found) => ({ ...found, client }));
      this.#homes.set(key, home);
      home.catch(() => this.#homes.delete(key));
    }
    return home;
  }
}

interface Home {
  readonly certificate: string;
  /** The project that keeps the images. */
  readonly project: string;
  readonly client: IncusClient;
}

/** Which of the names of an image are meant by an address, as the file writes its place: those in the backend's own one are plain. */
export function scopeOf({ remote, project, target_project }: Placing): string {
  const kept = target_project ?? project;
  return `${remote === undefined ? "" : `${remote}:`}${kept === undefined ? "" : `${kept}/`}`;
}

/** @throws Failure backend.missing */
export async function there(client: IncusClient, fingerprint: string, signal: AbortSignal) {
  const found = await client.image(fingerprint, signal);
  if (found === undefined) throw new Failure("backend.missing", `${fingerprint} is gone`, { hint: "plan again" });
  return found;
}

/** @throws Failure backend.refused when the server is too old for it */
export async function supports(
  { client }: IncusPlace,
  extension: string,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const { api_extensions, environment } = await client.server(signal);
  if (api_extensions == null || api_extensions.includes(extension)) return;
  throw new Failure("backend.refused", `this server (Incus ${environment?.server_version ?? "?"}) cannot ${what}`, {
    hint: `it has no API extension ${extension}: upgrade Incus`,
  });
}

/** The image that the server keeps up to date, by the note in its alias, which goes with each refresh. `name`: its id without its place. */
export async function lasting(
  { client }: IncusPlace,
  name: string,
  { file, address }: { readonly file: string; readonly address: Address | undefined },
  signal: AbortSignal,
): Promise<IncusImageAnswer | undefined> {
  const isIt = (image: IncusImageAnswer | undefined) => image !== undefined && lastingName(image) === name;
  const held = address === undefined ? undefined : await client.alias(noteName(file, address), signal);
  const image = held === undefined ? undefined : await client.image(held.entry.target, signal);
  if (isIt(image)) return image;
  return (await client.images(signal)).find(isIt) ?? (await client.image(name.slice(LASTING.length), signal));
}
