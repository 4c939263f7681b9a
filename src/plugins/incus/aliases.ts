import { type Desired, Failure } from "images";
import type { Client } from "./client.ts";
import { NOTE, type Notes, notesOf } from "./image.ts";
import { type Alias, aliasesOf, type Image } from "./schema.ts";
import type { AliasEntry, ImageAnswer } from "./wire.ts";

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
  readonly owner: { readonly file: string; readonly address: string } | undefined;
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
  const holders = new Map<string, Promise<ImageAnswer | undefined>>();
  const isFree = async (name: string): Promise<AliasEntry | undefined> => {
    const entry = await client.alias(name, taking.signal);
    if (entry === undefined || entry.target === target || entry.target === taking.replaces) return undefined;
    const before = holders.get(entry.target);
    const asked = before ?? client.image(entry.target, taking.signal);
    holders.set(entry.target, asked);
    const holder = await asked;
    const mark = holder === undefined ? undefined : notesOf(holder).mark;
    const isOurs = mark !== undefined && mark.owner === taking.owner?.address && mark.file === taking.owner.file;
    return holder === undefined || isOurs ? undefined : entry;
  };
  for (const { name } of wishes.must) {
    const entry = await isFree(name);
    if (entry === undefined) continue;
    throw new Failure("backend.conflict", `the alias ${name} leads to another image (${entry.target.slice(0, 12)})`, {
      hint: "choose another alias, or take it off that image; `--adopt` takes that image over",
    });
  }
  const can: string[] = [];
  for (const name of wishes.may) if ((await isFree(name)) === undefined) can.push(name);
  return can;
}

/** Has the aliases lead to `target`; the one that moves does so in one step. `free` has been asked before. */
export async function lead(
  client: Client,
  target: string,
  aliases: readonly Alias[],
  signal: AbortSignal,
): Promise<void> {
  for (const { name, description } of aliases) {
    const entry = await client.alias(name, signal);
    if (entry?.target === target && (entry.description ?? "") === description) continue;
    if (entry !== undefined) await client.moveAlias(name, { target, description }, signal);
    else if (!(await client.addAlias({ name, description, target }, signal)))
      throw new Failure("backend.conflict", `somebody else took the alias ${name} just now`, { hint: "plan again" });
  }
}

/** Whether an alias that is not wanted is one that has to go: where none are declared, those of others are left alone. */
export function isLeft(name: string, was: Notes, want: Desired<Image>, cleared: readonly string[]): boolean {
  if (name.startsWith(NOTE)) return true;
  if (name === was.alias || was.copied?.includes(name) === true) return true;
  return want.aliases !== undefined || cleared.includes("aliases");
}
