import { randomUUID } from "node:crypto";
import { Failure, isTable } from "images";
import type { BucketObjects } from "./objects.ts";
import { WORKING } from "./working.ts";

/** The object by which a prefix says that it is a store. */
const STORE = "images-store.json";
/** The layout that `local` has too. */
const LAYOUT = 2;

/** The store's id; undefined: there is nothing yet. @throws Failure config.value: the prefix is in use and not a store */
export async function recognize(objects: BucketObjects): Promise<string | undefined> {
  const id = await storeId(objects);
  if (id !== undefined) return id;
  if (await objects.isEmpty()) return undefined;
  for await (const { key } of objects.list("")) {
    // A store that is just being made, or whose making was interrupted.
    if (key === WORKING) continue;
    const since = await storeId(objects);
    if (since !== undefined) return since;
    throw new Failure("config.value", `${objects.where()} is not a store and not empty`, {
      hint: `set \`path\` to a prefix of its own, for example ${JSON.stringify(objects.where("store"))}`,
    });
  }
  return undefined;
}

/** Makes the prefix a store; of several processes at once one gives the id. */
export async function establish(objects: BucketObjects): Promise<string> {
  const id = randomUUID();
  const text = `${JSON.stringify({ images_store: LAYOUT, id })}\n`;
  await objects.put(STORE, text, { when: "absent", store: id, type: "application/json" });
  const made = await storeId(objects);
  if (made === undefined)
    throw new Failure("backend.missing", `${objects.where(STORE)} is gone`, { hint: "apply again" });
  return made;
}

async function storeId(objects: BucketObjects): Promise<string | undefined> {
  const found = await objects.get(STORE);
  if (found === undefined) return undefined;
  const said = fieldsOf(found.text);
  const [layout, id] = [said["images_store"], said["id"]];
  if (typeof layout === "number" && layout > LAYOUT)
    throw new Failure("backend.answer", `the store ${objects.where()} has layout ${layout}, which is newer`, {
      hint: "use a newer version of images",
    });
  if (layout !== LAYOUT || typeof id !== "string" || !/^[0-9a-f-]{36}$/.test(id))
    throw new Failure("backend.answer", `${objects.where(STORE)} is damaged`, { hint: "restore it from a backup" });
  return id;
}

function fieldsOf(text: string): { readonly [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return isTable(value) ? value : {};
  } catch {
    return {};
  }
}
