import { Failure } from "../failure.ts";
import { dependenciesOf, type Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";
import { nearest } from "../model/nearest.ts";
import type { Selection } from "./context.ts";

/** Whether a pattern (`lab/debian`, `lab/*`, `lab`, `debian`) is about an address. */
export function matches(pattern: string, address: Address): boolean {
  if (pattern.includes("/")) return new Bun.Glob(pattern).match(address);
  const glob = new Bun.Glob(pattern);
  return address.split("/").some((part) => glob.match(part));
}

/** The addresses that a selection is about. @throws Failure plan.target for a pattern that is about none. */
export function select(all: readonly Address[], { targets, excludes, replace }: Selection): ReadonlySet<Address> {
  for (const pattern of [...targets, ...excludes, ...replace]) {
    if (all.some((address) => matches(pattern, address))) continue;
    const near = nearest(pattern, [...all, ...all.flatMap((address) => address.split("/"))]);
    throw new Failure("plan.target", `no backend, image or address matches ${JSON.stringify(pattern)}`, {
      hint: near === undefined ? "list addresses with: images state list" : `did you mean ${near}?`,
    });
  }
  const wanted = (address: Address) =>
    (targets.length === 0 || targets.some((pattern) => matches(pattern, address))) &&
    !excludes.some((pattern) => matches(pattern, address));
  return new Set(all.filter(wanted));
}

/** With `--target`: also what the chosen ones are made from, but for what is excluded. A destroy takes nothing else along. */
export function withDependencies(
  chosen: ReadonlySet<Address>,
  all: readonly Address[],
  { mode, targets, excludes }: Pick<Selection, "mode" | "targets" | "excludes">,
  resource: (address: Address) => Resource | undefined,
): ReadonlySet<Address> {
  if (targets.length === 0 || mode === "destroy") return chosen;
  const known = new Set(all);
  const found = new Set(chosen);
  // A set is walked over what is added to it meanwhile, too.
  for (const address of found) {
    const declared = resource(address);
    if (declared === undefined || declared.state !== "present") continue;
    for (const other of dependenciesOf(declared))
      if (known.has(other) && !excludes.some((pattern) => matches(pattern, other))) found.add(other);
  }
  return found;
}
