import type { FilePosition } from "../model/position.ts";
import type { Origin } from "../origin.ts";
import type { Plugin } from "../plugin.ts";
import type { CheckContext } from "./context.ts";
import { nameIn } from "./naming.ts";
import { EMPTY, type NodeEntry } from "./node.ts";
import { elsewhere } from "./problems.ts";
import type { FoundSource } from "./source.ts";

/** An attribute that is written, by its name in the schema. */
export type OriginAttributes = ReadonlyMap<string, NodeEntry>;

/** One of the things that an image is to be made from. */
export interface DeclaredOrigin {
  readonly label: string;
  readonly at: FilePosition;
  readonly origin: Origin | undefined;
}

interface OriginResult {
  readonly plugin: Plugin;
  readonly attributes: OriginAttributes;
  readonly source: FoundSource;
  /** False: it may be there without being made from anything. */
  readonly needed: boolean;
  /** Where the image is declared. */
  readonly at: FilePosition;
  readonly about: string;
}

/** Tells every breach of: an image is made from exactly one thing, which is there whole. Returns that thing. */
export function checkOrigins(
  { plugin, attributes, source, needed, at, about }: OriginResult,
  { problems }: CheckContext,
): DeclaredOrigin | undefined {
  const all = attributes.size === 0 ? [] : meantOrigins(plugin.origins ?? [], attributes, source.kind === "source");
  if (source.kind === "source") all.push({ label: source.label, at: source.spec.at, origin: undefined });
  if (source.kind === "source" && plugin.bytes === undefined)
    problems.error("config.origin", `${plugin.name} does not accept uploads${about}`, {
      at: source.spec.at,
      hint: `${plugin.name} creates an image ${ways(plugin)}`,
    });
  const [one, other] = all.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  if (one === undefined) {
    if (needed && source.kind === "none" && plugin.originless !== true) tellNone(plugin, at, about, problems);
  } else if (other !== undefined) {
    const message = `an image has one origin: ${other.label} here, and ${one.label} in ${elsewhere(one.at, other.at)}`;
    problems.error("config.origin", `${message}${about}`, { at: other.at });
  } else if (one.origin !== undefined) {
    for (const name of one.origin.needs.filter((need) => !attributes.has(need)))
      problems.error("config.origin", `${one.label} also needs ${name}${about}`, { at: one.at });
  }
  if (all.length < 2 && (all.length > 0 || source.kind === "source"))
    checkMay(plugin, attributes, one?.origin, problems, about);
  return other === undefined ? one : undefined;
}

function tellNone(plugin: Plugin, at: FilePosition, about: string, problems: CheckContext["problems"]): void {
  problems.error("config.origin", `the image has no origin${about}`, {
    at,
    hint: `create it ${ways(plugin)}; or set existing = true`,
  });
}

const ways = ({ bytes, origins = [] }: Plugin): string =>
  [
    ...(bytes === undefined ? [] : ["from bytes (source)"]),
    ...origins.map(({ name, needs }) => `${name} (${needs.join(", ")})`),
  ].join(", or ");

/** The origins that the written attributes mean. One that another explains as well or better is not meant. */
function meantOrigins(origins: readonly Origin[], attributes: OriginAttributes, isOfBytes: boolean): DeclaredOrigin[] {
  const found = origins.flatMap((origin) => {
    const given = origin.needs.filter((name) => attributes.has(name));
    if (isOfBytes && given.every((name) => origin.also?.includes(name) === true)) return [];
    return given.length === 0 ? [] : [{ origin, given, whole: given.length === origin.needs.length }];
  });
  const better = (a: (typeof found)[number], b: (typeof found)[number]): boolean => {
    if (!b.given.every((name) => a.given.includes(name))) return false;
    return a.given.length > b.given.length || (a.whole && !b.whole);
  };
  return found
    .filter((one) => !found.some((other) => other !== one && better(other, one)))
    .flatMap(({ origin, given: [name] }): DeclaredOrigin[] => {
      const entry = name === undefined ? undefined : attributes.get(name);
      return name === undefined || entry === undefined ? [] : [{ label: name, at: entry.key, origin }];
    });
}

/** Attributes that only go with another origin than the one that is meant. */
function checkMay(
  { origins = [] }: Plugin,
  attributes: OriginAttributes,
  chosen: Origin | undefined,
  problems: CheckContext["problems"],
  about: string,
): void {
  for (const [name, { key }] of attributes) {
    const owners = origins.filter(({ may = [] }) => may.includes(name));
    const first = owners[0];
    if (first === undefined || (chosen !== undefined && owners.includes(chosen))) continue;
    if (chosen?.needs.includes(name) === true) continue;
    problems.error(
      "config.origin",
      `${name} is only valid for an image ${owners.map((one) => one.name).join(" or ")}${about}`,
      {
        at: key,
        hint: `that needs ${first.needs.join(", ")}`,
      },
    );
  }
}

/** The written attributes by their names in the schema. */
export const byName = (plugin: Plugin, written: readonly (readonly [string, NodeEntry])[]): OriginAttributes =>
  written.length === 0 ? EMPTY : new Map(written.map(([key, entry]) => [nameIn(plugin.image, key) ?? key, entry]));
