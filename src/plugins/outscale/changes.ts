import { isSameSet } from "images";
import type { Client, Fields } from "./client.ts";
import type { Permissions } from "./values.ts";
import type { ImageAnswer } from "./wire.ts";

/** Carries out changes of an image one after the other; what it is then, or undefined when there were none. */
export async function change(
  client: Client,
  id: string,
  changes: readonly Fields[],
  signal: AbortSignal,
): Promise<ImageAnswer | undefined> {
  let now: ImageAnswer | undefined;
  for (const fields of changes) now = await client.updateImage({ ImageId: id, ...fields }, signal);
  return now;
}

/** What brings permissions to the wanted ones: a request adds or removes, never both. */
export function permissionChanges(
  { PermissionsToLaunch: now, AccountId: owner }: ImageAnswer,
  want: Permissions,
): readonly Fields[] {
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

const part = (ids: readonly string[], global: boolean): Fields | undefined =>
  ids.length === 0 && !global
    ? undefined
    : { ...(ids.length === 0 ? {} : { AccountIds: ids }), ...(global ? { GlobalPermission: true } : {}) };

/** Description and product codes, where they differ. */
export function wordChanges(
  now: { readonly description: string; readonly codes: readonly string[]; readonly isLine: boolean },
  want: { readonly description: string | undefined; readonly codes: readonly string[] | undefined },
): readonly Fields[] {
  const description = want.description ?? now.description;
  const fields = {
    ...(description === now.description && !now.isLine ? {} : { Description: description }),
    ...(want.codes === undefined || isSameSet(want.codes, now.codes) ? {} : { ProductCodes: want.codes }),
  };
  return Object.keys(fields).length === 0 ? [] : [fields];
}
