import { Failure } from "../failure.ts";
import type { Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";
import { withIds } from "../plan/references.ts";
import { resourceAt } from "../plan/resources.ts";
import type { ApplyContext } from "./context.ts";

/**
 * What the file declares for an address, with the ids that the images which it names have by now.
 * @throws Failure plan.moved: nothing, which a plan made from the file cannot ask for; plan.source: an image that it names is not there
 */
export function declarationAt({ config, records }: ApplyContext, address: Address): Resource {
  const found = resourceAt(config, address);
  if (found === undefined) throw new Failure("plan.moved", "is not declared", { address, hint: "plan again" });
  if (found.references === undefined) return found;
  const { resource, missing } = withIds(found, records);
  const [name] = missing;
  if (name === undefined) return resource;
  const other = found.references?.[name];
  const hint = `apply or import ${other} first`;
  throw new Failure("plan.source", `${name}: ${other} has no image in the state`, { address, hint });
}
