import type { Resource } from "../model/declaration.ts";
import type { BackendName } from "../model/name.ts";
import type { Plugin } from "../plugin.ts";
import { elsewhere, type Problems } from "./problems.ts";

/** Tells images of one backend that are to hold the same name, where the backend has each name only once. */
export function reportDuplicates(
  resources: readonly Resource[],
  plugins: ReadonlyMap<BackendName, Plugin>,
  problems: Problems,
): void {
  const holders = new Map<string, Resource>();
  for (const resource of resources) {
    if (resource.state !== "present") continue;
    for (const name of new Set(plugins.get(resource.backend)?.names?.(resource.want, resource.address) ?? [])) {
      const key = `${resource.backend}\n${name}`;
      const before = holders.get(key);
      if (before === undefined) holders.set(key, resource);
      else
        problems.error(
          "config.name",
          `${resource.address} and ${before.address} (${elsewhere(before.at, resource.at)}) have the same name ${JSON.stringify(name)}, which must be unique on the backend`,
          { at: resource.at, hint: "give one of them another name" },
        );
    }
  }
}
