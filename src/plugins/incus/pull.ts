import { type Context, type Desired, Failure, imageId } from "images";
import { isTwice, type Writable } from "./client.ts";
import { isSameOwner, type Notes, ownMark, pending, propertiesOf, toProperties } from "./image.ts";
import type { OriginFound } from "./origin.ts";
import { type IncusPlace, idAt } from "./places.ts";
import type { IncusImage } from "./schema.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** A copy that the server makes by itself. */
interface Pulling {
  readonly place: IncusPlace;
  readonly found: OriginFound;
  readonly want: Desired<IncusImage>;
  readonly notes: Notes;
  /** The fingerprint of the image that is being replaced, where it is in the same place. */
  readonly replaces: string | undefined;
}

type Source = Readonly<Record<string, unknown>>;
const ATTEMPTS = 3;

/**
 * Has the server fetch the image, by its alias where that is safe, so that the server knows what to refresh it from. Answers the
 * fingerprint of what it made; undefined: it cannot, since what it knows of the remote is out of date, or it cannot reach it.
 */
export async function pulled(pulling: Pulling, context: Context): Promise<string | undefined> {
  const { place, found, want, notes, replaces } = pulling;
  const { client } = place;
  const { signal } = context;
  const before = await client.images(signal);
  // What the server knows of the remote may be an hour old: an older version that is somebody's here would be touched by its alias.
  const older = before.filter(({ fingerprint }) => found.older.includes(fingerprint));
  const byAlias = older.every(({ fingerprint }) => fingerprint === replaces);
  const source = await found.pull(byAlias);
  if (source === undefined) {
    context.note("the server cannot reach the remote; the bytes come through this host");
    return undefined;
  }
  const isAlias = "alias" in source;
  await context.identified(idAt(place, found.fingerprint));
  const made = await fetched({ ...pulling, notes: isAlias ? unproven(notes) : notes }, source, context);
  if (made === found.fingerprint) {
    // None was asked for: where others have the same bytes made at the same time, the server makes one image of both.
    const { aliases } = (await client.image(made, signal)) ?? {};
    if ((aliases ?? []).length > 0) await released(place, made, context);
    return made;
  }
  if (made === undefined) {
    context.note(STALE);
    return undefined;
  }
  const was = before.find(({ fingerprint }) => fingerprint === made);
  if (was !== undefined) await restored(place, was, signal);
  if (want.auto_update) {
    context.note(
      `the server has not seen the new version on the remote yet: it keeps ${made.slice(0, 12)} and updates it itself`,
    );
    await context.identified(idAt(place, made));
    return made;
  }
  // What was there before is not this run's to remove.
  if (was === undefined && (await isOwn(place, made, notes, signal))) await client.remove(made, quiet(signal));
  await context.identified(imageId(`${place.prefix}${pending(crypto.randomUUID())}`));
  context.note(STALE);
  return undefined;
}

const STALE = "the index of the remote on the server is out of date; the bytes come through this host";

/** Until it is known which image an alias was for the server, the marker does not say that the bytes are the wanted ones. */
export const unproven = (notes: Notes): Notes =>
  notes.mark === undefined ? notes : { ...notes, mark: { ...notes.mark, content: "unproven:alias" } };

export const quiet = (signal: AbortSignal) => ({ signal, progress: () => undefined });

async function isOwn(place: IncusPlace, fingerprint: string, notes: Notes, signal: AbortSignal): Promise<boolean> {
  const image = await place.client.image(fingerprint, signal);
  return image !== undefined && isSameOwner(ownMark(image, place), notes.mark);
}

