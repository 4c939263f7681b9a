import type { Step } from "../model/plan.ts";
import type { Attributes } from "../model/value.ts";
import { addedTo, carriedBy, declaredBefore, isUnread } from "../plan/additions.ts";
import { defaultsOf } from "../plan/diff.ts";
import type { StepContext } from "./step-context.ts";

/**
 * What others added to the image that is about to be replaced, as it is now: it may be more than the plan saw.
 * @throws what the backend threw, unless the plan has said that it could not be read
 */
export async function additionsBefore(
  ctx: StepContext,
  step: Extract<Step, { action: "replace" }>,
): Promise<Attributes | undefined> {
  const { address, backend, plugin, resource, known } = ctx;
  const context = ctx.context(ctx.deadline(ctx.run.signal));
  const ignore = resource.lifecycle.ignoreChanges;
  const declarations = {
    schema: plugin.image,
    want: resource.want,
    recorded: declaredBefore(known),
    ignore,
    defaults: defaultsOf(plugin, address),
  };
  try {
    const old = await backend.read({ address, id: step.id }, context);
    if (old === undefined) return carriedBy(known);
    const { carried } = await addedTo(old, backend, declarations, context);
    return Object.keys(carried).length === 0 ? undefined : carried;
  } catch (thrown) {
    if (isUnread(step) && !context.signal.aborted) return undefined;
    throw ctx.explain(thrown);
  }
}
