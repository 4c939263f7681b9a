import { type Attributes, type Desired, Failure, type ImageId, imageId } from "images";
import type { Client } from "./client.ts";
import { partsOf, type Where } from "./image.ts";
import type { Image } from "./schema.ts";
import type { IncusServer, Servers } from "./servers.ts";

/** Where images are kept: a project of a server. */
export interface Place extends Where {
  readonly client: Client;
  readonly server: IncusServer;
}

export const idAt = ({ prefix }: Where, fingerprint: string): ImageId => imageId(`${prefix}${fingerprint}`);

/** What an image says of where it is to be kept. */
export type Placing = Pick<Desired<Image>, "remote" | "project" | "target_project">;
export function placingOf(want: Attributes): Placing {
  const text = (name: string) => (typeof want[name] === "string" ? { [name]: want[name] } : {});
  return { ...text("remote"), ...text("project"), ...text("target_project") };
}

/** The backend's own place, and others where images say so. */
export class Places {
  readonly #servers: Servers;
  readonly #project: string | undefined;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, Promise<Place>>();

  constructor(servers: Servers, project: string | undefined, signal: AbortSignal) {
    this.#servers = servers;
    this.#project = project;
    this.#signal = signal;
  }

  async own(): Promise<Place> {
    return await this.at(undefined, undefined);
  }

  /** Where an image is to be kept. */
  async of({ remote, project, target_project }: Placing): Promise<Place> {
    return await this.at(remote, target_project ?? project);
  }

  async ofId(id: ImageId): Promise<Place> {
    const { remote, project } = partsOf(id);
    return await this.at(remote, project);
  }

  async at(remote: string | undefined, project: string | undefined): Promise<Place> {
    const own = await this.#servers.own();
    const isOwn = remote === undefined || remote === own.name || (remote === "local" && own.url === undefined);
    const server = isOwn ? own : await this.#servers.keeper(remote);
    const usual = (isOwn ? (this.#project ?? server.project) : server.project) ?? "default";
    const isUsual = project === undefined || project === usual;
    const scope = `${isOwn ? "" : `${remote}:`}${isUsual ? "" : `${project}/`}`;
    let place = this.#known.get(scope);
    if (place === undefined) {
      const client = server.client(isUsual ? usual : project);
      const where = { prefix: scope, scope, remote: isOwn ? undefined : remote };
      place = client.self(this.#signal).then((self) => ({ ...where, self, server, client }));
      this.#known.set(scope, place);
      place.catch(() => this.#known.delete(scope));
    }
    return await place;
  }
}

/** Which of the names of an image are meant by an address: those in the backend's own place are plain. */
export function scopeOf({ remote, project, target_project }: Placing): string {
  const kept = target_project ?? project;
  return `${remote === undefined || remote === "local" ? "" : `${remote}:`}${kept === undefined || kept === "default" ? "" : `${kept}/`}`;
}

/** @throws Failure backend.missing */
export async function there(client: Client, fingerprint: string, signal: AbortSignal) {
  const found = await client.image(fingerprint, signal);
  if (found === undefined) throw new Failure("backend.missing", `${fingerprint} is gone`, { hint: "plan again" });
  return found;
}
