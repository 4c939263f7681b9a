import type { Detected } from "./identify.ts";
import type { TransformPlan, TransformStep } from "./plan.ts";

const MiB = 1 << 20;
/** What most that is published is packed with. */
const USUAL = 8 * MiB;

/** Bytes that a plan for what was found holds while it is carried out. */
export function memoryFor(plan: TransformPlan, { memory = 0, disk }: Detected): number {
  const unseen = plan.open ? USUAL : 0;
  return plan.steps.reduce((sum, step) => sum + memoryOfStep(step), memory + (disk?.memory ?? 0) + unseen);
}

/** More than unpacking takes without a thread. */
const ON_THREAD = 4 * MiB;

/**
 * Bytes that unpacking beside a reader holds, with the pieces that both have; `size`: what is packed. Small images do not wait for each other,
 * but for threads: a few bytes in xz may become many, with a dictionary as large as they are.
 */
export function memoryForCheck({ memory = 0 }: Detected, size = Number.POSITIVE_INFINITY): number {
  const least = memory > ON_THREAD ? USUAL : MiB / 4;
  return Math.min(memory + 4 * MiB, least + 4 * size);
}

/** Beside unpacking. */
function memoryOfStep(step: TransformStep): number {
  switch (step) {
    case "qcow2->raw":
      return 8 * MiB;
    case "raw->qcow2":
      return 5 * MiB;
    case "gzip":
      return 8 * MiB;
    case "zstd":
      return USUAL;
    case "xz":
      return 32 * MiB;
    default:
      // Of conversions that qemu-img does, the pieces of the copy.
      return step.includes("->") ? 16 * MiB : 0;
  }
}
