import { type Context, type Desired, Failure } from "images";
import { moveAliases } from "./aliases.ts";
import { edited } from "./edit.ts";
import { type Notes, noteFor, notesOf, selfOf } from "./image.ts";
import { type IncusPlace, there } from "./places.ts";
import type { IncusImage } from "./schema.ts";
import type { IncusImageAnswer } from "./wire.ts";

/**
 * Has the server look at the remote that it copied an image from. It puts another image in its place where there is a newer one, which
 * loses our properties: a note in an alias keeps them until they are written again.
 */
export async function refreshed(
  place: IncusPlace,
  fingerprint: string,
  want: Desired<IncusImage>,
  context: Context,
): Promise<{ readonly image: IncusImageAnswer; readonly changed: boolean }> {
  const { client } = place;
  const { signal, address } = context;
  const before = await there(client, fingerprint, signal);
  if (before.update_source == null)
    throw new Failure("backend.refused", "the server did not record the origin of the image", {
      address,
      hint: "the server can only refresh images that were copied by an alias: images apply replaces the image",
    });
  const was = notesOf(before);
  const notes: Notes = { ...was, mark: context.marker(selfOf(place, fingerprint)) ?? was.mark };
  const note = noteFor(notes, fingerprint);
  const taking = { signal, replaces: undefined, owner: notes.mark, place };
  if (note !== undefined) await moveAliases(client, fingerprint, [note], taking);
  await client.refresh(fingerprint, context);
  const held = note === undefined ? undefined : await client.alias(note.name, signal);
  const now = held?.entry.target ?? (await client.image(fingerprint, signal))?.fingerprint;
  if (now === undefined)
    throw new Failure("backend.missing", `${fingerprint} is gone`, { address, hint: "plan again" });
  const marker =
    notes.mark === undefined ? undefined : { ...notes.mark, content: `sha256:${now}`, self: selfOf(place, now) };
  const fresh: Notes = now === fingerprint ? notes : { ...notes, mark: marker };
  await client.change(now, (image) => edited(image, want, [], fresh), signal);
  const kept = want.auto_update ? noteFor(fresh, now) : undefined;
  if (kept !== undefined) await moveAliases(client, now, [kept], taking);
  else if (note !== undefined) await client.removeAlias(note.name, now, signal);
  return { image: await there(client, now, signal), changed: now !== fingerprint };
}
