import { dependenciesOf, type Resource } from "../model/declaration.ts";
import { type Address, type BackendName, backendOf } from "../model/name.ts";
import type { FilePosition } from "../model/position.ts";
import type { Plugin } from "../plugin.ts";
import { type CheckContext, declaredAddress } from "./context.ts";
import { attributeIn, nameIn } from "./naming.ts";
import type { NodeEntry } from "./node.ts";
import { elsewhere, type Problems } from "./problems.ts";

type Entry = readonly [key: string, entry: NodeEntry];

/** Takes the attributes apart that name another image of the file (`{ image = "BACKEND/NAME" }`) in place of its id. */
export function extractReferences(
  written: readonly Entry[],
  of: { readonly backend: BackendName; readonly plugin: Plugin; readonly about: string },
  context: CheckContext,
): { readonly references: Readonly<Record<string, Address>> | undefined; readonly literal: readonly Entry[] } {
  if (written.length === 0) return { references: undefined, literal: written };
  const references: Record<string, Address> = {};
  const literal = written.filter(([key, entry]) => {
    if (attributeIn(of.plugin.image, key)?.reference !== true || entry.value.kind !== "table") return true;
    const found = referenceIn(key, entry, of, context);
    if (found !== undefined) references[nameIn(of.plugin.image, key) ?? key] = found;
    return false;
  });
  return { references: Object.keys(references).length === 0 ? undefined : references, literal };
}

function referenceIn(
  key: string,
  { value }: NodeEntry,
  { backend, about }: { readonly backend: BackendName; readonly about: string },
  context: CheckContext,
): Address | undefined {
  if (value.kind !== "table") return undefined;
  const other = [...value.entries].find(([name]) => name !== "image");
  const image = value.entries.get("image")?.value;
  const form = `${key} = { image = "${backend}/NAME" }`;
  const wrong = (at: FilePosition): undefined => {
    context.problems.error("config.value", `${key}: expected an id, or the address of an image${about}`, {
      at,
      hint: form,
    });
  };
  if (other !== undefined) return wrong(other[1].key);
  if (image === undefined) return wrong(value.at);
  if (image.kind === "broken") return undefined;
  if (image.kind !== "text") return wrong(image.at);
  const address = declaredAddress(image, context, key);
  if (address === undefined || backendOf(address) === backend) return address;
  context.problems.error("config.reference", `${key}: ${address} is on another backend${about}`, {
    at: image.at,
    hint: `the id of an image is valid on its own backend only: ${form}`,
  });
  return undefined;
}

/** An image that is to be deleted has no id that another one could be made from. */
export function reportReferences(resources: readonly Resource[], problems: Problems): void {
  const absent = new Map(resources.filter(({ state }) => state === "absent").map((one) => [one.address, one]));
  for (const { references = {}, places, at, state } of resources)
    for (const [name, address] of Object.entries(references)) {
      const other = absent.get(address);
      if (other === undefined || state === "absent") continue;
      const here = places[name] ?? at;
      problems.error("config.reference", `${name}: ${address} is declared absent (${elsewhere(other.at, here)})`, {
        at: here,
        hint: "write the id of an image that stays",
      });
    }
}

/** Images that are made, over others, from themselves. */
export function reportCycles(resources: readonly Resource[], problems: Problems): void {
  const all = new Map(resources.map((one) => [one.address, one]));
  const done = new Set<Address>();
  const path = new Set<Address>();
  const walk = (address: Address): void => {
    if (path.has(address)) {
      const through = [...path];
      tellCircle([...through.slice(through.indexOf(address)), address], all, problems);
      return;
    }
    const resource = all.get(address);
    if (resource === undefined || done.has(address)) return;
    path.add(address);
    for (const next of dependenciesOf(resource)) walk(next);
    path.delete(address);
    done.add(address);
  };
  for (const resource of resources) if (dependenciesOf(resource).length > 0) walk(resource.address);
}

function tellCircle(circle: readonly Address[], all: ReadonlyMap<Address, Resource>, problems: Problems): void {
  const places = circle.slice(0, -1).map((address, i) => placeOf(all.get(address), circle[i + 1]));
  const rest = places
    .slice(1)
    .flatMap((at) => (at === undefined || places[0] === undefined ? [] : [elsewhere(at, places[0])]));
  const also = rest.length === 0 ? "" : ` (also ${rest.join(", ")})`;
  problems.error("config.cycle", `images depend on each other: ${circle.join(" -> ")}${also}`, {
    at: places[0],
  });
}

/** Where an image says that it is made from another one. */
function placeOf(resource: Resource | undefined, other: Address | undefined): FilePosition | undefined {
  if (resource === undefined) return undefined;
  const { source, references = {}, places, at } = resource;
  if (source?.kind === "image" && source.address === other) return source.at;
  const name = Object.entries(references).find(([, address]) => address === other)?.[0];
  return name === undefined ? at : (places[name] ?? at);
}
