import type { Step } from "../model/plan.ts";
import type { DesiredImage } from "./input.ts";

/** What a step says that sends a disk of holes as it is: they are read as zeros, and no digest of all bytes can leave them out. */
export function holesOf(step: Step, want: DesiredImage | undefined): readonly string[] {
  const { holes, isUntouched } = want?.outgoing ?? {};
  if ((step.action !== "create" && step.action !== "replace") || isUntouched !== true || holes === undefined) return [];
  const amount = holes >= 1000 * 2 ** 30 ? `${(holes / 2 ** 40).toFixed(1)} TiB` : `${Math.round(holes / 2 ** 30)} GiB`;
  return [
    `${step.address}: ${amount} of its source are holes, which are hashed as zeros (about 1 GB/s); as a qcow2 they take no time`,
  ];
}
