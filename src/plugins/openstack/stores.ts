import { type Context, Failure, poll } from "images";
import type { Glance } from "./glance.ts";

/** Where the bytes go first; Glance's own choice by default. */
export const firstStore = (wanted: readonly string[] | undefined): string | undefined => wanted?.[0];

/** Copies an image into the stores that lack it, and takes it out of those that are not to have it. True: something was changed. */
export async function place(
  glance: Glance,
  id: string,
  held: readonly string[],
  wanted: readonly string[] | undefined,
  context: Context,
): Promise<boolean> {
  if (wanted === undefined || wanted.length === 0) return false;
  const { signal } = context;
  const lacking = wanted.filter((store) => !held.includes(store));
  const surplus = held.filter((store) => !wanted.includes(store));
  if (lacking.length > 0) {
    await glance.import(id, { name: "copy-image" }, { stores: lacking, all_stores_must_succeed: true }, signal);
    await copied(glance, id, lacking, context);
  }
  for (const store of surplus) await glance.dropFrom(store, id, signal);
  return lacking.length + surplus.length > 0;
}

async function copied(
  glance: Glance,
  id: string,
  stores: readonly string[],
  { signal, progress }: Context,
): Promise<void> {
  progress("import", 0);
  const look = async () => {
    const seen = await glance.image(id, signal);
    const failed = seen?.os_glance_failed_import;
    if (failed)
      throw new Failure("backend.import", `Glance could not copy the image to ${failed}`, {
        hint: "see the log of Glance",
      });
    const now = seen?.stores?.split(",") ?? [];
    return stores.every((store) => now.includes(store)) ? true : undefined;
  };
  await poll(look, { signal, interval: 0.5, max: 10, deadline: 3600, what: `${id} to be in ${stores.join(", ")}` });
}
