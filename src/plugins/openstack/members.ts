import { type Context, type Desired, Failure, type Reported, type Value } from "images";
import type { Glance } from "./glance.ts";
import { memberOf, type OsImage } from "./schema.ts";
import type { Member } from "./wire.ts";

/** Says something about an image in the name of a project, as the cloud that speaks for it. */
export type MemberClientFactory = (
  cloud: string,
  image: string,
  project: string,
  status: string,
  signal: AbortSignal,
) => Promise<void>;

/**
 * The members that an image is to have; undefined: they are left alone. An image has members only while it is shared: `isLast`, those
 * that go have to be taken off before it is not any more.
 * @throws Failure config.value: members of an image that is not shared
 */
export function sharing(
  have: Reported<OsImage>,
  want: Desired<OsImage>,
  cleared: readonly string[],
  visibility: string,
): { readonly members: readonly Value[] | undefined; readonly isLast: boolean } {
  const members = want.members ?? (cleared.includes("members") ? [] : undefined);
  const next = want.visibility ?? (cleared.includes("visibility") ? visibility : have.visibility);
  if (members !== undefined && members.length > 0 && next !== "shared")
    throw new Failure("config.value", `members: an image that is ${next} has no members`, {
      hint: 'visibility = "shared"',
    });
  const isLast = have.visibility === "shared" && next !== "shared";
  return { members: isLast || next === "shared" ? members : undefined, isLast };
}

/** Brings the members of an image to what is wanted. True: something was changed. */
export async function share(
  glance: Glance,
  id: string,
  members: readonly Value[],
  speak: MemberClientFactory,
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
