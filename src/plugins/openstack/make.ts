import { type Context, type Desired, Failure, type Format, passThrough, type Source } from "images";
import type { CloudContext } from "./cloud.ts";
import type { Operation } from "./glance.ts";
import { fits, type Head } from "./head.ts";
import { fieldsOf, nameOf, provisional } from "./image.ts";
import { fetched, importing } from "./import.ts";
import { type MemberClientFactory, share } from "./members.ts";
import { MARKS } from "./properties.ts";
import type { OsImage } from "./schema.ts";
import { chosenSlot, freshSlot } from "./slot.ts";
import { firstStore, place } from "./stores.ts";
import { compare, isPassing, untilActive, whenSettled } from "./upload.ts";
import type { GlanceAnswer } from "./wire.ts";

export interface CreationContext {
  readonly site: CloudContext;
  /** Who can use an image where nobody says it. */
  readonly visibility: string;
  readonly speak: MemberClientFactory;
  readonly head: Head;
}

/** Times that an image is begun again, when Glance went away with the one before. */
const TRIES = 3;

/** A new image, complete but for its name where it replaces another. Ids are reported before anything of them is there. */
export async function make(
  want: Desired<OsImage>,
  source: Source | undefined,
  context: Context,
  means: CreationContext,
): Promise<GlanceAnswer> {
  const { site, speak } = means;
  const { glance } = site;
  const made = await begun(want, source, context, means);
  context.completed();
  const rest: Operation[] = want.protected === true ? [{ op: "replace", path: "/protected", value: true }] : [];
  const shared =
    want.members !== undefined &&
    want.members.length > 0 &&
    (await share(glance, made.id, want.members, speak, context));
  const placed = await place(glance, made.id, made.stores?.split(",") ?? [], want.stores, context);
  const idle = want.status === "deactivated";
  if (idle) await glance.act(made.id, "deactivate", context.signal);
  if (rest.length > 0) return await glance.change(made.id, rest, context.signal);
  return (shared || placed || idle ? await glance.image(made.id, context.signal) : undefined) ?? made;
}

/** Begins an image and fills it; one that Glance lost hold of is removed, and another begun. */
async function begun(
  want: Desired<OsImage>,
  given: Source | undefined,
  context: Context,
  means: CreationContext,
): Promise<GlanceAnswer> {
  const { glance } = means.site;
  const { signal, pull } = context;
  const dated = want.upstream_date === true ? datesOf(await context.sourceDate?.()) : {};
  const wanted = { ...want, properties: { ...dated, ...want.properties } };
  let source = given;
  for (let attempt = 1; ; attempt++) {
    const slot =
      want.image_id === undefined
        ? await freshSlot(means.site, context)
        : chosenSlot(want.image_id, means.site, context);
    const { id } = slot;
    const begin = fields(id, wanted, source, context, means);
    try {
      const { status } = await slot.begin(begin);
      if (source === undefined && pull !== undefined && status !== "queued") source = await pull.open();
      if (source === undefined && pull !== undefined) {
        const fit = await fits(want, pull, means.head, context);
        const made = fit ? await fetched(glance, id, pull, want, context) : undefined;
        if (made !== undefined) return made;
        source = await pull.open();
        await slot.drop();
        continue;
      }
      if (source === undefined)
        throw new Failure("backend.refused", "the image has no origin", {
          hint: "set `source`",
        });
      if (status === "queued") await fill(id, want, source, context, means);
      else await drained(source, signal);
    } catch (thrown) {
      if (signal.aborted || !isPassing(thrown) || attempt === TRIES) throw thrown;
      const left = await whenSettled(glance, id, thrown, context);
      if (left?.status !== "active") {
        context.note("the connection to Glance was lost during the upload: it is repeated");
        if (left !== undefined) await slot.drop();
        continue;
      }
    }
    const made = await untilActive(glance, id, context);
    if (want.verify_checksum && source !== undefined)
      await compare(made, source, begin.disk_format, context).catch(async (thrown: unknown) => {
        await slot.discard();
        throw thrown;
      });
    return made;
  }
}

/** The properties in which openstack-image-manager has the date of an image. */
function datesOf(date: Date | undefined): Readonly<Record<string, string>> {
  if (date === undefined) return {};
  const day = date.toISOString().slice(0, 10);
  return { internal_version: day.replaceAll("-", ""), image_build_date: day };
}

/** Gives the image that replaces another its name. */
export async function named(
  made: GlanceAnswer,
  name: string,
  { glance }: CloudContext,
  context: Context,
): Promise<GlanceAnswer> {
  const { lineage } = context.marker(made.id) ?? {};
  const signed: Operation[] = lineage === undefined ? [] : [{ op: "add", path: `/${MARKS.lineage}`, value: lineage }];
  return await glance.change(made.id, [{ op: "replace", path: "/name", value: name }, ...signed], context.signal);
}

function fields(
  id: string,
  want: Desired<OsImage>,
  source: Source | undefined,
  context: Context,
  { visibility }: CreationContext,
) {
  const name = nameOf(want, context.address);
  const own = context.replaces === undefined ? name : provisional(name);
  const begin = fieldsOf(want, id, own, want.disk_format ?? diskFormat(source?.format ?? "raw"), visibility, context);
  if (context.replaces === undefined) return begin;
  // The lineage comes with the name: where a run ends before that, the next one sees a marker to be completed.
  return { ...begin, [MARKS.lineage]: undefined };
}

async function fill(
  id: string,
  want: Desired<OsImage>,
  source: Source,
  { signal, progress }: Context,
  { site: { glance } }: CreationContext,
): Promise<void> {
  if (!want.use_import) return await glance.upload(id, source, { signal, progress, store: firstStore(want.stores) });
  await glance.stage(id, source, { signal, progress });
  progress("import", 0);
  await glance.import(id, { name: "glance-direct" }, importing(want.stores), signal);
}

/** Reads bytes that an earlier try has sent already, so that they can be compared with those that Glance has. */
async function drained(source: Source, signal: AbortSignal): Promise<void> {
  for await (const _ of passThrough(source, signal)) signal.throwIfAborted();
}

/** What Glance calls a format, where nobody says another. */
const diskFormat = (format: Format): string =>
  (["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"] as const).find((one) => one === format) ?? "raw";

/** What a disk_format of Glance is here. */
export const formatOf = (text: string): Format =>
  (["raw", "qcow2", "vmdk", "vhdx", "vhd", "vdi", "iso"] as const).find((one) => one === text) ?? "other";
