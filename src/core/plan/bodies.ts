import { canLocate } from "../abilities.ts";
import type { Backend, Plugin, Reading } from "../plugin.ts";
import { inParallel } from "../stream.ts";
import { bodyOf } from "./body.ts";
import type { PlanContext } from "./means.ts";
import { withSent } from "./physical.ts";
import type { LiveImage, Want } from "./sight.ts";
import type { PhysicalImage } from "./twins.ts";

/** A declared image with the image that it has, where that stays. */
export interface DeclaredImage {
  readonly want: Want;
  readonly have: LiveImage | undefined;
}

/**
 * What the declared images of one backend are to be physically. Local files of one size are read, so that two that are equal are seen;
 * a place that can be written in several ways counts as one.
 */
export async function bodiesOf(
  declared: readonly DeclaredImage[],
  { plugin, backend, means }: { plugin: Plugin; backend: Backend; means: Pick<PlanContext, "sent" | "signal"> },
  reading: Reading,
): Promise<readonly PhysicalImage[]> {
  const sizes = Map.groupBy(declared, ({ want: { sends, content } }) => sends ?? content?.size);
  const isShared = (size: number) => (sizes.get(size)?.length ?? 0) > 1;
  const bodies: PhysicalImage[] = [];
  await inParallel(declared, 8, async ({ want, have }) => {
    const read = have === undefined ? await withSent(want, plugin, means, isShared) : want;
    const body = bodyOf(read, plugin, have);
    const texts = body.keys.map(({ shown }) => shown);
    if (!canLocate(backend)) return void bodies.push(body);
    const located = await backend.located(want.resource.want, texts, reading);
    const keys = texts.map((shown, i) => ({ key: `${plugin.name} ${located[i] ?? shown}`, shown }));
    bodies.push({ ...body, keys });
  });
  return bodies;
}
