import type { Attributes, Value } from "../model/value.ts";
import type { StepContext } from "./step-context.ts";

/** What is wanted, with everything that the backend reports in the place of what the file says: an update with it changes nothing. */
export function unchangedAttributes({ plugin, resource }: StepContext, have: Attributes): Attributes {
  const shown = Object.entries(plugin.image).flatMap(([name, { mode, compare }]): [string, Value][] => {
    const value = have[name];
    return value === undefined || mode === "computed" || (compare ?? "live") !== "live" ? [] : [[name, value]];
  });
  const unread = Object.entries(resource.want).filter(
    ([name]) => have[name] !== undefined || (plugin.image[name]?.compare ?? "live") !== "live",
  );
  return { ...Object.fromEntries(unread), ...Object.fromEntries(shown) };
}
