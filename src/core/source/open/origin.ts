import type { Detected } from "../../format/identify.ts";
import { identifyHead, WINDOW } from "../../format/identify.ts";
import { identifyFile } from "../../format/transform.ts";
import type { Address } from "../../model/name.ts";
import type { Content, FileSource, PlainSource, UrlSource } from "../../model/source.ts";
import { orAborted } from "../../net/scope.ts";
import { sameStat } from "../content.ts";
import type { DownloadPool } from "../fetch/index.ts";
import type { SourceOpening } from "../means.ts";
import type { FetchedBytes, ProvenBytes } from "../supply.ts";
import { changed, type Demand, type Proof, proofOf } from "../verify/index.ts";
import { accessOf, publicUrl, transformOf, type Web } from "../web/index.ts";
import { LocalFile } from "./local.ts";
import { besideOf, content, type FileDigests, statFile } from "./look.ts";
import { Proved } from "./proved.ts";

/** Where the bytes of one source come from, when it has been opened. */
export interface SourceOrigin {
  /** Told apart from every other: what is made of it can be shared. */
  readonly key: string;
  /** The bytes; those that could not be had the last time are tried again. */
  readonly supply: (signal: AbortSignal) => Promise<ProvenBytes>;
  /** The second file of an image in two parts. */
  readonly metadata?: ProvenBytes;
  /** A file that can be looked at before it is proven. */
  readonly path?: string;
  /** What it was found to be; waits until the bytes have been proven. */
  readonly content: () => Promise<Content>;
}

interface OriginMeans {
  readonly supplies: DownloadPool;
  readonly files: FileDigests;
  readonly web: Web;
}

export async function originOf(
  spec: PlainSource,
  proof: Proof,
  opening: SourceOpening,
  means: OriginMeans,
): Promise<SourceOrigin> {
  switch (spec.kind) {
    case "file":
      return await fileOrigin(spec, proof, opening, means);
    case "url":
      return await urlOrigin(spec, proof, opening, means);
    case "image":
      return await imageOrigin(spec.address, transformOf(spec), proof, opening, means);
    default:
      throw new Error(`unknown source ${spec satisfies never}`);
  }
}

async function fileOrigin(
  spec: FileSource,
  proof: Proof,
  opening: SourceOpening,
  { files }: OriginMeans,
): Promise<SourceOrigin> {
  const { path, metadata } = spec;
  const { expected, signal } = opening;
  const stat = await statFile(path);
  const beside = metadata === undefined ? undefined : await files.digest(metadata, await statFile(metadata), signal);
  const transform = transformOf(spec, beside);
  if (expected !== undefined && metadata !== undefined && beside !== undefined && expected.transform !== transform)
    throw changed(metadata, `it is now ${beside}`);
  if (expected?.stat !== undefined && expected.digest === undefined && !sameStat(expected.stat, stat))
    throw changed(path, "it was modified");
  const file = await LocalFile.open(path, { proof, expected: expected?.digest, where: path });
  file.watch(opening.progress);
  return {
    key: `${path} ${stat.size} ${stat.mtime} ${stat.inode}`,
    path,
    supply: async () => file,
    ...(metadata === undefined
      ? {}
      : { metadata: await LocalFile.open(metadata, { proof: {}, expected: beside, where: metadata }) }),
    content: async () => {
      if ((await file.unread()) !== undefined) {
        const resolved = await files.data(path, stat, signal);
        await file.check();
        return content(path, { resolved, size: stat.size, stat, transform });
      }
      const { digests, size } = await file.prove(signal);
      const digest = proof.digest ?? expected?.digest ?? digests.sha256;
      return content(path, { digest, digests, size, stat, transform });
    },
  };
}

/** The metadata beside a disk on the web: proven by what is declared of it; what the plan was made from is compared. */
async function besideUrl(spec: UrlSource, { expected, signal }: SourceOpening, { supplies, web, files }: OriginMeans) {
  const { metadata } = spec;
  if (metadata === undefined) return { transform: transformOf(spec) };
  const where = publicUrl(metadata.urls[0] ?? "");
  const transform = transformOf(spec, await besideOf(metadata, expected, { web, files, signal, quick: true }));
  if (expected !== undefined && expected.transform !== transform) throw changed(where, "the metadata has changed");
  const proof = await proofOf(metadata, web, signal);
  const download = await supplies.download(metadata, proof, undefined);
  await orAborted(download.ready, signal);
  return { transform, metadata: new Proved(download, { proof, expected: undefined, where }) };
}

