import { Failure } from "../../core/failure.ts";
import { type Attributes, isSame } from "../../core/model/value.ts";
import type { MappedInstance } from "./mapping.ts";
import { nameOf } from "./names.ts";
import type { TomlBlock } from "./toml.ts";

/** A backend of images.toml. */
export interface KnownMapping {
  readonly name: string;
  readonly plugin: string;
  readonly settings: Attributes;
}

/** The backend of an image. */
export interface Chosen {
  readonly name: string;
  /** What the image has to say besides, because the backend does not: its region, its remote. */
  readonly more: Attributes;
  /** What ids begin with there. */
  readonly prefix: string;
}

interface PlacedResource<T extends MappedInstance> {
  readonly chosen: ReadonlyMap<T, Chosen>;
  /** Backends that have to be written. */
  readonly fresh: readonly TomlBlock[];
}

/**
 * The backend of each image: one of `wished`, else one of the name that it would be given, else the only one of its plugin that fits,
 * else a new one for each provider configuration, remote and region.
 * @throws Failure cli.usage
 */
export function placeBackends<T extends MappedInstance>(
  taken: readonly T[],
  known: readonly KnownMapping[],
  wished: readonly string[],
): PlacedResource<T> {
  const chosen = new Map<T, Chosen>();
  const fresh: TomlBlock[] = [];
  const names = new Set(known.map(({ name }) => name));
  const groups = Map.groupBy(taken, ({ plugin, instance, place = {} }) =>
    JSON.stringify([plugin, instance.alias ?? "", place]),
  );
  const several = (plugin: string, alias: string | undefined) =>
    new Set(
      taken.flatMap((one) => (one.plugin === plugin && one.instance.alias === alias ? JSON.stringify(one.place) : [])),
    ).size > 1;
  for (const [first, ...rest] of groups.values()) {
    if (first === undefined) continue;
    const { plugin, place = {}, instance } = first;
    const words = [plugin, ...(instance.alias === undefined ? [] : [instance.alias])];
    const own = nameOf(several(plugin, instance.alias) ? [...words, ...Object.values(place)] : words);
    const found = wishedFor(plugin, known, wished) ?? fitting(first, own, known);
    const name = found?.name ?? free(own, names);
    if (found === undefined) {
      names.add(name);
      fresh.push({ header: `backend.${name}`, comments: [], values: { plugin, ...place } });
    }
    const choice = choose(name, found, place);
    for (const one of [first, ...rest]) chosen.set(one, choice);
  }
  return { chosen, fresh };
}

function choose(name: string, found: KnownMapping | undefined, place: Readonly<Record<string, string>>): Chosen {
  const missing = Object.entries(place).filter(([key, value]) => found !== undefined && found.settings[key] !== value);
  const [first] = missing;
  const separator = first?.[0] === "remote" ? ":" : "/";
  return {
    name,
    more: Object.fromEntries(missing),
    prefix: first === undefined ? "" : `${first[1]}${separator}`,
  };
}

function wishedFor(
  plugin: string,
  known: readonly KnownMapping[],
  wished: readonly string[],
): KnownMapping | undefined {
  return known.find((one) => one.plugin === plugin && wished.includes(one.name));
}

/**
 * The backend of the file that an image is on. A provider configuration with an alias is another account, as far as anybody can tell, so
 * that only a backend of its name is meant by it.
 * @throws Failure cli.usage when several fit
 */
function fitting(
  { plugin, instance, place = {} }: MappedInstance,
  name: string,
  known: readonly KnownMapping[],
): KnownMapping | undefined {
  const own = known.filter((one) => one.plugin === plugin);
  const named = own.find((one) => one.name === name || one.name === instance.alias);
  if (named !== undefined || instance.alias !== undefined) return named;
  const exact = own.filter(({ settings }) =>
    Object.entries(place).every(([key, value]) => isSame(settings[key], value)),
  );
  const open = own.filter(({ settings }) => Object.keys(place).every((key) => settings[key] === undefined));
  const candidates = exact.length > 0 ? exact : open;
  const [one, other] = candidates;
  if (one !== undefined && other !== undefined)
    throw new Failure(
      "cli.usage",
      `there is more than one ${plugin} backend: ${candidates.map((each) => each.name).join(", ")}`,
      {
        hint: `choose one: --backend ${one.name}`,
      },
    );
  return one;
}

function free(name: string, names: ReadonlySet<string>): string {
  if (!names.has(name)) return name;
  for (let i = 2; ; i++) if (!names.has(`${name}-${i}`)) return `${name}-${i}`;
}
