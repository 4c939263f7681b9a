import type { Resource } from "../../core/model/declaration.ts";
import { type Address, addressesOf, backendOf, imageOf } from "../../core/model/name.ts";
import type { State } from "../../core/model/state.ts";
import type { View } from "./style.ts";
import { printable, table } from "./text.ts";

/** Images down, backends across: what the state has of each, and what is declared but not made yet. */
export function renderMatrix(resources: readonly Resource[], state: State, { style, columns }: View): string {
  const declared = new Map(resources.map((one): [Address, Resource] => [one.address, one]));
  const addresses = [...new Set([...declared.keys(), ...addressesOf(state.images)])];
  if (addresses.length === 0) return "There are no images in images.toml or the state.\n";
  const backends = [...new Set(addresses.map(backendOf))].sort();
  const images = [...new Set(addresses.map(imageOf))].sort();
  const cells = images.map((image) => [
    printable(image),
    ...backends.map((backend) => {
      const at = addresses.find((one) => backendOf(one) === backend && imageOf(one) === image);
      return at === undefined ? "-" : cellOf(declared.get(at), state.images[at]?.status);
    }),
  ]);
  const [head = "", ...lines] = table([["IMAGE", ...backends.map(printable)], ...cells], columns);
  return `${[style.strong(head), ...lines].join("\n")}\n`;
}

function cellOf(declared: Resource | undefined, status: string | undefined): string {
  if (declared === undefined || declared.state === "absent") return status === undefined ? "-" : "to destroy";
  if (declared.state === "ignored") return "disabled";
  if (status === undefined) return "to create";
  return status === "ready" ? "ready" : `incomplete (${status})`;
}