async function urlOrigin(
  spec: UrlSource,
  proof: Proof,
  opening: SourceOpening,
  means: OriginMeans,
): Promise<SourceOrigin> {
  const { supplies, web } = means;
  const { expected, progress, signal } = opening;
  const { transform, metadata } = await besideUrl(spec, opening, means);
  const watched = new Set<ProvenBytes>();
  let own: FetchedBytes | undefined;
  let reader: { readonly of: FetchedBytes; readonly proved: Proved } | undefined;
  const demand: Demand = { proof, expected: expected?.digest, where: publicUrl(spec.urls[0] ?? "") };
  const get = async () => {
    const download = own?.hasFailed === false ? own : await supplies.download(spec, proof, expected, opening.isKept);
    own = download.isShared ? undefined : download;
    if (!watched.has(download)) download.watch(progress);
    watched.add(download);
    return download;
  };
  return {
    ...(metadata === undefined ? {} : { metadata }),
    get key() {
      return proof.digest ?? spec.urls.map((url) => web.identifier.request(url, accessOf(spec))).join(" ");
    },
    supply: async (reading) => {
      const download = await get();
      await orAborted(download.ready, reading);
      // A stream that nothing is kept of proves what it gives by itself.
      if (!download.isShared) return download;
      if (reader?.of !== download) reader = { of: download, proved: new Proved(download, demand) };
      return reader.proved;
    },
    content: async () => {
      const download = await get();
      const { digests, size } = await download.prove(signal);
      if (proof.digest !== undefined)
        return content(publicUrl(spec.urls[0] ?? ""), { digest: proof.digest, digests, size, transform });
      const validators = { ...download.validators, length: size };
      const url = spec.urls.find((one) => publicUrl(one) === download.from);
      const identity = url === undefined ? undefined : web.identifier.hidden(url);
      return content(download.from, { identity, digest: digests.sha256, digests, size, validators, transform });
    },
  };
}

async function imageOrigin(
  address: Address,
  transform: string | undefined,
  proof: Proof,
  opening: SourceOpening,
  { supplies }: OriginMeans,
): Promise<SourceOrigin> {
  const { expected, progress, signal } = opening;
  const demand: Demand = { proof, expected: expected?.digest, where: address };
  const readers = new Map<ProvenBytes, Proved>();
  const open = async (reading: AbortSignal) => {
    const parts = await supplies.parts(address, reading);
    const disk = parts.at(-1);
    if (disk === undefined) throw new Error("an image without parts");
    if (!readers.has(disk)) disk.watch(progress);
    const proved = readers.get(disk) ?? new Proved(disk, demand);
    readers.set(disk, proved);
    return { proved, metadata: parts.length > 1 ? parts[0] : undefined };
  };
  const { metadata } = await open(signal);
  return {
    key: address,
    supply: async (reading) => {
      const { proved } = await open(reading);
      await orAborted(proved.ready, reading);
      return proved;
    },
    ...(metadata === undefined
      ? {}
      : { metadata: new Proved(metadata, { proof: {}, expected: undefined, where: address }) }),
    content: async () => {
      const { proved } = await open(signal);
      const { digests, size } = await proved.prove(signal);
      return {
        ...content(address, { digest: expected?.digest ?? digests.sha256, digests, size, transform }),
        ...expected,
      };
    },
  };
}

/** What the bytes are, by their beginning; by their end as well where they lie in a file at `path`. */
export async function detect(
  supply: ProvenBytes,
  path: string | undefined,
  member: string | true | undefined,
  signal: AbortSignal,
  tail?: Uint8Array,
): Promise<Detected> {
  if (path !== undefined) return await identifyFile(path, { member }, signal);
  const pieces = (await supply.peek?.(WINDOW, signal)) ?? (await firstOf(supply.read(signal)));
  return await identifyHead(Buffer.concat(pieces).subarray(0, WINDOW), { member, size: supply.size, tail }, signal);
}

async function firstOf(bytes: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bytes) {
    pieces.push(piece);
    length += piece.length;
    if (length >= WINDOW) break;
  }
  return pieces;
}
