import type { Address } from "../model/name.ts";
import type { Basis, Drift } from "../model/plan.ts";
import { withoutSensitive } from "../model/schema.ts";
import type { Recorded } from "../model/state.ts";
import type { Plugin } from "../plugin.ts";
import { driftOf, missingIn } from "./diff.ts";
import type { DesiredImage, LiveImage } from "./input.ts";

// What a plan keeps of what it saw. Pure.

export function driftBetween(
  address: Address,
  known: Recorded & { status: "ready" },
  have: LiveImage | undefined,
  plugin: Plugin,
): Drift | undefined {
  if (have === undefined) return { kind: "vanished", address, id: known.id };
  if (have.id !== known.id) return undefined;
  const changes = [...driftOf(plugin.image, known.want, known.have, have.attributes), ...missingIn(have)];
  return changes.length === 0 ? undefined : { kind: "changed", address, id: have.id, changes };
}

export const basisOf = (have: LiveImage | undefined, want: DesiredImage | undefined, { image }: Plugin): Basis => ({
  ...(have === undefined ? {} : { id: have.id, have: withoutSensitive(image, have.attributes) }),
  ...(want === undefined ? {} : { want: withoutSensitive(want.schema, want.resource.want) }),
  ...(want?.content === undefined ? {} : { content: want.content }),
});
