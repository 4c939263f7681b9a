import { type Context, Failure, imageId, isSameSet, poll } from "images";
import type { CloudContext } from "./cloud.ts";
import type { Operation } from "./glance.ts";
import { idAt } from "./ids.ts";
import { pointer, propertiesOf } from "./image.ts";
import { isOwned, markIn } from "./properties.ts";
import { whenBack } from "./upload.ts";
import type { GlanceAnswer } from "./wire.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An image that bytes are about to go into. */
interface Slot {
  readonly id: string;
  /** Begins the image, or takes up what an earlier try left of it. */
  begin(fields: Fields): Promise<GlanceAnswer>;
  /** A failed try is over: the next one gets a slot of its own. */
  drop(): Promise<void>;
  /** The image can be used, and its bytes are wrong: what is not taken back by itself is deleted. */
  discard(): Promise<void>;
}

/** A new image under a random id, which is written down before anything of it is there. */
export async function freshSlot(site: CloudContext, context: Context): Promise<Slot> {
  const { glance } = site;
  const { signal } = context;
  const id = crypto.randomUUID();
  await context.identified(imageId(idAt(id, site)));
  return {
    id,
    begin: async (fields) => (await glance.begin(id, fields, signal)).image,
    drop: () => glance.remove(id, signal),
    discard: async () => undefined,
  };
}

/** Seconds that an interrupted upload may take to be cleared away. */
const SETTLES = 60;

/**
 * An image under the id that the file chooses. Glance gives an id only once, so that what an earlier try left under it is filled. The id
 * is written down when the image is known to be of this address: before that, it may be anybody's.
 */
export function chosenSlot(id: string, site: CloudContext, context: Context): Slot {
  const { glance } = site;
  const { signal } = context;
  const begin = async (fields: Fields): Promise<GlanceAnswer> => {
    const there = await glance.image(id, signal);
    if (there === undefined) {
      const { image, isNew } = await glance.begin(id, fields, signal).catch((thrown: unknown) => {
        throw thrown instanceof Failure && thrown.code === "backend.conflict" ? spent(id) : thrown;
      });
      if (!isNew && !isMine(image, context)) throw spent(id);
      await context.identified(imageId(idAt(id, site)));
      return image;
    }
    if (!isMine(there, context)) throw spent(id);
    await context.identified(imageId(idAt(id, site)));
    const settled = await cleared(id, site, signal);
    if (settled.status !== "queued" && settled.disk_format !== fields["disk_format"]) throw spent(id);
    const changes = settled.status === "queued" ? refit(settled, fields) : [];
    return changes.length === 0 ? settled : await glance.change(id, changes, signal);
  };
  return { id, begin, drop: async () => undefined, discard: () => glance.remove(id, signal) };
}

const spent = (id: string): Failure =>
  new Failure(
    "backend.conflict",
    `image_id: the id ${id} belongs to another image, or belonged to one that is deleted`,
    {
      hint: "choose another image_id: Glance gives an id only once",
    },
  );

/** Whether an image bears a marker of this address that is its own, of this state or not completed yet. */
function isMine(image: GlanceAnswer, { marker }: Context): boolean {
  const wanted = marker(image.id);
  const mark = markIn(propertiesOf(image));
  if (wanted === undefined || mark === undefined) return false;
  const isOurs = mark.lineage === undefined || mark.lineage === wanted.lineage;
  return mark.file === wanted.file && mark.owner === wanted.owner && mark.self === image.id && isOurs;
}

/** The image, once an interrupted upload into it is cleared away. @throws Failure when it never is */
async function cleared(id: string, { glance }: CloudContext, signal: AbortSignal): Promise<GlanceAnswer> {
  const end = Date.now() + SETTLES * 1000;
  const look = async (): Promise<GlanceAnswer | undefined> => {
    const seen = await whenBack(glance, id, signal);
    if (seen === undefined) throw spent(id);
    if (seen.status !== "saving" && seen.status !== "uploading") return seen;
    if (Date.now() < end) return undefined;
    throw new Failure(
      "backend.conflict",
      `an interrupted upload left the image ${id} ${seen.status}, and it stays so`,
      {
        hint: "delete it, and choose another image_id: Glance gives an id only once",
      },
    );
  };
  return await poll(look, { signal, interval: 0.5, max: 5 });
}

/** The changes that make an image without bytes one that is begun with these fields. Pure. */
function refit(there: GlanceAnswer, fields: Fields): readonly Operation[] {
  const now: Fields = there;
  const wanted = Object.entries(fields).filter(([, value]) => value !== undefined);
  const isSame = (key: string, value: unknown) =>
    now[key] === value || (Array.isArray(value) && isSameSet(value, there.tags ?? []));
  const surplus = Object.keys(propertiesOf(there)).filter((key) => !isOwned(key) && fields[key] === undefined);
  return [
    ...wanted.flatMap(([key, value]): Operation[] =>
      isSame(key, value) ? [] : [{ op: key in there ? "replace" : "add", path: pointer(key), value }],
    ),
    ...surplus.map((key): Operation => ({ op: "remove", path: pointer(key) })),
  ];
}
