import type { Permissions } from "./model.ts";
import { refusals } from "./refusal.ts";

export interface PermissionsChange {
  readonly Additions?: Partial<Permissions>;
  readonly Removals?: Partial<Permissions>;
}

export const nobody: Permissions = { AccountIds: [], GlobalPermission: false };

/**
 * `GlobalPermission: true` opens to all when added and closes when removed; false does nothing, as clients always send it.
 *
 * @throws Refused unless exactly one of Additions and Removals is there, with ids of 12 digits
 */
export function changed(now: Permissions, change: PermissionsChange): Permissions {
  const { Additions, Removals } = change;
  if (Additions !== undefined && Removals !== undefined) {
    throw refusals.combination("Specify either Additions or Removals.");
  }
  const given = Additions ?? Removals;
  if (given === undefined) throw refusals.missing("Additions or Removals");
  const ids = [...new Set(given.AccountIds)];
  for (const id of ids) if (!/^\d{12}$/.test(id)) throw refusals.badValue(`'${id}' is not an account id.`);
  const isGlobal = given.GlobalPermission === true ? Additions !== undefined : now.GlobalPermission;
  const kept = now.AccountIds.filter((id) => !ids.includes(id));
  return { AccountIds: Additions === undefined ? kept : [...kept, ...ids], GlobalPermission: isGlobal };
}
