import { isPending, type Plan, type Step } from "../../core/model/plan.ts";
import { faceOf } from "./step.ts";
import type { View } from "./style.ts";
import { wrap } from "./text.ts";

/** The steps that do something, in the order of the plan; those that are blocked stand last, where they are seen. */
export function inOrder({ steps }: Pick<Plan, "steps">): readonly Step[] {
  const isBlocked = ({ action }: Step): boolean => action === "block";
  const shown = steps.filter(isPending);
  return [...shown.filter((step) => !isBlocked(step)), ...shown.filter(isBlocked)];
}

const MORE: Readonly<Record<string, string>> = {
  "±": " (the new image first)",
  "∓": " (the old image is deleted first)",
};

/** What the symbols of these steps mean, each once. */
export function legend(steps: readonly Step[], { style, columns }: View): string[] {
  const meanings = steps.map((step) => {
    const { symbol, word, role } = faceOf(step);
    return `${style[role](symbol)} ${word}${MORE[symbol] ?? ""}`;
  });
  return wrap("Symbols: ", [...new Set(meanings)].join(", "), columns, 2);
}
