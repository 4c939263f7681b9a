import type { Resource } from "../model/declaration.ts";
import { address, type ImageName } from "../model/name.ts";
import { nearest } from "../model/nearest.ts";
import type { FilePosition } from "../model/position.ts";
import { type Schema, writable } from "../model/schema.ts";
import type { Plugin } from "../plugin.ts";
import { complaintsOf, reportComplaints } from "./backends.ts";
import type { CheckContext, KnownBackend } from "./context.ts";
import { checkParts, independent, tableWith } from "./faults.ts";
import { IMAGE } from "./keys.ts";
import { type Common, lifecycleOf, stateOf } from "./lifecycle.ts";
import { attributeIn, nameIn } from "./naming.ts";
import { EMPTY, type NodeEntry, placesIn, type TableNode } from "./node.ts";
import { byName, checkOrigins } from "./origins.ts";
import { checkOrigin, checkSource } from "./policy.ts";
import { extractReferences } from "./references.ts";
import { findSource } from "./source.ts";
import { isSourceKey } from "./source-entries.ts";

/** An image on one of its backends. */
interface PlacedSource {
  readonly image: ImageName;
  readonly backend: KnownBackend;
  /** `[image.X]` and, where there is one, `[image.X.on.B]`. */
  readonly node: TableNode;
  readonly on: TableNode | undefined;
  /** Common settings of the image, and of it on this backend, as far as they are right. */
  readonly common: Common;
  /** Said after messages that are about one backend only. */
  readonly about: string;
  /** A key of it is unknown: most likely the one that was to say what it is made from. */
  readonly slipped: boolean;
}

/** Keys of `[image.X]` that say where it is. */
export const PLACES: readonly string[] = ["backend", "backends", "on"];
export const PLACING: ReadonlySet<string> = new Set(PLACES);

/** Whether a plugin has an attribute of this name that can be written. */
export const takes = (plugin: Plugin, key: string): boolean => attributeIn(plugin.image, key) !== undefined;

/** One image on one backend; undefined when it cannot be made sense of, which is reported. */
export function checkResource(placed: PlacedSource, plugin: Plugin, context: CheckContext): Resource | undefined {
  const { image, backend, node, on, common, about, slipped } = placed;
  const { problems } = context;
  const before = problems.count;
  const entries = overlay(node.entries, on?.entries ?? EMPTY, plugin);
  const source = findSource(entries, takes(plugin, "source"), context);
  const written: (readonly [string, NodeEntry])[] = [];
  for (const [key, entry] of entries)
    if (takes(plugin, key) && (key !== "source" || source.kind === "plugin")) written.push([key, entry]);
  const { references, literal } = extractReferences(written, { backend: backend.name, plugin, about }, context);
  const { value: want, bad } = checkParts<Schema>(plugin.image, tableWith(on ?? node, literal), {
    problems,
    about,
    maskSecret: context.maskSecret,
  });
  const at = on?.at ?? node.at;
  const lifecycle = lifecycleOf(common, entries, plugin, problems);
  const state = stateOf(common, entries, plugin, problems);
  const here = address(backend.name, image);
  const needed = !slipped && !lifecycle.existing && state !== "absent" && !context.imported.has(here);
  const attributes = byName(plugin, written);
  const meant = checkOrigins({ plugin, attributes, source, needed, at: node.at, about }, context);
  if (source.kind === "source") checkSource(source.spec, context);
  else if (meant !== undefined) checkOrigin(meant, attributes, context);
  const places = placesOf(entries, plugin);
  const isSound = want !== undefined && problems.count === before;
  if (want !== undefined && plugin.check !== undefined) {
    const facts = factsOf(backend, source.kind === "source" || source.kind === "wrong");
    const complaints = complaintsOf(plugin, () => plugin.check?.(want, facts));
    const doubtful = [...bad, ...(source.kind === "wrong" ? ["source"] : [])];
    reportComplaints(isSound ? complaints : independent(complaints, doubtful), places, at, problems);
  }
  if (want === undefined || !isSound) return undefined;
  const resource = {
    address: here,
    backend: backend.name,
    image,
    want,
    written: written.length === 0 ? NONE : written.map(([key]) => key),
    lifecycle,
    state,
    adopt: common.adopt ?? false,
    at,
    places,
  };
  if (references !== undefined)
    return { ...resource, references, ...(source.kind === "source" ? { source: source.spec } : {}) };
  return source.kind === "source" ? { ...resource, source: source.spec } : resource;
}

const NONE: readonly string[] = [];

