import type { Call } from "./call.ts";
import { filtered } from "./filter.ts";
import { paged } from "./page.ts";
import { notFound } from "./refusal.ts";
import type { Place, World } from "./world.ts";

export function listRegions(world: World, call: Call): unknown {
  return paged(filtered(world.regions, call.filter, call.filterable), call.query);
}

export function getRegion(world: World, call: Call): unknown {
  return found(world.regions.find(({ id }) => id === call.params[0]));
}

export function listInstances(world: World, call: Call): unknown {
  const instances = [...world.places.values()].map(({ instance }) => instance);
  return paged(filtered(instances, call.filter, call.filterable), call.query);
}

export function getInstance(world: World, call: Call): unknown {
  return place(world, call).instance;
}

export function listDisks(world: World, call: Call): unknown {
  const { disks } = place(world, call);
  for (const id of disks.keys()) world.progress.look(`disk ${id}`);
  const all = [...disks.values()].map(({ disk }) => disk);
  return paged(filtered(all, call.filter, call.filterable), call.query);
}

export function getDisk(world: World, call: Call): unknown {
  const { disks } = place(world, call);
  const id = Number(call.params[1]);
  world.progress.look(`disk ${id}`);
  return found(disks.get(id)).disk;
}

/** Newest first. */
export function listEvents(world: World, call: Call): unknown {
  return paged(filtered(world.events.toReversed(), call.filter, call.filterable), call.query);
}

export function getEvent(world: World, call: Call): unknown {
  return found(world.events.find(({ id }) => id === Number(call.params[0])));
}

export function getProfile(world: World): unknown {
  return {
    uid: 1234,
    username: world.username,
    email: "emulated-user@example.com",
    timezone: "GMT",
    email_notifications: true,
    referrals: { code: "0", url: "https://www.linode.com/?r=0", total: 0, completed: 0, pending: 0, credit: 0 },
    ip_whitelist_enabled: false,
    lish_auth_method: "keys_only",
    authorized_keys: null,
    two_factor_auth: true,
    restricted: false,
    authentication_type: "password",
    verified_phone_number: null,
  };
}

function place(world: World, call: Call): Place {
  return found(world.places.get(Number(call.params[0])));
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw notFound();
  return value;
}
