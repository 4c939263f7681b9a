import { createHash } from "node:crypto";
import type { KnownBytes } from "../facts.ts";
import { type Digest, digest, nameOf } from "../model/digest.ts";
import type { Format } from "../model/image.ts";
import type { SourceSpec } from "../model/source.ts";
import { canonical } from "../model/value.ts";
import type { Backend, Plugin, ReadContext } from "../plugin.ts";
import type { PlanContext } from "./context.ts";
import type { DesiredImage } from "./input.ts";

// Backends on which equal bytes are one image: what is known of the bytes of a declared one, and when they are read for it.

/** What is known of the bytes that an image is to have. Pure. */
export function bytesOf(want: DesiredImage, plugin: Plugin): KnownBytes {
  const { resource, content, format = named(resource.source) } = want;
  const { digest: known, resolved } = content ?? {};
  const sent = want.sentDigest ?? sentOf(want, plugin);
  return {
    ...(known === undefined ? {} : { digest: known }),
    ...(resolved === undefined ? {} : { resolved }),
    ...(format === undefined ? {} : { format }),
    ...(sent === undefined ? {} : { sent }),
    whole: isWhole(resource.source),
    beside: isBeside(resource.source),
  };
}

/** One file that goes as it is: its digest is that of all that is sent. */
function sentOf({ resource, content, outgoing }: DesiredImage, plugin: Plugin): Digest | undefined {
  const known = content?.digest;
  const wanted = plugin.bytes?.(resource.want);
  const isUntouched = outgoing?.isUntouched ?? (wanted === undefined || wanted.compressions === "any");
  const isIt = isWhole(resource.source) && isUntouched && content?.transform === undefined;
  return isIt && known !== undefined && nameOf(known) === "sha256" ? known : undefined;
}

/**
 * Bytes that nobody has read yet are those of another address which asks for them in the same way, or for which the same digests are
 * known: a digest of that stands in for theirs. Pure.
 */
export function sameRequestBytes(want: DesiredImage, plugin: Plugin): readonly KnownBytes[] {
  const { source } = want.resource;
  if (source === undefined) return [];
  const { at, checksum, signature, follow, ...request } = source;
  const { digest: known, transform } = want.content ?? {};
  const texts = [canonical(JSON.parse(JSON.stringify(request)))];
  if (known !== undefined && transform !== undefined) texts.push(canonical({ known, transform }));
  return texts.map((text) => {
    const made = digest("sha256", createHash("sha256").update(text).digest("hex"));
    return { ...bytesOf(want, plugin), digest: made, sent: made };
  });
}

const isBeside = (source: SourceSpec | undefined): boolean =>
  source !== undefined && "metadata" in source && source.metadata !== undefined;

const isWhole = (source: SourceSpec | undefined): boolean =>
  source !== undefined && source.member === undefined && source.decompress !== true && !isBeside(source);

/** What the name of a file on the web says that it is, before a byte of it was read. */
const named = (source: SourceSpec | undefined): Format | undefined =>
  source?.kind === "url" && source.urls.every((url) => /\.(tar(\.\w+)?|t[gx]z)$/i.test(url.replace(/[?#].*$/s, "")))
    ? "tar"
    : undefined;

/** The text by which the plugin knows the image, as far as its bytes are known. Where nothing tells their format, it may be any that the plugin takes. */
export function physicalOf(want: DesiredImage, plugin: Plugin): string | undefined {
  if (plugin.physical === undefined) return undefined;
  const bytes = bytesOf(want, plugin);
  const key = plugin.physical?.(want.resource.want, bytes);
  const formats = bytes.format === undefined ? plugin.bytes?.(want.resource.want).formats : undefined;
  if (key !== undefined || formats === undefined || formats === "any") return key;
  return formats
    .map((format) => plugin.physical?.(want.resource.want, { ...bytes, format }))
    .find((one) => one !== undefined);
}

/** Of files whose bytes may be those of an image that is there: fewer are read without knowing how many will come of them. */
const SMALL = 64 << 20;

/** The want with the digest of all that is sent, where that needs a reading of local files and `isLikely` says that it may be known there. */
export async function withSent(
  want: DesiredImage,
  plugin: Plugin,
  { sent, signal }: Pick<PlanContext, "sent" | "signal">,
  isLikely: (size: number) => boolean | Promise<boolean>,
): Promise<DesiredImage> {
  const { resource, outgoing, content } = want;
  const wanted = plugin.bytes?.(resource.want);
  if (plugin.physical === undefined || outgoing === undefined || wanted === undefined) return want;
  if (resource.source === undefined || bytesOf(want, plugin).sent !== undefined) return want;
  // A format of which equal bytes are not one image is not read.
  const sample = digest("sha256", "0".repeat(64));
  if (plugin.physical(resource.want, { ...bytesOf(want, plugin), sent: sample }) === undefined) return want;
  const { size } = outgoing;
  const sized = size === undefined ? want : { ...want, sentSize: size };
  const isRead = size === undefined ? (content?.size ?? Infinity) < SMALL : await isLikely(size);
  if (!isRead) return sized;
  const found = await sent?.(resource.source, wanted, { address: resource.address, signal });
  if (found === undefined) return sized;
  const isAll = isWhole(resource.source) && outgoing.isUntouched && content !== undefined;
  return {
    ...sized,
    sentDigest: found,
    ...(isAll && content.digest === undefined ? { content: { ...content, digest: found } } : {}),
  };
}

/** How many bytes the images of a backend have. Listed at most once, where the plan did not list them anyway. */
export class ListedSizes {
  readonly #backend: Backend;
  readonly #reading: ReadContext;
  readonly #sizes = new Set<number>();
  #listing: Promise<void> | undefined;

  constructor(backend: Backend, reading: ReadContext) {
    this.#backend = backend;
    this.#reading = reading;
  }

  add({ size }: { readonly size?: number }): void {
    if (size !== undefined) this.#sizes.add(size);
  }

  /** All of them were added. */
  complete(): void {
    this.#listing = Promise.resolve();
  }

  async has(size: number): Promise<boolean> {
    this.#listing ??= this.#list();
    await this.#listing;
    return this.#sizes.has(size);
  }

  async #list(): Promise<void> {
    for await (const image of this.#backend.list(this.#reading)) this.add(image);
  }
}
