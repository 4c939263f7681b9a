import { isAbsolute, relative, resolve } from "node:path";
import { type Address, address, backendName, type ImageId, imageId, imageName } from "../../core/model/name.ts";
import { type Attributes, isTable, type Value } from "../../core/model/value.ts";
import type { Plugin } from "../../core/plugin.ts";
import { type Chosen, type KnownMapping, placeBackends } from "./backends.ts";
import { fit } from "./fit.ts";
import type { MappedInstance } from "./mapping.ts";
import { imageNames } from "./names.ts";
import { keyText, type TomlBlock } from "./toml.ts";

/** What images.toml and its state have already. */
export interface Existing {
  readonly backends: readonly KnownMapping[];
  readonly addresses: ReadonlySet<string>;
  /** `knownKey` of every image that the state knows, with its address. */
  readonly known: ReadonlyMap<string, Address>;
}

export const NOTHING: Existing = { backends: [], addresses: new Set(), known: new Map() };

export const knownKey = (backend: string, id: string): string => `${backend} ${id}`;

/** An image that was taken, with what is said of it from the directory of its state. */
export interface DraftedBlock extends MappedInstance {
  /** The directory that its relative paths start from. */
  readonly directory: string;
}

/** An image to be adopted. */
export interface Adoption {
  readonly address: Address;
  readonly id: ImageId;
  /** As terraform calls it. */
  readonly from: string;
  /** Its block; undefined: the file declares it already. */
  readonly block: TomlBlock | undefined;
}

export interface Draft {
  /** Those that the file does not have, for all that was taken. */
  readonly backends: readonly TomlBlock[];
  readonly images: readonly Adoption[];
  readonly notes: readonly string[];
  /** Texts that must not be shown. */
  readonly secrets: readonly string[];
}

interface DraftOptions {
  /** The directory of images.toml. */
  readonly directory: string;
  /** Backends of the file that are to be used for their plugins. */
  readonly backends: readonly string[];
}

/**
 * The blocks that these images come to, beside what exists already: nothing of that is ever written over. Pure.
 * @throws Failure cli.usage: ambiguous: several backends match
 */
export function draft(
  taken: readonly DraftedBlock[],
  existing: Existing,
  plugins: ReadonlyMap<string, Plugin>,
  { directory, backends }: DraftOptions,
): Draft {
  const notes: string[] = [];
  const secrets: string[] = [];
  const placed = placeBackends(taken, existing.backends, backends);
  const names = imageNames(
    taken.map((one) => ({ path: one.instance.path, backend: placed.chosen.get(one)?.name ?? "" })),
    existing.addresses,
  );
  const seen = new Map(existing.known);
  const images = taken.flatMap((one, i): Adoption[] => {
    const { id, instance } = one;
    const plugin = plugins.get(one.plugin);
    const chosen = placed.chosen.get(one);
    if (id === undefined || plugin === undefined || chosen === undefined) return [];
    const name = names[i] ?? "";
    const at = address(backendName(chosen.name), imageName(name));
    const whole = imageId(`${chosen.prefix}${id}`);
    const known = seen.get(knownKey(chosen.name, whole)) ?? seen.get(knownKey(chosen.name, id));
    if (known !== undefined) {
      notes.push(`${instance.address}: already managed as ${known}`);
      return [];
    }
    seen.set(knownKey(chosen.name, whole), at);
    const isDeclared = existing.addresses.has(at);
    const written = blockOf(one, chosen, { plugin, name, directory });
    if (isDeclared) notes.push(`${instance.address}: [image.${keyText(name)}] already exists and is not changed`);
    else notes.push(...[...(one.notes ?? []), ...written.notes].map((text) => `${instance.address}: ${text}`));
    secrets.push(...Object.values(one.secrets ?? {}));
    return [{ address: at, id: whole, from: instance.address, block: isDeclared ? undefined : written.block }];
  });
  return { backends: placed.fresh, images, notes, secrets };
}

function blockOf(
  { attributes, always = [], secrets = {}, directory: from, instance }: DraftedBlock,
  chosen: Chosen,
  { plugin, name, directory }: { readonly plugin: Plugin; readonly name: string; readonly directory: string },
): { readonly block: TomlBlock; readonly notes: readonly string[] } {
  const fitted = fit(plugin, attributes, always);
  const references = Object.keys(secrets).map((key): [string, string] => [key, `env:${variableOf(name, key)}`]);
  const values: Attributes = {
    backend: chosen.name,
    ...chosen.more,
    ...rebased(fitted.attributes, (path) => pathFrom(directory, resolve(from, path), path)),
    ...Object.fromEntries(references),
  };
  const referenceNotes = references.map(
    ([key, reference]) => `${key} is a secret: set environment variable ${reference.slice("env:".length)} to it`,
  );
  return {
    block: { header: `image.${keyText(name)}`, comments: [instance.address], values },
    notes: [...fitted.notes, ...referenceNotes],
  };
}

const variableOf = (name: string, key: string): string =>
  `IMAGES_${name}_${key.replace(/^image_source_/, "")}`.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");

const PATHS = new Set(["local_file_path", "file_path", "image_cache_path", "file", "metadata"]);

/** The same, with paths that start from images.toml. */
const rebased = (attributes: Attributes, path: (text: string) => string): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([key, value]): [string, Value] => {
      if (PATHS.has(key) && typeof value === "string") return [key, path(value)];
      return [key, key === "source" && isTable(value) ? rebased(value, path) : value];
    }),
  );

function pathFrom(directory: string, path: string, written: string): string {
  if (isAbsolute(written) || written.startsWith("~/")) return written;
  const way = relative(directory, path);
  return way.startsWith("..") ? way : `./${way}`;
}
