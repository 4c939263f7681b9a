import { type Desired, Failure, type Mark } from "images";
import type { Client, Held } from "./client.ts";
import { isSameOwner, NOTE, type Notes, notesOf } from "./image.ts";
import { type Alias, aliasesOf, type Image } from "./schema.ts";

/** The aliases that an image is declared to have. */
export const declared = (want: Desired<Image>) => [
  ...(want.alias === undefined ? [] : [{ name: want.alias, description: "" }]),
  ...aliasesOf(want.aliases).filter(({ name }) => name !== want.alias),
];

/** Whose aliases may be taken: the image that is being replaced, and remains of our own. */
export interface Taking {
  readonly signal: AbortSignal;
  /** The fingerprint of the image that is being replaced, in the same project. */
  readonly replaces: string | undefined;
  /** The marker that the image bears, or is to bear. */
  readonly owner: Mark | undefined;
}

/** Which aliases are to lead to an image; `may`: those that are left out where another image has them. */
export interface Wishes {
  readonly must: readonly Alias[];
  readonly may: readonly string[];
}

/**
 * Looks who holds the aliases, and changes nothing. Answers those of `may` that can be had.
 * @throws Failure backend.conflict when an image that is not ours holds one of `must`
 */
export async function free(
  client: Client,
  target: string | undefined,
  wishes: Wishes,
  taking: Taking,
): Promise<readonly string[]> {
  for (const { name } of wishes.must) {
    const held = await client.alias(name, taking.signal);
    if (held !== undefined && !(await isOurs(client, held, target, taking))) throw taken(held);
  }
  const can: string[] = [];
  for (const name of wishes.may) {
    const held = await client.alias(name, taking.signal);
    if (held === undefined || (await isOurs(client, held, target, taking))) can.push(name);
  }
  return can;
}

/** Whether an alias leads to `target`, to what may be taken, or to nothing. */
async function isOurs(client: Client, { entry }: Held, target: string | undefined, taking: Taking): Promise<boolean> {
  if (entry.target === target || entry.target === taking.replaces) return true;
  const holder = await client.image(entry.target, taking.signal);
  if (holder === undefined) return true;
  const { mark } = notesOf(holder);
  return isSameOwner(mark, taking.owner);
}

const taken = ({ entry }: Held): Failure =>
  new Failure("backend.conflict", `the alias ${entry.name} leads to another image (${entry.target.slice(0, 12)})`, {
    hint: "choose another alias, or take it off that image; `--adopt` takes that image over",
  });

/**
 * Has the aliases lead to `target`; one that moves does so in one step. Where somebody else is quicker, it is looked at again.
 * @throws Failure backend.conflict when one leads to an image that is not ours by now
 */
export async function lead(client: Client, target: string, aliases: readonly Alias[], taking: Taking): Promise<void> {
  for (const alias of aliases) {
    let tries = 1;
    while (!(await led(client, target, alias, taking))) {
      if (++tries > TRIES)
        throw new Failure("backend.busy", `others keep changing the alias ${alias.name}`, { hint: "apply again" });
    }
  }
}

const TRIES = 6;

/** False: somebody else changed it in between. */
async function led(client: Client, target: string, { name, description }: Alias, taking: Taking): Promise<boolean> {
  const { signal } = taking;
  const held = await client.alias(name, signal);
  if (held === undefined) return await client.addAlias({ name, description, target }, signal);
  const { entry } = held;
  if (entry.target === target && (entry.description ?? "") === description) return true;
  if (!(await isOurs(client, held, target, taking))) throw taken(held);
  return await client.moveAlias(held, { target, description }, signal);
}

/** Whether an alias that is not wanted is one that has to go: where none are declared, those of others are left alone. */
export function isLeft(name: string, was: Notes, want: Desired<Image>, cleared: readonly string[]): boolean {
  if (name.startsWith(NOTE)) return true;
  if (name === was.alias || was.copied?.includes(name) === true) return true;
  return want.aliases !== undefined || cleared.includes("aliases");
}
