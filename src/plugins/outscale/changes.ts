import { isSameSet } from "images";
import type { OutscaleClient, OutscaleFields } from "./client.ts";
import type { LaunchPermissions } from "./values.ts";
import type { OmiAnswer } from "./wire.ts";

/** Carries out changes of an image one after the other; what it is then, or undefined when there were none. */
export async function change(
  client: OutscaleClient,
  id: string,
  changes: readonly OutscaleFields[],
  signal: AbortSignal,
): Promise<OmiAnswer | undefined> {
  let now: OmiAnswer | undefined;
  for (const fields of changes) now = await client.updateImage({ ImageId: id, ...fields }, signal);
  return now;
}

/** What brings permissions to the wanted ones: a request adds or removes, never both. */
export function permissionChanges(
  { PermissionsToLaunch: now, AccountId: owner }: OmiAnswer,
  want: LaunchPermissions,
): readonly OutscaleFields[] {
  const have = now?.AccountIds ?? [];
  const isGlobal = now?.GlobalPermission === true;
  const gone = have.filter((id) => id !== owner && !want.account_ids.includes(id));
  const added = want.account_ids.filter((id) => id !== owner && !have.includes(id));
  const removals = part(gone, isGlobal && !want.global);
  const additions = part(added, !isGlobal && want.global);
  return [
    ...(removals === undefined ? [] : [{ PermissionsToLaunch: { Removals: removals } }]),
    ...(additions === undefined ? [] : [{ PermissionsToLaunch: { Additions: additions } }]),
  ];
}

const part = (ids: readonly string[], global: boolean): OutscaleFields | undefined =>
  ids.length === 0 && !global
    ? undefined
    : { ...(ids.length === 0 ? {} : { AccountIds: ids }), ...(global ? { GlobalPermission: true } : {}) };

/** Description and product codes, where they differ. */
export function wordChanges(
  now: { readonly description: string; readonly codes: readonly string[]; readonly isLine: boolean },
  want: { readonly description: string | undefined; readonly codes: readonly string[] | undefined },
): readonly OutscaleFields[] {
  const description = want.description ?? now.description;
  const fields = {
    ...(description === now.description && !now.isLine ? {} : { Description: description }),
    ...(want.codes === undefined || isSameSet(want.codes, now.codes) ? {} : { ProductCodes: want.codes }),
  };
  return Object.keys(fields).length === 0 ? [] : [fields];
}
