import { Failure } from "images";
import type { IncusClient } from "./client.ts";
import { plainAliases } from "./image.ts";
import { boundaryOf, type MultipartFiles, type TaggedFile, unframed } from "./multipart.ts";
import type { RemoteImageRequest } from "./request.ts";
import type { IncusServer, RegistryServer, Server, Servers, StreamsServer } from "./servers.ts";
import type { StreamsImage } from "./streams.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** An image of a remote, as it is there now. */
export interface OriginFound {
  readonly fingerprint: string;
  readonly size: number | undefined;
  readonly type: string;
  readonly aliases: readonly string[];
  /** Older versions that the same alias led to: a server whose knowledge of the remote is old takes one of them for it. */
  readonly older: readonly string[];
  /** The extension of the API that a server needs for it. */
  readonly needs?: string;
  /** `source` of a request that has a server fetch it; undefined: no other server can. */
  pull(byAlias: boolean): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** Its bytes. */
  files(): Promise<MultipartFiles>;
}

/** What an alias of a remote points to now. `native`: the architecture that counts where none is wanted. @throws Failure backend.missing */
export async function find(
  asked: RemoteImageRequest,
  servers: Servers,
  native: () => Promise<string>,
  signal: AbortSignal,
): Promise<OriginFound> {
  const server: Server = await servers.remote(asked.remote);
  if (server.kind === "incus") return await onIncus(asked, server, signal);
  const { name, type } = asked;
  if (server.kind === "oci") return fromRegistry(await server.registry.find(name, signal), asked, server);
  const architecture = asked.architecture ?? (await native());
  const [image, ...older] = await server.streams.find({ name, type, architecture }, signal);
  return { ...fromStream(image, asked, server), older: older.map(({ fingerprint }) => fingerprint) };
}

/** Only a server can make an image of what a registry has. */
function fromRegistry(
  fingerprint: string,
  { name, type }: RemoteImageRequest,
  { url, certificate }: RegistryServer,
): OriginFound {
  const source = { type: "image", mode: "pull", protocol: "oci", server: url, alias: name, image_type: type };
  const refused = "an image of an OCI registry is created by the server itself";
  return {
    fingerprint,
    size: undefined,
    type,
    aliases: [name],
    older: [],
    needs: "instance_oci",
    pull: async () => ({ ...source, ...(certificate === undefined ? {} : { certificate }) }),
    files: async () => {
      throw new Failure("backend.refused", refused, { hint: 'leave out `mode`, or set mode = "pull"' });
    },
  };
}

function fromStream(
  image: StreamsImage,
  { name, type }: RemoteImageRequest,
  { streams, url, certificate }: StreamsServer,
): Omit<OriginFound, "older"> {
  const size = image.files.reduce((sum, file) => sum + file.size, 0);
  const pull = async (byAlias: boolean) => ({
    type: "image",
    mode: "pull",
    protocol: "simplestreams",
    server: url,
    ...(byAlias && !image.fingerprint.startsWith(name) ? { alias: name } : { fingerprint: image.fingerprint }),
    image_type: type,
    ...(certificate === undefined ? {} : { certificate }),
  });
  const parts = partsFor(image.files.length, type, image.files.at(-1)?.path ?? "");
  const open = async function* (signal: AbortSignal): AsyncGenerator<TaggedFile> {
    for (const [part, file] of image.files.entries())
      for await (const bytes of streams.read(file, signal)) yield { part, bytes };
  };
  const { fingerprint, aliases } = image;
  return { fingerprint, size, type, aliases, pull, files: async () => ({ parts, size, open }) };
}

const partsFor = (count: number, type: string, path: string): MultipartFiles["parts"] => {
  const filename = path.split("/").at(-1) ?? "";
  const disk = { name: type === "virtual-machine" ? "rootfs.img" : "rootfs", filename };
  return count === 1 ? [disk] : [{ name: "metadata", filename: "metadata.tar.xz" }, disk];
};

