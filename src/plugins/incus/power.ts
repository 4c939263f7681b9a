import { Failure } from "images";
import type { Instances } from "./instances.ts";
import type { OperationContext } from "./operations.ts";
import type { InstanceAnswer } from "./wire.ts";

// Instances that are stopped for their publication and started again. What they were stands on the instance itself meanwhile, so that a
// run that comes after a killed one finds it.

/** The key of an instance's configuration. */
const RESTART = "user.images.restart";

/** An instance that is not stopped cannot be published. */
export const isUp = ({ status }: InstanceAnswer): boolean => status !== undefined && !/^stopped$/i.test(status);
export const running = (name: string, { status = "" }: InstanceAnswer) => ({
  text: `the instance ${name} is ${status.toLowerCase()}; only a stopped instance can be published`,
  hint: "stop it, publish a snapshot of it (source_instance.snapshot), or set force = true to stop it and start it again",
});

/** What an instance is to be again after its publication; undefined: stopped, as it is. */
type Power = "running" | "ephemeral";
export function powerOf(found: InstanceAnswer): Power | undefined {
  const before = found.config?.[RESTART];
  if (before) return before === "ephemeral" ? "ephemeral" : "running";
  if (!isUp(found)) return undefined;
  return found.ephemeral === true ? "ephemeral" : "running";
}

/** An ephemeral instance is deleted when it is stopped. */
export const noted = (power: Power) => ({
  config: { [RESTART]: power },
  ...(power === "ephemeral" ? { ephemeral: false } : {}),
});

/**
 * Starts an instance that was stopped for its publication, as it was before: by what this run knows, else by what stands on it. False: it
 * was not.
 * @throws Failure backend.refused
 */
export async function restarted(
  instances: Instances,
  name: string,
  context: OperationContext,
  known?: Power,
): Promise<boolean> {
  const now = await instances.find(name, undefined, context.signal);
  const power = known ?? (now?.config?.[RESTART] ? powerOf(now) : undefined);
  if (now === undefined || power === undefined) return false;
  try {
    if (!isUp(now)) await instances.set(name, "start", context);
    const ephemeral = power === "ephemeral" ? { ephemeral: true } : {};
    await instances.set(name, { config: { [RESTART]: "" }, ...ephemeral }, context);
    return true;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `the instance ${name} was stopped for its image and does not start again: ${why}`;
    throw new Failure("backend.refused", text, { hint: `incus start ${name}, or apply again`, cause });
  }
}
