import type { Context, Desired } from "images";
import { assignFreeAliases, declared, freeAliases, isLeft, moveAliases } from "./aliases.ts";
import { edited } from "./edit.ts";
import { type Notes, noteFor, notesOf, plainAliases, selfOf } from "./image.ts";
import { type IncusPlace, there } from "./places.ts";
import { remoteImageRequest } from "./request.ts";
import type { IncusImage } from "./schema.ts";
import type { IncusImageAnswer } from "./wire.ts";

interface UpdateOptions {
  readonly want: Desired<IncusImage>;
  readonly cleared: readonly string[];
  /** The aliases that are to be copied from the remote it came from. */
  readonly remote: () => Promise<readonly string[]>;
}

/** Brings an image that stays to what is wanted: what it says of itself first, then the aliases that lead to it. */
export async function updateImage(
  place: IncusPlace,
  fingerprint: string,
  wish: UpdateOptions,
  context: Context,
): Promise<IncusImageAnswer> {
  const { client } = place;
  const { want, cleared } = wish;
  const { signal } = context;
  const marker = context.marker(selfOf(place, fingerprint));
  const before = await there(client, fingerprint, signal);
  const was = notesOf(before);
  const must = declared(want);
  const may = await copiesOf(was, wish);
  const fresh = may.filter((name) => !must.some((one) => one.name === name));
  const taking = { signal, replaces: undefined, owner: marker, place };
  const can = await freeAliases(client, fingerprint, { must, may: fresh }, taking);
  const notes: Notes = {
    mark: marker ?? was.mark,
    alias: want.alias ?? (cleared.includes("alias") ? undefined : was.alias),
    copied:
      remoteImageRequest(want)?.copyAliases === false
        ? undefined
        : may.length > 0 || was.copied !== undefined
          ? can
          : undefined,
  };
  await client.change(fingerprint, (now) => edited(now, want, cleared, notes), signal);
  if (want.auto_update && before.update_source == null) context.note(NO_SOURCE);
  if (before.cached === true) context.note(CACHED);
  const note = want.auto_update ? noteFor(notes, fingerprint) : undefined;
  const held = plainAliases(before);
  const copied = can.map((name) => held.find((one) => one.name === name) ?? { name, description: "" });
  await moveAliases(client, fingerprint, [...must, ...(note === undefined ? [] : [note])], taking);
  await assignFreeAliases(client, fingerprint, copied, taking);
  const keep = new Set([...must.map(({ name }) => name), ...can, ...(note === undefined ? [] : [note.name])]);
  for (const { name } of before.aliases ?? []) {
    if (keep.has(name) || isClaimed(place, name, context) || !isLeft(name, was, want, cleared)) continue;
    await client.removeAlias(name, fingerprint, signal);
  }
  return await there(client, fingerprint, signal);
}

/** An alias that is to go on to another declared image: that one moves it, in one step. */
export const isClaimed = ({ scopes }: IncusPlace, name: string, { claimed }: Context): boolean =>
  [...scopes].some((scope) => claimed?.has(`${scope}${name}`) === true);

const CACHED =
  "the server cached it for an instance and deletes it after images.remote_cache_expiry days without use, alias or not";

/** What to do with an image that the server cannot keep up to date. */
export const NO_SOURCE =
  'the server cannot update it: it did not copy it by an alias. Delete it (state = "absent", apply) and apply again to have it copied so';

/** Aliases of the remote that are to be here: those that were copied, or all of them where that is wanted only now. */
async function copiesOf({ copied }: Notes, { want, remote }: UpdateOptions): Promise<readonly string[]> {
  const asked = remoteImageRequest(want);
  if (asked?.copyAliases === false) return [];
  return copied ?? (asked === undefined ? [] : await remote());
}