async function onIncus(asked: RemoteImageRequest, server: IncusServer, signal: AbortSignal): Promise<OriginFound> {
  const client = server.client(asked.project ?? server.project);
  const alias = await client.alias(asked.name, signal);
  const target = alias?.entry.target ?? (/^[0-9a-f]{6,64}$/i.test(asked.name) ? asked.name : undefined);
  const image = target === undefined ? undefined : await client.image(target, signal);
  if (image === undefined)
    throw new Failure(
      "backend.missing",
      `the remote ${asked.remote} has no image ${asked.name}, or it is not accessible`,
      {
        hint: `list images with: incus image list ${asked.remote}:`,
      },
    );
  if (image.type !== asked.type)
    throw new Failure(
      "backend.missing",
      `${asked.name} of the remote ${asked.remote} is an image of type ${image.type}`,
      {
        hint:
          image.type === "container"
            ? "remove `type` and `vm`"
            : 'say type = "virtual-machine" in source_image, or vm = true',
      },
    );
  if (asked.architecture !== undefined && image.architecture !== asked.architecture)
    throw new Failure("backend.missing", `${asked.name} of the remote ${asked.remote} is for ${image.architecture}`, {
      hint: "correct `architecture`",
    });
  const { fingerprint, size, type } = image;
  return {
    fingerprint,
    size,
    type,
    aliases: plainAliases(image).map(({ name }) => name),
    older: [],
    pull: async (byAlias) =>
      await pullOf(image, byAlias && alias !== undefined ? alias.entry.name : undefined, server, client, signal),
    files: async () => await filesOf(client, image, signal),
  };
}

/** What another server has to know to fetch an image from this one. */
async function pullOf(
  image: IncusImageAnswer,
  alias: string | undefined,
  server: IncusServer,
  client: IncusClient,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { environment = {} } = await client.server(signal);
  const address = environment.addresses?.[0];
  const url = server.url ?? (address === undefined ? undefined : `https://${address}`);
  if (url === undefined) return undefined;
  const certificate = server.certificate ?? environment.certificate;
  const secret = image.public ? undefined : await client.secret(image.fingerprint, signal);
  return {
    type: "image",
    mode: "pull",
    protocol: "incus",
    server: url,
    ...(alias !== undefined && secret === undefined ? { alias } : { fingerprint: image.fingerprint }),
    image_type: image.type,
    ...(certificate === undefined ? {} : { certificate }),
    ...(secret === undefined ? {} : { secret }),
    ...(client.project === undefined ? {} : { project: client.project }),
  };
}

/** The files of an image of an Incus server. Whether it is one or two shows with the answer. */
export async function filesOf(
  client: IncusClient,
  image: IncusImageAnswer,
  signal: AbortSignal,
): Promise<MultipartFiles> {
  const answer = await client.export(image.fingerprint, signal);
  const boundary = boundaryOf(answer.headers.get("content-type"));
  const name = image.type === "virtual-machine" ? "rootfs.img" : "rootfs";
  if (boundary === undefined) {
    await cut(answer.stream());
    const filename =
      /filename="?([^";]+)"?/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? image.filename;
    const open = async function* (again: AbortSignal): AsyncGenerator<TaggedFile> {
      for await (const bytes of (await client.export(image.fingerprint, again)).stream()) yield { part: 0, bytes };
    };
    return { parts: [{ name, filename: filename || image.fingerprint }], size: image.size, open };
  }
  const parts: { name: string; filename: string }[] = [];
  for await (const one of unframed(answer.stream(), boundary)) {
    if (parts.length === one.part) parts.push({ name: one.name, filename: one.filename });
    if (parts.length === 2) break;
  }
  const open = async function* (again: AbortSignal): AsyncGenerator<TaggedFile> {
    const fresh = await client.export(image.fingerprint, again);
    const marker = boundaryOf(fresh.headers.get("content-type")) ?? boundary;
    for await (const { part, bytes } of unframed(fresh.stream(), marker)) yield { part, bytes };
  };
  return { parts, size: image.size, open };
}

/** Ends an answer whose bytes are not wanted. */
async function cut(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes) break;
}
