import { type Desired, Failure, type Marker } from "images";
import type { HeldAlias, IncusClient } from "./client.ts";
import { type ImageScope, isSameFile, NOTE, type Notes, notesOf, ownMark, plainAliases } from "./image.ts";
import { type Alias, aliasesOf, type IncusImage } from "./schema.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** The aliases that an image is declared to have. */
export const declared = (want: {
  readonly alias?: string | undefined;
  readonly aliases?: Desired<IncusImage>["aliases"] | undefined;
}) => [
  ...(want.alias === undefined ? [] : [{ name: want.alias, description: "" }]),
  ...aliasesOf(want.aliases).filter(({ name }) => name !== want.alias),
];

/** Whose aliases may be taken: those of the image that is being replaced, and of other images of the same file and state. */
interface Taking {
  readonly signal: AbortSignal;
  /** The fingerprint of the image that is being replaced, in the same project. */
  readonly replaces: string | undefined;
  /** The marker that the image bears, or is to bear. */
  readonly owner: Marker | undefined;
  readonly place: Pick<ImageScope, "self">;
}

/** Which aliases are to lead to an image; `may`: those that are left out where another image has them. */
interface AliasOptions {
  readonly must: readonly Alias[];
  readonly may: readonly string[];
}

/**
 * Looks who holds the aliases, and changes nothing. Answers those of `may` that can be had.
 * @throws Failure backend.conflict when an image that is not managed holds one of `must`
 */
export async function freeAliases(
  client: IncusClient,
  target: string | undefined,
  wishes: AliasOptions,
  taking: Taking,
): Promise<readonly string[]> {
  for (const { name } of wishes.must) {
    const held = await client.alias(name, taking.signal);
    if (held !== undefined && !(await isOurs(client, held, target, taking))) throw taken(held);
  }
  const can: string[] = [];
  for (const name of wishes.may) if (await canHave(client, name, target, taking)) can.push(name);
  return can;
}

/** A copied alias is taken from no other image but the one that is being replaced. */
async function canHave(
  client: IncusClient,
  name: string,
  target: string | undefined,
  taking: Taking,
): Promise<boolean> {
  const held = await client.alias(name, taking.signal);
  if (held === undefined || held.entry.target === target || held.entry.target === taking.replaces) return true;
  return (await client.image(held.entry.target, taking.signal)) === undefined;
}

/** Whether an alias leads to `target`, to what it may be taken from, or to nothing. */
async function isOurs(
  client: IncusClient,
  { entry }: HeldAlias,
  target: string | undefined,
  taking: Taking,
): Promise<boolean> {
  if (entry.target === target || entry.target === taking.replaces) return true;
  const holder = await client.image(entry.target, taking.signal);
  return holder === undefined || isSameFile(ownMark(holder, taking.place), taking.owner);
}

const taken = ({ entry }: HeldAlias): Failure =>
  new Failure("backend.conflict", `the alias ${entry.name} belongs to another image (${entry.target.slice(0, 12)})`, {
    hint: `remove it from that image (incus image alias delete ${entry.name}), or choose another alias`,
  });

/**
 * Has the aliases lead to `target`; one that moves does so in one step. Where another user is quicker, it is looked at again.
 * @throws Failure backend.conflict when one leads to an image that is not managed by now
 */
export async function moveAliases(
  client: IncusClient,
  target: string,
  aliases: readonly Alias[],
  taking: Taking,
): Promise<void> {
  for (const alias of aliases) {
    let tries = 1;
    while (!(await led(client, target, alias, taking))) {
      if (++tries > TRIES)
        throw new Failure("backend.busy", `the alias ${alias.name} keeps changing on the server`, {
          hint: "apply again",
        });
    }
  }
}

const TRIES = 6;

/** False: another user changed it in between. */
async function led(
  client: IncusClient,
  target: string,
  { name, description }: Alias,
  taking: Taking,
): Promise<boolean> {
  const { signal } = taking;
  const held = await client.alias(name, signal);
  if (held === undefined) return await client.addAlias({ name, description, target }, signal);
  const { entry } = held;
  if (entry.target === target && (entry.description ?? "") === description) return true;
  if (!(await isOurs(client, held, target, taking))) throw taken(held);
  return await client.moveAlias(held, { target, description }, signal);
}

/** Gives copied aliases to `target`, but for those that another image got in the meantime. Answers those that it has. */
export async function assignFreeAliases(
  client: IncusClient,
  target: string,
  aliases: readonly Alias[],
  taking: Taking,
): Promise<readonly string[]> {
  const has: string[] = [];
  for (const alias of aliases) {
    if (!(await canHave(client, alias.name, target, taking))) continue;
    await moveAliases(client, target, [alias], taking);
    has.push(alias.name);
  }
  return has;
}

/** Whether an alias that is not wanted is one that has to go: where none are declared, those of others are left alone. */
export function isLeft(name: string, was: Notes, want: Desired<IncusImage>, cleared: readonly string[]): boolean {
  if (name.startsWith(NOTE)) return true;
  if (name === was.alias || was.copied?.includes(name) === true) return true;
  return want.aliases !== undefined || cleared.includes("aliases");
}

/** Copied aliases that an image has lost and that `isHeld` finds on no other one: the next apply gives them again. */
export async function lostBy(
  image: IncusImageAnswer,
  isHeld: (name: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const has = new Set(plainAliases(image).map(({ name }) => name));
  const lost: string[] = [];
  for (const name of notesOf(image).copied ?? []) if (!has.has(name) && !(await isHeld(name))) lost.push(name);
  return lost;
}