/**
 * The same image on another backend of the same plugin, where no problem of it was reported on the first one and nothing is declared for this
 * one: what they share is checked and kept once. Undefined when something may be else there.
 */
export function sameResource(
  first: Resource,
  backend: KnownBackend,
  plugin: Plugin,
  { imported }: CheckContext,
): Resource | undefined {
  const { image, want, source, references } = first;
  const here = address(backend.name, image);
  if (references !== undefined || imported.has(here) !== imported.has(first.address)) return undefined;
  const facts = factsOf(backend, source !== undefined);
  if (complaintsOf(plugin, () => plugin.check?.(want, facts)).length > 0) return undefined;
  return { ...first, address: here, backend: backend.name };
}

const factsOf = ({ declaration }: KnownBackend, source: boolean) =>
  declaration === undefined ? { source } : { source, settings: declaration.settings };

function placesOf(entries: ReadonlyMap<string, NodeEntry>, plugin: Plugin): Record<string, FilePosition> {
  const places: Record<string, FilePosition> = {};
  for (const [key, { value }] of entries) {
    const name = takes(plugin, key) ? (nameIn(plugin.image, key) ?? key) : key;
    if (value.kind !== "list" && value.kind !== "table") places[name] = value.at;
    else for (const [inner, at] of placesIn(name, value)) places[inner] = at;
  }
  return places;
}

/**
 * What holds on one backend: what is said for it goes before what is said for the image. An origin that is said for it also takes the
 * place of the image's own, whatever that is.
 */
function overlay(
  general: ReadonlyMap<string, NodeEntry>,
  own: ReadonlyMap<string, NodeEntry>,
  plugin: Plugin,
): ReadonlyMap<string, NodeEntry> {
  if (own.size === 0) return withoutPlacing(general);
  const canonical = (key: string) => nameIn(plugin.image, key) ?? key;
  const named = new Set([...own.keys()].map(canonical));
  const origins = plugin.origins ?? [];
  const chosen = origins.filter(({ needs }) => needs.some((name) => named.has(name)));
  const replaced = chosen.length > 0 || [...own.keys()].some(isSourceKey);
  const kept = [...general].filter(([key]) => {
    const name = canonical(key);
    if (PLACING.has(key) || named.has(name)) return false;
    if (!replaced) return true;
    const needing = origins.filter(({ needs }) => needs.includes(name));
    if (needing.length > 0) return needing.some((origin) => chosen.includes(origin));
    return !isSourceKey(key) || (chosen.length === 0 && !isWhere(own));
  });
  return new Map([...kept, ...own]);
}

function withoutPlacing(general: ReadonlyMap<string, NodeEntry>): ReadonlyMap<string, NodeEntry> {
  if (!PLACES.some((key) => general.has(key))) return general;
  const kept = new Map(general);
  for (const key of PLACING) kept.delete(key);
  return kept;
}

/** Whether these entries say where the bytes are, and not only, say, the password. */
const isWhere = (own: ReadonlyMap<string, NodeEntry>): boolean =>
  ["source", "image_source_url", "local_file_path", "file_path"].some((key) => own.has(key));

/** Tells the keys that neither we nor any of these plugins know; true when there are any. */
export function reportUnknown(
  entries: ReadonlyMap<string, NodeEntry>,
  plugins: readonly Plugin[],
  context: CheckContext,
  more: readonly string[],
): boolean {
  const before = context.problems.count;
  for (const [key, { key: at }] of entries) {
    if (more.includes(key) || Object.hasOwn(IMAGE, key) || plugins.some((plugin) => takes(plugin, key))) continue;
    const right = [...new Set([...more, ...Object.keys(IMAGE), ...plugins.flatMap(keysOf)])];
    const names = plugins.map(({ name }) => name).join(", ");
    const computedBy = plugins.find(({ image }) => nameIn(image, key) !== undefined);
    const message =
      computedBy === undefined
        ? `unknown key ${JSON.stringify(key)}`
        : `${key} is computed by the backend and cannot be set`;
    const inSource = key === "checksum" || key === "url" || key === "file" || key === "signature";
    const near =
      nearest(key, right) ?? right.find((name) => key.length > 2 && (name.startsWith(key) || key.startsWith(name)));
    const hint = inSource
      ? `it goes into source: source = { ${key} = "…" }`
      : near !== undefined
        ? `did you mean ${near}?`
        : `see: images plugins ${plugins.length === 1 ? names : "NAME"}`;
    context.problems.error("config.key", message, { at, hint });
  }
  return context.problems.count > before;
}

const keysOf = ({ image }: Plugin): string[] => writable(image).flatMap(([name, { also = [] }]) => [name, ...also]);
