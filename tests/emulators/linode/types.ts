import type { Call } from "./call.ts";
import { filtered } from "./filter.ts";
import { paged } from "./page.ts";
import { notFound } from "./refusal.ts";
import type { World } from "./world.ts";

/** The plans of Linodes, of which terraform's provider reads the list; two of the real ones. */
const types = [
  plan("g6-nanode-1", "Nanode 1GB", "nanode", 25_600, 1024, 1),
  plan("g6-standard-2", "Linode 4GB", "standard", 81_920, 4096, 2),
];

function plan(id: string, label: string, kind: string, disk: number, memory: number, vcpus: number) {
  const price = { hourly: 0.0075 * vcpus, monthly: 5 * vcpus };
  return {
    id,
    label,
    class: kind,
    disk,
    memory,
    vcpus,
    gpus: 0,
    accelerated_devices: 0,
    network_out: 1000 * vcpus,
    transfer: 1000 * vcpus,
    successor: null,
    price,
    region_prices: [],
    addons: { backups: { price, region_prices: [] } },
  };
}

export const listTypes = (_: World, call: Call): unknown =>
  paged(filtered(types, call.filter, call.filterable), call.query);

export function getType(_: World, call: Call): unknown {
  const found = types.find(({ id }) => id === call.params[0]);
  if (found === undefined) throw notFound();
  return found;
}
