import { createHash } from "node:crypto";
import { digest } from "../model/digest.ts";
import type { Format } from "../model/image.ts";
import { type Address, imageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import type { SourceSpec } from "../model/source.ts";
import { canonical } from "../model/value.ts";
import { type Backend, type KnownBytes, type Plugin, plain, type Reading } from "../plugin.ts";
import { decide } from "./decide.ts";
import { type LookedFor, retained } from "./observe.ts";
import { type Owner, siblingOf } from "./siblings.ts";
import type { DecisionInput, LiveImage, Want } from "./sight.ts";
import type { PhysicalImage } from "./twins.ts";

/** What an image is to be physically: its unique names, and what the plugin knows of it. Pure. */
export function bodyOf(want: Want | undefined, plugin: Plugin): PhysicalImage | undefined {
  if (want === undefined) return undefined;
  const { resource } = want;
  const names = plugin.names?.(resource.want, resource.address) ?? [];
  const keys = [bytesOf(want), ...sameSource(want)].map((bytes) => plugin.physical?.(resource.want, bytes));
  return { resource, keys: [...names, ...keys.filter((key) => key !== undefined)] };
}

function bytesOf({ resource, content, format = named(resource.source) }: Want): KnownBytes {
  const { digest: known, resolved } = content ?? {};
  return {
    ...(known === undefined ? {} : { digest: known }),
    ...(resolved === undefined ? {} : { resolved }),
    ...(format === undefined ? {} : { format }),
    whole: isWhole(resource.source),
  };
}

/** Bytes that nobody has read yet are those of the same source at another address: a digest of how they are asked for stands in for theirs. */
function sameSource(want: Want): readonly KnownBytes[] {
  const { source } = want.resource;
  if (source === undefined) return [];
  const { at, checksum, signature, follow, ...request } = source;
  const text = createHash("sha256")
    .update(canonical(JSON.parse(JSON.stringify(request))))
    .digest("hex");
  return [{ ...bytesOf(want), digest: digest("sha256", text) }];
}

const isWhole = (source: SourceSpec | undefined): boolean =>
  source !== undefined &&
  source.member === undefined &&
  source.decompress !== true &&
  (!("metadata" in source) || source.metadata === undefined);

/** What the name of a file on the web says that it is, before a byte of it was read. */
const named = (source: SourceSpec | undefined): Format | undefined =>
  source?.kind === "url" && source.urls.every((url) => /\.(tar(\.\w+)?|t[gx]z)$/i.test(url.replace(/[?#].*$/s, "")))
    ? "tar"
    : undefined;

/** The backend that a decision is about, and what else is looked for there. */
export interface DecisionSurroundings {
  readonly plugin: Plugin;
  readonly backend: Backend;
  readonly asked: readonly LookedFor[];
  readonly owner: Owner;
}

/** The step of an address. Where a new image is to be made, it is looked whether its very bytes are there already, and whose they are. */
export async function decided(sight: DecisionInput, around: DecisionSurroundings, reading: Reading): Promise<Decided> {
  const step = decide(sight);
  const { want, address, have } = sight;
  const isMade = step?.action === "create" || step?.action === "replace";
  const there = want !== undefined && isMade ? await already(want, around, reading) : undefined;
  const mine = new Set([have?.id, ...sight.leftovers, ...retained(sight.known)]);
  if (there === undefined || mine.has(there.id)) return { step, holder: undefined };
  const holder = siblingOf(there, address, around.asked, around.owner);
  if (holder === undefined) return { step: decide({ ...sight, rival: there, sameBytes: true }), holder };
  return { step: decide({ ...sight, after: [...new Set([...sight.after, holder])] }), holder };
}

/** A step, and the address of ours that has those bytes until its own step is done. */
interface Decided {
  readonly step: Step | undefined;
  readonly holder: Address | undefined;
}

/** The image that is there already with the bytes that an address is to have. */
async function already(
  want: Want,
  { plugin, backend }: DecisionSurroundings,
  reading: Reading,
): Promise<LiveImage | undefined> {
  const key = plugin.physical?.(want.resource.want, bytesOf(want));
  if (key === undefined) return undefined;
  const found = await backend.read({ address: want.resource.address, id: imageId(key) }, reading);
  return found?.names?.includes(key) === true ? { ...found, attributes: plain(found.attributes) } : undefined;
}
