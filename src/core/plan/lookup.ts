import type { Resource } from "../model/declaration.ts";
import type { Plugin } from "../plugin.ts";
import type { Selection } from "./context.ts";
import { NONE } from "./found.ts";
import type { ImageLookup } from "./observe.ts";

/** What an address is, by the file and the state. */
interface AddressFacts extends Pick<ImageLookup, "address" | "known" | "importing"> {
  readonly previous: ImageLookup["address"] | undefined;
  readonly resource: Resource | undefined;
}

/** What is looked for on a backend for one address. Pure. */
export function lookupOf(
  { address, known, previous, importing, resource }: AddressFacts,
  plugin: Plugin,
  { mode, adopt }: Pick<Selection, "mode" | "adopt">,
): ImageLookup {
  const held = known?.status === "ready" ? (plugin.names?.(known.want, address) ?? NONE) : NONE;
  const names = resource === undefined || mode === "destroy" ? NONE : (plugin.names?.(resource.want, address) ?? NONE);
  const isAdopting = known === undefined && resource !== undefined && (adopt || resource.adopt);
  return {
    address,
    ...(previous === undefined ? {} : { previous }),
    known,
    want: resource?.want,
    importing: known === undefined ? importing : undefined,
    chosen: mode === "destroy" ? undefined : resource && plugin.chosenId?.(resource.want),
    names,
    held: names.every((name) => held.includes(name)) ? names : names.filter((name) => held.includes(name)),
    labels: isAdopting ? (plugin.labels?.(resource.want, address) ?? NONE) : NONE,
  };
}
