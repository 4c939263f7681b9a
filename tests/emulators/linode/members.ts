import { isRecord } from "../kit/answers.ts";
import type { Call } from "./call.ts";
import { paged } from "./page.ts";
import { invalid, notFound } from "./refusal.ts";
import { group } from "./sharegroups.ts";
import type { Member } from "./wire.ts";
import type { World } from "./world.ts";

// Accounts that see the images of a share group: each joins with a token of its own, and is known by that token's id afterwards.

export function listMembers(world: World, call: Call): unknown {
  return paged(membersOf(world, group(world, call).id), call.query);
}

export function getMember(world: World, call: Call): unknown {
  return member(world, call);
}

export function addMember(world: World, call: Call): unknown {
  const { id } = group(world, call);
  const { token, label } = isRecord(call.body) ? call.body : {};
  if (typeof token !== "string" || token === "") throw invalid("token is required", "token");
  if (typeof label !== "string" || label === "") throw invalid("label is required", "label");
  const made: Member = {
    token_uuid: crypto.randomUUID(),
    status: "active",
    label,
    created: world.timestamp(),
    updated: null,
    expiry: null,
  };
  set(world, id, [...membersOf(world, id), made]);
  return made;
}

export function changeMember(world: World, call: Call): unknown {
  const { id } = group(world, call);
  const known = member(world, call);
  const { label } = isRecord(call.body) ? call.body : {};
  if (typeof label !== "string" || label === "") throw invalid("label is required", "label");
  const now = { ...known, label, updated: world.timestamp() };
  set(
    world,
    id,
    membersOf(world, id).map((one) => (one === known ? now : one)),
  );
  return now;
}

export function removeMember(world: World, call: Call): unknown {
  const { id } = group(world, call);
  const known = member(world, call);
  set(
    world,
    id,
    membersOf(world, id).filter((one) => one !== known),
  );
  return {};
}

function set(world: World, id: number, members: readonly Member[]): void {
  world.members.set(id, members);
  const known = world.groups.get(id);
  if (known !== undefined) world.groups.set(id, { ...known, members_count: members.length });
}

const membersOf = (world: World, id: number): readonly Member[] => world.members.get(id) ?? [];

function member(world: World, call: Call): Member {
  const found = membersOf(world, group(world, call).id).find(({ token_uuid }) => token_uuid === call.params[1]);
  if (found === undefined) throw notFound();
  return found;
}
