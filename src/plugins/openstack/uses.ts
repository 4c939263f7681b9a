import type { OpenCloud } from "./cloud.ts";
import type { Glance } from "./glance.ts";
import { isServers, isVolumes, parsed } from "./wire.ts";

// Who uses an image, as the services beside Glance report it. Glance does not know.

interface Service {
  /** As the catalogue has it. */
  readonly url: string;
  readonly token: string | undefined;
}

const headersOf = ({ token }: Service) => (token === undefined ? {} : { "x-auth-token": token });

const bare = (url: string): string => url.replace(/\/+$/, "");

/** The project's servers that were made from an image, two at most. @throws Failure when Nova cannot be asked, or refuses */
async function servers(glance: Glance, nova: Service, image: string, signal: AbortSignal): Promise<string[]> {
  const query = { image, limit: 2 };
  const answer = await glance.beside(`${bare(nova.url)}/servers`, { query, headers: headersOf(nova) }, signal);
  return parsed(answer, isServers, "the servers of an image", "the catalogue").servers.map(({ id }) => id);
}

/**
 * The project's volumes that were made from an image, two at most. A Cinder that does not filter by the image lists all volumes: what
 * each of them says of its image counts.
 * @throws Failure when Cinder cannot be asked, or refuses
 */
async function volumes(glance: Glance, cinder: Service, image: string, signal: AbortSignal): Promise<string[]> {
  const headers = { ...headersOf(cinder), "openstack-api-version": "volume 3.4" };
  const query = { glance_metadata: JSON.stringify({ image_id: image }), limit: 1000 };
  const found: string[] = [];
  let next: string | undefined = `${bare(cinder.url)}/volumes/detail`;
  for (let isFirst = true; next !== undefined && found.length < 2; isFirst = false) {
    const asked: unknown = await glance.beside(next, { headers, ...(isFirst ? { query } : {}) }, signal);
    const page = parsed(asked, isVolumes, "the volumes of a project", "the catalogue");
    for (const { id, volume_image_metadata: of } of page.volumes) if (of?.["image_id"] === image) found.push(id);
    const link = page.volumes_links?.find(({ rel }) => rel === "next")?.href;
    // The address in a link is what Cinder takes its own to be; a proxy in front of it has another.
    next = link === undefined ? undefined : `${bare(cinder.url)}/volumes/detail${new URL(link, next).search}`;
  }
  return found;
}

/** In words: "the server X", "the volume X and others". */
const named = (kind: "server" | "volume", [first, ...more]: readonly string[]): string | undefined =>
  first === undefined ? undefined : `the ${kind} ${first}${more.length === 0 ? "" : " and others"}`;

/** A server or a volume of the project that was made from an image. @throws Failure when Nova or Cinder is there and does not say */
export async function userOf(
  image: string,
  {
    glance,
    cloud,
    region,
    signal,
  }: { glance: Glance; cloud: OpenCloud; region: string | undefined; signal: AbortSignal },
): Promise<string | undefined> {
  const { token } = await cloud.login(signal);
  const service = async (...types: readonly string[]): Promise<Service | undefined> => {
    const all = await Promise.all(types.map((type) => cloud.endpoint(type, region, signal)));
    const url = all.find((one) => one !== undefined);
    return url === undefined ? undefined : { url, token };
  };
  const nova = await service("compute");
  const server = nova && named("server", await servers(glance, nova, image, signal));
  if (server !== undefined) return server;
  // A server that boots from a volume is known to Nova without its image.
  const cinder = await service("block-storage", "volumev3", "block-store");
  return cinder && named("volume", await volumes(glance, cinder, image, signal));
}
