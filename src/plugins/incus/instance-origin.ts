import { type Context, type Desired, Failure, type ReadContext, type Resolved } from "images";
import type { Places } from "./places.ts";
import { isUp, powerOf, restarted, running } from "./power.ts";
import type { IncusImage } from "./schema.ts";

/** The instance that an image is made from: it is published again when it, or the snapshot, is another one of the same name. */
export async function instanceOf(
  places: Places,
  want: Desired<IncusImage>,
  { signal, note }: ReadContext,
): Promise<Resolved> {
  const { name, snapshot, project } = want.source_instance ?? { name: "" };
  const { client } = await places.instances(want, project);
  const found = await client.instances.find(name, snapshot, signal);
  const what = snapshot === undefined ? `instance ${name}` : `snapshot ${name}/${snapshot}`;
  const hint = `list instances with: incus list --project ${client.project ?? "default"}`;
  if (found === undefined) throw new Failure("backend.missing", `there is no ${what}`, { hint });
  const isWhole = snapshot === undefined;
  if (isWhole && !isUp(found) && powerOf(found) !== undefined)
    note(
      `an interrupted run stopped the instance ${name} for its image: apply starts it again, or incus start ${name}`,
    );
  return {
    content: `${what} of ${found.created_at}`,
    ...(isWhole && isUp(found) && !want.force ? { unavailable: running(name, found) } : {}),
    serverSide: true,
    verified: true,
  };
}

/** An image whose publication came to its end without the run that had begun it: the instance is started again here. */
export async function resumed(places: Places, want: Desired<IncusImage>, context: Context): Promise<void> {
  const { name, snapshot, project } = want.source_instance ?? {};
  if (name === undefined || snapshot !== undefined) return;
  const { client } = await places.instances(want, project);
  const isStarted = await restarted(client.instances, name, { signal: context.signal, progress: () => undefined });
  if (isStarted) context.note(`the instance ${name} was started again, which an interrupted run had stopped`);
}
