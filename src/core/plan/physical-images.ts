import { canLocate } from "../abilities.ts";
import type { Backend, Plugin, ReadContext } from "../plugin.ts";
import { inParallel } from "../stream.ts";
import type { PlanContext } from "./context.ts";
import type { PhysicalImage } from "./duplicates.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { withSent } from "./physical.ts";
import { physicalImageOf } from "./same-bytes.ts";

/** A declared image with the image that it has, where that stays. */
export interface DeclaredImage {
  readonly want: DesiredImage;
  readonly have: LiveImage | undefined;
}

/**
 * What the declared images of one backend are to be physically. Local files of one size are read, so that two that are equal are seen;
 * a place that can be written in several ways counts as one.
 */
export async function physicalImages(
  declared: readonly DeclaredImage[],
  { plugin, backend, context }: { plugin: Plugin; backend: Backend; context: Pick<PlanContext, "sent" | "signal"> },
  reading: ReadContext,
): Promise<readonly PhysicalImage[]> {
  const sizes = Map.groupBy(declared, ({ want: { sentSize, content } }) => sentSize ?? content?.size);
  const isShared = (size: number) => (sizes.get(size)?.length ?? 0) > 1;
  const bodies: PhysicalImage[] = [];
  await inParallel(declared, 8, async ({ want, have }) => {
    const read = have === undefined ? await withSent(want, plugin, context, isShared) : want;
    const body = physicalImageOf(read, plugin, have);
    const texts = body.keys.map(({ shown }) => shown);
    if (!canLocate(backend)) return void bodies.push(body);
    const located = await backend.located(want.resource.want, texts, reading);
    const keys = texts.map((shown, i) => ({ key: `${plugin.name} ${located[i] ?? shown}`, shown }));
    bodies.push({ ...body, keys });
  });
  return bodies;
}
