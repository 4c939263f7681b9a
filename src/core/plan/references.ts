import { dependenciesOf, type Resource } from "../model/declaration.ts";
import { type Address, backendOf, type ImageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import type { Recorded, State } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import type { Plugin } from "../plugin.ts";
import { NONE } from "./found.ts";
import { insertBefore } from "./name-moves.ts";

// Images that are made from other images of the file, by their ids. Pure.

/** The id that an address has when its dependents are made; `later`: this run makes the image. */
type IdAfter = { readonly kind: "known"; readonly id: ImageId } | { readonly kind: "later" | "missing" };

export interface ResolvedReferences {
  /** With the ids that are known in `want`. */
  readonly resource: Resource;
  /** Attributes whose ids are known after apply. */
  readonly later: readonly string[];
  /** Attributes that name an image which is not there. */
  readonly missing: readonly string[];
}

/** The id of an image that is complete. */
const recordedId = (known: Recorded | undefined): ImageId | undefined =>
  known?.status === "ready" ? known.id : undefined;

/** The id that an address has after its step. */
function idAfter(step: Step | undefined, known: Recorded | undefined): IdAfter {
  if (step?.action === "create" || step?.action === "replace") return { kind: "later" };
  const isKept = step?.action === "keep" || step?.action === "update" || step?.action === "verify";
  const id = isKept || step?.action === "adopt" ? step.id : recordedId(known);
  return id === undefined ? { kind: "missing" } : { kind: "known", id };
}

function resolveReferences(resource: Resource, idOf: (address: Address) => IdAfter): ResolvedReferences {
  if (resource.references === undefined) return { resource, later: NONE, missing: NONE };
  const found = Object.entries(resource.references).map(([name, address]) => ({ name, after: idOf(address) }));
  const known = found.flatMap(({ name, after }) => (after.kind === "known" ? [[name, after.id] as const] : []));
  return {
    resource: { ...resource, want: { ...resource.want, ...Object.fromEntries(known) } },
    later: found.flatMap(({ name, after }) => (after.kind === "later" ? [name] : [])),
    missing: found.flatMap(({ name, after }) => (after.kind === "missing" ? [name] : [])),
  };
}

/** With the ids that there are once the steps of the images which it names are done. */
export const afterSteps = (resource: Resource, steps: ReadonlyMap<Address, Step>, { images }: State) =>
  resolveReferences(resource, (address) => idAfter(steps.get(address), images[address]));

/** With the ids that the state has now; where it has none, those that the image was made from. */
export function withIds(
  resource: Resource,
  records: { recorded(address: Address): Recorded | undefined },
): ResolvedReferences {
  const found = resolveReferences(resource, (address) => idAfter(undefined, records.recorded(address)));
  const before = found.missing.length === 0 ? undefined : records.recorded(resource.address)?.want;
  if (before === undefined) return found;
  const kept = found.missing.flatMap((name) => (before[name] === undefined ? [] : [[name, before[name]] as const]));
  return {
    resource: { ...resource, want: { ...found.resource.want, ...Object.fromEntries(kept) } },
    later: [],
    missing: found.missing.filter((name) => before[name] === undefined),
  };
}

/** In the order in which they can be decided: what an image is made from by its id before the image itself. */
export function wavesOf<T extends { readonly address: Address }>(
  lookups: readonly T[],
  resource: (address: Address) => Resource | undefined,
): readonly (readonly T[])[] {
  if (!lookups.some(({ address }) => resource(address)?.references !== undefined)) return [lookups];
  const names = new Set(lookups.map(({ address }) => address));
  const depths = new Map<Address, number>();
  const depth = (address: Address): number => {
    const before = depths.get(address);
    if (before !== undefined) return before;
    const needs = Object.values(resource(address)?.references ?? {}).filter((one) => names.has(one));
    const found = needs.reduce((most, one) => Math.max(most, depth(one) + 1), 0);
    depths.set(address, found);
    return found;
  };
  const waves = Map.groupBy(lookups, ({ address }) => depth(address));
  return [...waves.keys()].sort((a, b) => a - b).map((key) => waves.get(key) ?? []);
}

/** The steps with removals turned round: an image that others are made from goes after those that go as well. */
export function dependentsFirst(
  steps: ReadonlyMap<Address, Step>,
  { config, state, plugins }: DependencyContext,
): ReadonlyMap<Address, Step> {
  const turned = new Map(steps);
  const removals = [...steps.values()].filter(isRemoval);
  if (removals.length < 2) return turned;
  const declared = new Map(config.resources.map((one) => [one.address, one]));
  const byId = new Map(removals.flatMap((step) => ("id" in step ? [[key(step.address, step.id), step.address]] : [])));
  for (const { address } of removals) {
    const resource = declared.get(address);
    const plugin = plugins.get(backendOf(address));
    const ids = recordedReferences(plugin, state.images[address]);
    const recorded = ids.flatMap((id) => byId.get(key(address, id)) ?? []);
    for (const other of new Set([...(resource === undefined ? [] : dependenciesOf(resource)), ...recorded])) {
      const [dependent, dependency] = [turned.get(address), turned.get(other)];
      if (other === address || dependent === undefined || dependency === undefined || !isRemoval(dependency)) continue;
      const before = (dependent.after ?? []).filter((one) => one !== other);
      turned.set(address, insertBefore(dependent, before));
      turned.set(other, insertBefore(dependency, [...new Set([...(dependency.after ?? []), address])]));
    }
  }
  return turned;
}

interface DependencyContext {
  readonly config: { readonly resources: readonly Resource[] };
  readonly state: State;
  readonly plugins: ReadonlyMap<string, Plugin>;
}

const key = (address: Address, id: string): string => `${backendOf(address)} ${id}`;
const isRemoval = ({ action }: Step): boolean => action === "delete" || action === "retire";

/** The ids of images that an image was made from, as the state has them. */
function recordedReferences(plugin: Plugin | undefined, known: { readonly want: Attributes } | undefined): string[] {
  return Object.entries(plugin?.image ?? {}).flatMap(([name, { reference }]) => {
    const value = reference === true ? known?.want[name] : undefined;
    return typeof value === "string" ? [value] : [];
  });
}
