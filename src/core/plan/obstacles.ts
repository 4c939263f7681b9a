import { canReportUse } from "../abilities.ts";
import { asFailure } from "../failure.ts";
import type { ImageId } from "../model/name.ts";
import type { Deletion, Step } from "../model/plan.ts";
import type { Backend, ReadContext } from "../plugin.ts";
import { guarded } from "./deletions.ts";
import type { FoundImages } from "./found.ts";

/** The step with every image that it deletes; the backend is asked for what uses each before the plan promises anything. */
export async function withDeletions(
  step: Step,
  deletes: readonly Deletion[],
  { have, owned }: Pick<FoundImages, "have" | "owned">,
  backend: Backend,
  reading: ReadContext,
): Promise<{ readonly step: Step; readonly warnings: readonly string[] }> {
  if (deletes.length === 0) return { step, warnings: [] };
  const named = deletes.map((one) => {
    const owns = owned.get(one.id) ?? [];
    return owns.length === 0 ? one : { ...one, owns };
  });
  const uses = new Map<ImageId, string>();
  for (const { id } of deletes) {
    const use = await useOf(id, backend, reading);
    if (use !== undefined) uses.set(id, use);
  }
  const kept = new Set(have?.protected === true ? [have.id] : []);
  return guarded({ ...step, deletes: named }, { uses, protected: kept });
}

/** Says that an image is in use, and by what, or that this is unknown; undefined if it is not in use. */
export async function useOf(id: ImageId, backend: Backend, reading: ReadContext): Promise<string | undefined> {
  if (!canReportUse(backend)) return undefined;
  try {
    const use = await backend.usedBy(id, reading);
    return use === undefined ? undefined : `the image is in use (${use})`;
  } catch (thrown) {
    reading.signal.throwIfAborted();
    return `whether the image is in use is unknown: ${asFailure(thrown).message}`;
  }
}
