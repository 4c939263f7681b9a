import { isOwn } from "./object.ts";
import type { BucketObjects } from "./objects.ts";
import { currentProducts, POINTER } from "./pointers.ts";

interface Sweeping {
  readonly store: string;
  /** Keys of blobs and named files that records have. */
  readonly used: ReadonlySet<string>;
  /** Milliseconds that bytes stay after nothing has them any more. */
  readonly grace: number;
  /** Throws when the right to delete is gone. */
  readonly hold: () => Promise<void>;
}

/** The note of an object that no record has any more: its age is the grace period. */
export const goneKey = (key: string): string => `wrote/gone/${key}`;

/** Names that the store gives; anything else belongs to the user. */
const NAMED = /^(?:blobs\/[0-9a-f]{64}|files\/[^/]+|streams\/v1\/images-[^/]+\.json)$/;

/** Deletes a note, where the store wrote it. */
export async function forget(objects: BucketObjects, note: string, store: string): Promise<void> {
  const found = await objects.head(note);
  if (found !== undefined && isOwn(found, store, note)) await objects.delete(note);
}

/** Removes what the store wrote and nothing has any more. An object that is unused gets a note first, whose age is the grace period. */
export async function sweep(objects: BucketObjects, { store, used, grace, hold }: Sweeping): Promise<void> {
  const current = currentProducts((await objects.get(POINTER))?.text ?? "");
  if (current === undefined) return;
  const notes = new Map<string, number>();
  for await (const { key, age } of objects.list(goneKey(""))) notes.set(key, age);
  const there = new Set<string>();
  for (const under of ["files/", "blobs/", "streams/v1/"]) {
    for (const { key } of await Array.fromAsync(objects.list(under))) {
      const note = goneKey(key);
      if (used.has(key) || key === current || !NAMED.test(key)) continue;
      there.add(note);
      const age = notes.get(note);
      if (grace > 0 && age !== undefined && age < grace) continue;
      const head = await objects.head(key);
      if (head === undefined || !isOwn(head, store, key)) continue;
      await hold();
      if (grace > 0 && age === undefined) await objects.put(note, "", { store });
      else {
        await objects.delete(key);
        there.delete(note);
      }
    }
  }
  for (const note of notes.keys()) if (!there.has(note)) await forget(objects, note, store);
}
