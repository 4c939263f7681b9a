import { countAllocated } from "../../format/collection.ts";
import type { Detected } from "../../format/identify.ts";
import { GLANCE, identifyEarly, identifyHead, WINDOW } from "../../format/identify.ts";
import { identifyBytes, identifyFile } from "../../format/identify-file.ts";
import type { Address } from "../../model/name.ts";
import type { Content, FileSource, PlainSource, UrlSource } from "../../model/source.ts";
import { orAborted } from "../../net/scope.ts";
import { sameStat } from "../content.ts";
import type { SourceContext, SourceRequest } from "../context.ts";
import type { DownloadPool } from "../fetch/index.ts";
import type { FetchedBytes, VerifiedBytes } from "../verified-bytes.ts";
import { changed, type DeclaredProof, declaredProof, type Expectation } from "../verify/index.ts";
import { credentialsOf, publicUrl, transformOf, type Web } from "../web/index.ts";
import { content, type FileDigests, metadataText, statFile } from "./inspect.ts";
import { LocalFile } from "./local.ts";
import { digestOfImage } from "./made-image.ts";
import { VerifiedReader } from "./verified-reader.ts";

/** Where the bytes of one source come from, when it has been opened. */
export interface SourceOrigin {
  /** Told apart from every other: what is made of it can be shared. */
  readonly key: string;
  /** The bytes; those that could not be had the last time are tried again. */
  readonly supply: (signal: AbortSignal) => Promise<VerifiedBytes>;
  /** The second file of an image in two parts. */
  readonly metadata?: VerifiedBytes;
  /** A file that can be looked at before it is proven. */
  readonly path?: string;
  /** What it was found to be; waits until the bytes have been proven. */
  readonly content: () => Promise<Content>;
}

interface OriginContext {
  readonly supplies: DownloadPool;
  readonly files: FileDigests;
  readonly web: Web;
  readonly made: SourceContext["made"];
}

export async function originOf(
  spec: PlainSource,
  proof: DeclaredProof,
  opening: SourceRequest,
  context: OriginContext,
): Promise<SourceOrigin> {
  switch (spec.kind) {
    case "file":
      return await fileOrigin(spec, proof, opening, context);
    case "url":
      return await urlOrigin(spec, proof, opening, context);
    case "image":
      return await imageOrigin(spec.address, transformOf(spec), proof, opening, context);
    default:
      throw new Error(`unknown source ${spec satisfies never}`);
  }
}

async function fileOrigin(
  spec: FileSource,
  proof: DeclaredProof,
  opening: SourceRequest,
  { files }: OriginContext,
): Promise<SourceOrigin> {
  const { path, metadata } = spec;
  const { expected, signal } = opening;
  const file = await LocalFile.open(path, { proof, expected: expected?.digest, where: path });
  const { stat } = file;
  const beside = metadata === undefined ? undefined : await files.digest(metadata, await statFile(metadata), signal);
  const transform = transformOf(spec, beside);
  if (expected !== undefined && metadata !== undefined && beside !== undefined && expected.transform !== transform)
    throw changed(metadata, `it is now ${beside}`);
  if (expected?.stat !== undefined && expected.digest === undefined && !sameStat(expected.stat, stat))
    throw changed(path, "it was modified");
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
      const { digests, size } = await file.verify(signal);
      const digest = proof.digest ?? expected?.digest ?? digests.sha256;
      return content(path, { digest, digests, size, stat, transform });
    },
  };
}

/** The metadata beside a disk on the web: proven by what is declared of it; what the plan was made from is compared. */
async function besideUrl(
  spec: UrlSource,
  { expected, signal }: SourceRequest,
  { supplies, web, files }: OriginContext,
) {
  const { metadata } = spec;
  if (metadata === undefined) return { transform: transformOf(spec) };
  const where = publicUrl(metadata.urls[0] ?? "");
  const transform = transformOf(spec, await metadataText(metadata, expected, { web, files, signal, quick: true }));
  if (expected !== undefined && expected.transform !== transform) throw changed(where, "the metadata has changed");
  const proof = await declaredProof(metadata, web, signal);
  const download = await supplies.download(metadata, proof, undefined);
  await orAborted(download.ready, signal);
  return { transform, metadata: new VerifiedReader(download, { proof, expected: undefined, where }) };
}

