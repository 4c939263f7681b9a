import { canLocate } from "../abilities.ts";
import type { Backend, Plugin, ReadContext } from "../plugin.ts";
import { inParallel } from "../stream.ts";
import type { PlanContext } from "./context.ts";
import { type PhysicalImage, sharing } from "./duplicates.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { withSent } from "./physical.ts";
import { physicalImageOf } from "./same-bytes.ts";

/** A declared image as far as its own decision tells what it is; no more of that is kept, for there are thousands. */
export interface DeclaredImage {
  readonly body: PhysicalImage;
  /** Bytes that are sent, where they are known. */
  readonly size: number | undefined;
  /** There is no image of it that stays, and its bytes may tell more. */
  readonly unread?: DesiredImage;
}

/** `have`: the image that it has, where that stays. */
export const declaredImage = (want: DesiredImage, have: LiveImage | undefined, plugin: Plugin): DeclaredImage => ({
  body: physicalImageOf(want, plugin, have),
  size: want.sentSize ?? want.content?.size,
  ...(have === undefined && plugin.physical !== undefined ? { unread: want } : {}),
});

/**
 * What the declared images of one backend are to be physically. Local files of one size are read, so that two that are equal are seen;
 * a place that can be written in several ways counts as one.
 */
export async function physicalImages(
  declared: readonly DeclaredImage[],
  { plugin, backend, context }: { plugin: Plugin; backend: Backend; context: Pick<PlanContext, "sent" | "signal"> },
  reading: ReadContext,
): Promise<readonly PhysicalImage[]> {
  if (!canLocate(backend) && declared.every(({ unread }) => unread === undefined))
    return sharing(declared.map(({ body }) => body));
  const sizes = Map.groupBy(declared, ({ size }) => size);
  const isShared = (size: number) => (sizes.get(size)?.length ?? 0) > 1;
  const bodies: PhysicalImage[] = [];
  await inParallel(declared, 8, async ({ body: known, unread }) => {
    const body =
      unread === undefined ? known : physicalImageOf(await withSent(unread, plugin, context, isShared), plugin);
    const texts = body.keys.map(({ shown }) => shown);
    if (!canLocate(backend)) return void bodies.push(body);
    const located = await backend.located(body.resource.want, texts, reading);
    const keys = texts.map((shown, i) => ({ key: `${plugin.name} ${located[i] ?? shown}`, shown }));
    bodies.push({ ...body, keys });
  });
  return bodies;
}
