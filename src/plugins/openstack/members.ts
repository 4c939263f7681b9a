import type { Context, Value } from "images";
import type { Glance } from "./glance.ts";
import { memberOf } from "./schema.ts";
import type { Member } from "./wire.ts";

/** Says something about an image in the name of a project, as the cloud that speaks for it. */
export type Spokesman = (
  cloud: string,
  image: string,
  project: string,
  status: string,
  signal: AbortSignal,
) => Promise<void>;

/** Brings the members of an image to what is wanted. True: something was changed. */
export async function share(
  glance: Glance,
  id: string,
  members: readonly Value[],
  speak: Spokesman,
  { signal }: Pick<Context, "signal">,
): Promise<boolean> {
  const wanted = members.map(memberOf);
  const now = new Map((await glance.members(id, signal)).map((one): [string, Member] => [one.member_id, one]));
  let changed = false;
  for (const { project, status, cloud } of wanted) {
    const before = now.get(project)?.status;
    if (before === undefined) await glance.invite(id, project, signal);
    const differs = status !== undefined && status !== (before ?? "pending");
    if (differs && cloud === undefined) await glance.answer(id, project, status, signal);
    if (differs && cloud !== undefined) await speak(cloud, id, project, status, signal);
    changed ||= before === undefined || differs;
  }
  for (const project of now.keys()) {
    if (wanted.some((one) => one.project === project)) continue;
    await glance.uninvite(id, project, signal);
    changed = true;
  }
  return changed;
}