async function urlOrigin(
  spec: UrlSource,
  proof: DeclaredProof,
  opening: SourceRequest,
  context: OriginContext,
): Promise<SourceOrigin> {
  const { supplies, web } = context;
  const { expected, progress, signal } = opening;
  const { transform, metadata } = await besideUrl(spec, opening, context);
  const watched = new Set<VerifiedBytes>();
  let own: FetchedBytes | undefined;
  let reader: { readonly of: FetchedBytes; readonly proved: VerifiedReader } | undefined;
  const expectation: Expectation = { proof, expected: expected?.digest, where: publicUrl(spec.urls[0] ?? "") };
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
      return proof.digest ?? spec.urls.map((url) => web.identifier.request(url, credentialsOf(spec))).join(" ");
    },
    supply: async (reading) => {
      const download = await get();
      await orAborted(download.ready, reading);
      // A stream that nothing is kept of proves what it gives by itself.
      if (!download.isShared) return download;
      if (reader?.of !== download) reader = { of: download, proved: new VerifiedReader(download, expectation) };
      return reader.proved;
    },
    content: async () => {
      const download = await get();
      const { digests, size } = await download.verify(signal);
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
  proof: DeclaredProof,
  opening: SourceRequest,
  { supplies, made }: OriginContext,
): Promise<SourceOrigin> {
  const { expected, progress, signal } = opening;
  const pinned = expected?.digest && digestOfImage(expected.digest, await made?.(address));
  const expectation: Expectation = { proof, expected: pinned, where: address };
  const readers = new Map<VerifiedBytes, VerifiedReader>();
  const open = async (reading: AbortSignal) => {
    const parts = await supplies.parts(address, reading);
    const disk = parts.at(-1);
    if (disk === undefined) throw new Error("an image without parts");
    if (!readers.has(disk)) disk.watch(progress);
    const proved = readers.get(disk) ?? new VerifiedReader(disk, expectation);
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
      : { metadata: new VerifiedReader(metadata, { proof: {}, expected: undefined, where: address }) }),
    content: async () => {
      const { proved } = await open(signal);
      const { digests, size } = await proved.verify(signal);
      const digest = expected?.digest ?? digests.sha256;
      // Of bytes that a conversion made, the digests are no other ones of what they were made from.
      const own = pinned === expected?.digest ? { digests } : {};
      return { ...content(address, { digest, ...own, size, transform }), ...expected };
    },
  };
}

/** What the bytes are, by their beginning; by their end as well where they lie in a file at `path`. */
export async function detect(
  bytes: VerifiedBytes,
  path: string | undefined,
  member: string | true | undefined,
  signal: AbortSignal,
  tail?: Uint8Array,
): Promise<Detected> {
  if (bytes.held !== undefined) return await identifyBytes(bytes.held, { member }, signal);
  if (path !== undefined) return await identifyFile(path, { member }, signal);
  const options = { member, size: bytes.size, tail };
  const glance = async (first: readonly Uint8Array[]) =>
    await ofCopy(first, GLANCE, (head) => identifyEarly(head, options, signal));
  const whole = async (pieces: readonly Uint8Array[]) =>
    await ofCopy(pieces, WINDOW, (head) => identifyHead(head, options, signal));
  if (bytes.peek !== undefined)
    return (await glance(await bytes.peek(GLANCE, signal))) ?? (await whole(await bytes.peek(WINDOW, signal)));
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes.read(signal)) {
    pieces.push(piece);
    const length = sizeOf(pieces);
    const early = length >= GLANCE && length - piece.length < GLANCE ? await glance(pieces) : undefined;
    if (early !== undefined) return early;
    if (length >= WINDOW) break;
  }
  return await whole(pieces);
}

/** Of the pieces themselves the memory may be given back while what takes a compression off is still at work on it. */
async function ofCopy<T>(pieces: readonly Uint8Array[], most: number, look: (head: Uint8Array) => Promise<T>) {
  const head = Buffer.concat(pieces, Math.min(most, sizeOf(pieces)));
  try {
    return await look(head);
  } finally {
    countAllocated(head);
  }
}

const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);
