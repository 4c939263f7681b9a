import { Failure } from "../failure.ts";
import type { Address } from "../model/name.ts";
import { nearest } from "../model/nearest.ts";
import type { Selection } from "./means.ts";

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