/** Undefined: the server does not find it on the remote. */
async function fetched(
  { place, found, want, notes, replaces }: Pulling,
  source: Source,
  context: Context,
): Promise<string | undefined> {
  const { client } = place;
  const { fingerprint, size } = found;
  const { signal } = context;
  const { auto_update, profiles } = want;
  const body = {
    source,
    properties: toProperties(notes),
    auto_update,
    ...(profiles === undefined ? {} : { profiles }),
  };
  const there = async () => ((await client.image(fingerprint, signal)) === undefined ? undefined : { fingerprint });
  for (let attempt = 1; ; attempt++) {
    try {
      const operation = await client.make(body);
      const result = await client.operations.wait(operation, { ...context, signal, total: size, found: there });
      return result.fingerprint ?? fingerprint;
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      // Another try of ours had begun it already.
      if (isTwice(thrown.message) && (await isOwn(place, fingerprint, notes, signal))) return fingerprint;
      // The server met an image that was there, and stumbled over its aliases: an older version behind the alias, or somebody's new one.
      if (/Alias already exists/i.test(thrown.message)) {
        if (replaces !== undefined && found.older.includes(replaces)) return replaces;
        await released(place, fingerprint, context);
      }
      if (thrown.code === "backend.lost" && attempt < ATTEMPTS) continue;
      if (thrown.code === "backend.missing") return undefined;
      throw thrown;
    }
  }
}

/** Somebody else was quicker with the same bytes: what the copy has written on that image goes again. @throws Failure backend.conflict */
async function released(place: IncusPlace, fingerprint: string, context: Context): Promise<never> {
  const { client } = place;
  await context.identified(imageId(`${place.prefix}${pending(crypto.randomUUID())}`));
  await client.change(
    fingerprint,
    (now) => ({ properties: propertiesOf(now), public: now.public, auto_update: now.auto_update }),
    context.signal,
  );
  throw new Failure("backend.conflict", `an image with the same bytes was created by another client (${fingerprint})`, {
    hint: `on Incus the same bytes are one image; to adopt it: images import ${context.address} ${fingerprint}`,
  });
}

/** An image that the server met behind the alias is as it was before. */
async function restored({ client }: IncusPlace, was: IncusImageAnswer, signal: AbortSignal): Promise<void> {
  const to: Writable = {
    properties: was.properties ?? {},
    public: was.public,
    auto_update: was.auto_update,
    profiles: was.profiles ?? [],
    expires_at: was.expires_at,
  };
  await client.change(was.fingerprint, () => to, signal);
}

/**
 * Takes over what the server keeps for itself, under no name, to make instances faster: a copy over it shows that the server gets it from
 * the remote, and only then it goes, since an image of that kind is deleted by the server when it was not used for a while.
 */
export async function adoptedSpare({ place, found, want }: Pulling, context: Context): Promise<boolean> {
  const { client } = place;
  const { signal } = context;
  const source = want.mode === "pull" ? await found.pull(false) : undefined;
  if (source === undefined) return false;
  const before = await client.image(found.fingerprint, signal);
  if (before === undefined) return true;
  try {
    // Whatever else could refuse the copy refuses this one as well.
    const profiles = want.profiles === undefined ? {} : { profiles: want.profiles };
    const operation = await client.make({
      source,
      auto_update: before.auto_update,
      public: before.public,
      ...profiles,
    });
    await client.operations.wait(operation, { ...quiet(signal), found: async () => ({}) });
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === "backend.missing") return false;
    throw thrown;
  }
  await context.identified(imageId(`${place.prefix}${pending(crypto.randomUUID())}`));
  await dropped(place, found.fingerprint, signal);
  return true;
}

/** @throws Failure backend.conflict when somebody has given it a name in the meantime */
export async function dropped({ client }: IncusPlace, fingerprint: string, signal: AbortSignal): Promise<void> {
  const now = await client.image(fingerprint, signal);
  if (now === undefined) return;
  if (now.cached !== true || (now.aliases ?? []).length > 0)
    throw new Failure("backend.conflict", `${fingerprint} was given a name while it was copied`, {
      hint: "plan again",
    });
  await client.remove(fingerprint, quiet(signal));
}
