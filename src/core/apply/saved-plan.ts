import { Failure, type Problem } from "../failure.ts";
import { type Address, addressesOf, backendOf } from "../model/name.ts";
import type { Plan } from "../model/plan.ts";
import { isSame } from "../model/value.ts";
import { everything } from "../plan/context.ts";
import { makePlan } from "../plan/planner.ts";
import { compareContent } from "../source/content.ts";
import { ended } from "../stream.ts";
import type { ApplyContext } from "./context.ts";

/**
 * Whether a saved plan still stands: the state, the file, the source bytes and the images are what they were when it was made.
 * @throws Failure plan.stale with everything that has moved
 */
export async function verifySavedPlan(plan: Plan, run: ApplyContext): Promise<void> {
  const moved: Problem[] = [];
  const say = (message: string) => moved.push({ code: "plan.stale", message });
  const { lineage, serial, config } = plan.basis;
  const isNew = serial === 0 && run.state.serial === 0;
  if (lineage !== run.state.lineage && !isNew) {
    say(
      serial === 0
        ? "the state has changed: there was none when the plan was made"
        : "the state is a different one (its lineage differs)",
    );
  } else if (serial !== run.state.serial)
    say(`the state has changed: expected serial ${serial}, got ${run.state.serial}`);
  if (config !== run.config.digest) say("images.toml, or a variable in it, has changed");
  if (moved.length === 0) for (const text of await differences(plan, run)) say(text);
  if (moved.length === 0) return;
  throw new Failure("plan.stale", "the saved plan is stale", { problems: moved, hint: "plan again" });
}

/** What the backends and sources show now against what the plan saw. */
async function differences(plan: Plan, run: ApplyContext): Promise<string[]> {
  const addresses = addressesOf(plan.observed);
  const unknown = addresses.find((address) => !run.plugins.has(backendOf(address)));
  if (unknown !== undefined) return [`the backend of ${unknown} is no longer in the file`];
  if (addresses.length === 0) return [];
  const replace = plan.steps.flatMap((step) =>
    step.action === "replace" && step.because.includes("requested") ? [step.address] : [],
  );
  const adopt = plan.steps.some((step) => step.action === "adopt" && step.because === "adopt");
  const now = await ended(makePlan(run, { ...everything, mode: plan.mode, targets: addresses, replace, adopt }));
  const outages = now.outages.map(({ backend, message }) => `${backend} cannot be read: ${message}`);
  return [...outages, ...addresses.flatMap((address) => difference(address, plan, now))];
}

function difference(address: Address, before: Plan, now: Plan): string[] {
  const [was, is] = [before.observed[address], now.observed[address]];
  if (is === undefined) return [`${address}: the image is already as planned`];
  if (was === undefined) return [];
  if (was.id !== is.id) return [`${address}: the image was ${was.id ?? "not there"}, and is ${is.id ?? "gone"} now`];
  if (!isSame(was.have, is.have)) return [`${address}: the image was changed outside of images: ${was.id ?? ""}`];
  if (
    was.content !== undefined &&
    is.content !== undefined &&
    compareContent(was.content, is.content).kind === "changed"
  ) {
    return [`${address}: the source bytes have changed since the plan (${is.content.where})`];
  }
  return [];
}
