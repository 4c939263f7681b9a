import { createHash } from "node:crypto";
import { Failure } from "../../core/failure.ts";
import { parseAddress } from "../../core/model/name.ts";
import { isPending, type Plan } from "../../core/model/plan.ts";
import type { State } from "../../core/model/state.ts";
import { canonical, isTable } from "../../core/model/value.ts";
import { repeatedKey } from "../../core/store/locate.ts";
import { isPlan, planFault } from "./planrules.ts";
import { addr } from "./resource.ts";
import { changesOf } from "./step.ts";
import {
  configuration,
  deposedChanges,
  driftChange,
  type PlanContents,
  type PlanFileSources,
  planContents,
  plannedValues,
  resourceChange,
  sensitiveOf,
  stateValues,
} from "./terraform.ts";

/** The version of the `images` object in a plan file. */
const PLAN_VERSION = 1;
/** Deeper than any plan; the file is looked at without recursion until this is known. */
const DEEPEST = 64;

/**
 * A plan as JSON: the shape of `terraform show -json`, for tools that read plans, with an `images` object beside it that holds the plan
 * itself, for `apply`. No sensitive value is in either.
 */
export function toPlanFile(plan: Plan, shelf: PlanFileSources, redact = (text: string): string => text): object {
  const file: unknown = JSON.parse(redact(JSON.stringify(documentOf(plan, shelf))));
  const images: unknown = isTable(file) ? file["images"] : undefined;
  if (!isTable(file) || !isTable(images)) throw new Error("the plan file has no images object");
  return { ...file, images: { ...images, digest: digestOf(file) } };
}

function documentOf(plan: Plan, shelf: PlanFileSources): object {
  const { version, state } = shelf;
  const { steps } = plan;
  const context = planContents(shelf);
  const drifted = plan.drift.flatMap((drift) =>
    drift.kind === "changed"
      ? [{ resource: addr(drift.address), attribute: drift.changes.map(({ name }) => name) }]
      : [],
  );
  const blocked = steps.flatMap((step) => (step.action === "block" ? [step] : []));
  const isErrored = plan.outages.length > 0 || blocked.length > 0;
  const hasWork = steps.some((step) => isPending(step) && step.action !== "block");
  return {
    format_version: "1.2",
    terraform_version: version,
    variables: {},
    planned_values: plannedValues(plan, context),
    resource_drift: plan.drift.map((drift) => driftChange(drift, context)),
    resource_changes: steps.flatMap((step) => [resourceChange(step, plan, context), ...deposedChanges(step, context)]),
    output_changes: {},
    prior_state:
      state === undefined
        ? { format_version: "1.0", terraform_version: version, values: { outputs: {}, root_module: {} } }
        : stateValues(state, context),
    configuration: configuration(context),
    relevant_attributes: drifted,
    timestamp: plan.made,
    applyable: !isErrored && (hasWork || (plan.mode === "refresh-only" && plan.drift.length > 0)),
    complete: !isErrored,
    errored: isErrored,
    images: {
      ...imagesOf(withoutSecrets(plan, context), version),
      blocked: blocked.map(({ address, because, text, hint }) => ({ address, because, text, hint })),
    },
  };
}

/** The state in the shape of `terraform show -json`. */
export const toStateFile = (state: State, version: string): object =>
  stateValues(state, planContents({ version, state }));

function imagesOf(plan: Plan, version: string): object {
  const making = plan.steps.flatMap((step) => ("making" in step ? [[step.address, step.making] as const] : []));
  return {
    plan_version: PLAN_VERSION,
    version,
    config_digest: plan.basis.config,
    state_lineage: plan.basis.lineage,
    state_serial: plan.basis.serial,
    sources: Object.fromEntries(making.flatMap(([at, { content }]) => (content === undefined ? [] : [[at, content]]))),
    transfers: Object.fromEntries(making.map(([at, { transfer }]) => [at, transfer])),
    plan,
  };
}

/** The sha256 of the whole document without `images.digest`, so that no part of a reviewed plan can be edited. */
export function digestOf(file: Readonly<Record<string, unknown>>): string {
  const images: unknown = file["images"];
  const { digest: _, ...body } = isTable(images) ? images : {};
  const whole = canonical({ ...file, images: body });
  return `sha256:${createHash("sha256").update(whole).digest("hex")}`;
}

function withoutSecrets(plan: Plan, context: PlanContents): Plan {
  const changes = new Map(plan.steps.map((step) => [step.address, changesOf(step)]));
  const observed = Object.entries(plan.observed).map(([at, { have, want, ...rest }]) => {
    const address = parseAddress(at);
    const hidden =
      address === undefined ? new Set<string>() : sensitiveOf(address, changes.get(address) ?? [], context);
    const open = (values: NonNullable<typeof have>) =>
      Object.fromEntries(Object.entries(values).filter(([name]) => !hidden.has(name)));
    const kept = {
      ...(have === undefined ? {} : { have: open(have) }),
      ...(want === undefined ? {} : { want: open(want) }),
    };
    return [at, { ...rest, ...kept }];
  });
  return { ...plan, observed: Object.fromEntries(observed) };
}

const refuse = (message: string, hint = "make a new plan: images plan --out FILE", cause?: unknown): never => {
  throw new Failure("plan.file", message, { hint, cause });
};

/** The plan in a file that `images plan --out` wrote. @throws Failure plan.file for anything else, however broken */
export function fromPlanFile(text: string): Plan {
  const file = parse(text);
  if (!isTable(file)) return refuse("not a plan: expected a table");
  const images: unknown = file["images"];
  if (!isTable(images)) {
    return typeof file["format_version"] === "string"
      ? refuse("this plan was made by another tool: it has no `images` object")
      : refuse("not a plan: it has no `images` object");
  }
  const version: unknown = images["plan_version"];
  if (typeof version === "number" && version > PLAN_VERSION)
    return refuse(
      `this plan was written by a newer version of images (plan_version ${version})`,
      "update images, or plan again with this one",
    );
  if (version !== PLAN_VERSION) return refuse("not a plan: images.plan_version is not known");
  if (isTooDeep(file)) return refuse("not a plan: it is nested too deeply");
  const repeated = repeatedKey(text);
  if (repeated !== undefined)
    return refuse(
      `the plan file was edited: ${repeated} is in it more than once`,
      "saved plans cannot be edited; plan again",
    );
  if (images["digest"] !== digestOf(file))
    return refuse(
      "the plan file was edited: its digest does not match its contents",
      "saved plans cannot be edited; plan again",
    );
  const plan: unknown = images["plan"];
  const fault = planFault(plan);
  if (fault !== undefined || !isPlan(plan)) return refuse(`not a plan: images.plan${fault ?? ""}`);
  return plan;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return refuse("not a plan: it is not JSON", undefined, cause);
  }
}

function isTooDeep(root: object): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}
