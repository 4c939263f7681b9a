import { type Desired, isSame, isSameSet } from "images";
import type { Writable } from "./client.ts";
import { NEVER, type Notes, propertiesOf, toProperties } from "./image.ts";
import type { IncusImage } from "./schema.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** What an image is to become in place; undefined when it is that already. */
export function edited(
  now: IncusImageAnswer,
  want: Desired<IncusImage>,
  cleared: readonly string[],
  notes: Notes,
): Writable | undefined {
  const kept = Object.entries(propertiesOf(now)).filter(
    ([key]) => !cleared.includes(`properties.${key}`) && !cleared.includes("properties"),
  );
  const properties = { ...(want.properties ?? Object.fromEntries(kept)), ...toProperties(notes) };
  const profiles = want.profiles ?? (cleared.includes("profiles") ? ["default"] : undefined);
  const expires = want.expires_at ?? (cleared.includes("expires_at") ? NEVER : undefined);
  const wanted: Writable = {
    properties,
    public: want.public,
    auto_update: want.auto_update,
    ...(profiles === undefined ? {} : { profiles }),
    ...(expires === undefined ? {} : { expires_at: new Date(expires).toISOString() }),
  };
  const isDone =
    isSame(properties, now.properties ?? {}) &&
    wanted.public === now.public &&
    wanted.auto_update === now.auto_update &&
    (profiles === undefined || isSameSet(profiles, now.profiles ?? [])) &&
    (wanted.expires_at === undefined || Date.parse(wanted.expires_at) === Date.parse(now.expires_at));
  return isDone ? undefined : wanted;
}
