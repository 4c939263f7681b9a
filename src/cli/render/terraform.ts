import type { Config } from "../../core/model/declaration.ts";
import { type Address, backendOf, imageOf, parseAddress } from "../../core/model/name.ts";
import type { Change, Drift, Plan, Step } from "../../core/model/plan.ts";
import type { State } from "../../core/model/state.ts";
import type { Attributes, Value } from "../../core/model/value.ts";
import { withCarried } from "../../core/plan/additions.ts";
import { addr, fileActions, fileReasonOf, pluginName } from "./resource.ts";
import { changesOf, verificationOf } from "./step.ts";

// terraform's shape of plans and states, `terraform show -json`, format 1.2 and 1.0.

/** What a plan is shown with, besides itself. */
export interface PlanFileSources {
  readonly version: string;
  readonly config?: Config | undefined;
  readonly state?: State | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** The same, looked up once for all addresses. */
export interface PlanContents {
  readonly version: string;
  readonly config: Config | undefined;
  readonly state: State | undefined;
  readonly plugins: ReadonlyMap<string, string>;
  /** Attributes that are declared by a reference to a secret. */
  readonly references: ReadonlyMap<Address, readonly string[]>;
}

export function planContents({ version, config, state }: PlanFileSources): PlanContents {
  const isReference = (value: Value) => typeof value === "string" && /^(env|file|cmd):/.test(value);
  const references = (config?.resources ?? []).map(({ address, want }) => {
    const names = Object.entries(want).filter(([, value]) => isReference(value));
    return [address, names.map(([name]) => name)] as const;
  });
  const known = Object.entries(state?.images ?? {}).map(([, { backend, plugin }]) => [backend, plugin] as const);
  const declared = (config?.backends ?? []).map(({ name, plugin }) => [name, plugin] as const);
  return { version, config, state, plugins: new Map([...known, ...declared]), references: new Map(references) };
}

const identity = (address: Address, { plugins }: PlanContents): Json => ({
  address: addr(address),
  mode: "managed",
  type: "image",
  name: imageOf(address),
  index: backendOf(address),
  provider_name: `images/${pluginName(plugins.get(backendOf(address)) ?? "unknown")}`,
});

const marks = (names: Iterable<string>): Json => Object.fromEntries([...names].map((name) => [name, true]));
const without = (values: Attributes, names: ReadonlySet<string>): Attributes =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !names.has(name)));

/** Attributes whose values nobody may see: shown as such by a change, or declared by reference. */
export function sensitiveOf(address: Address, changes: readonly Change[], of: PlanContents): ReadonlySet<string> {
  const isHidden = (change: Change) =>
    ("before" in change && change.before.kind === "sensitive") ||
    ("after" in change && change.after.kind === "sensitive");
  return new Set([...changes.filter(isHidden).map(({ name }) => name), ...(of.references.get(address) ?? [])]);
}

function valuesOf(changes: readonly Change[], side: "before" | "after"): Record<string, Value> {
  const found: Record<string, Value> = {};
  for (const change of changes) {
    const shown =
      side === "before"
        ? "before" in change
          ? change.before
          : undefined
        : "after" in change
          ? change.after
          : undefined;
    if (shown?.kind === "value") found[change.name] = shown.value;
  }
  return found;
}

/** The two sides of a change, without what is sensitive and what only the backend will tell. */
function sides(
  step: Step,
  plan: Plan,
  { state }: PlanContents,
): { readonly before: Attributes | null; readonly after: Attributes | null } {
  const changes = changesOf(step);
  const row = state?.images[step.previous ?? step.address];
  const basis = plan.observed[step.address];
  const had = basis?.have ?? (row !== undefined && "have" in row ? row.have : undefined);
  const before = step.action === "create" ? null : { ...had, ...valuesOf(changes, "before") };
  const gone = changes.filter(({ kind }) => kind === "remove").map(({ name }) => name);
  switch (step.action) {
    case "create":
    case "replace":
      return {
        before,
        after: withCarried({ ...basis?.want, ...valuesOf(changes, "after") }, valuesOf(step.carries ?? [], "after")),
      };
    case "adopt":
    case "update":
      return { before, after: { ...without(before ?? {}, new Set(gone)), ...valuesOf(changes, "after") } };
    case "keep":
    case "verify":
    case "block":
      return { before, after: before };
    case "delete":
    case "retire":
    case "forget":
      return { before, after: null };
    default:
      return step satisfies never;
  }
}

/** One entry of `resource_changes`. */
export function resourceChange(step: Step, plan: Plan, context: PlanContents): Json {
  const changes = changesOf(step);
  const hidden = sensitiveOf(step.address, changes, context);
  const { before, after } = sides(step, plan, context);
  const later = changes.filter((change) => "after" in change && change.after.kind === "later").map(({ name }) => name);
  const replacing = changes.filter(({ forces }) => forces === "replace").map(({ name }) => [name]);
  const reason = fileReasonOf(step);
  return {
    ...identity(step.address, context),
    ...(step.previous === undefined ? {} : { previous_address: addr(step.previous) }),
    change: {
      actions: fileActions(step),
      before: before === null ? null : without(before, hidden),
      after: after === null ? null : without(after, hidden),
      after_unknown: marks(later),
      before_sensitive: before === null ? false : marks(hidden),
      after_sensitive: after === null ? false : marks(hidden),
      ...(step.action === "replace" && replacing.length > 0 ? { replace_paths: replacing } : {}),
      ...(step.action === "adopt" ? { importing: { id: step.id } } : {}),
    },
    ...(reason === undefined ? {} : { action_reason: reason }),
    ...(verificationOf(step) === undefined ? {} : { verification: verificationOf(step) }),
    ...("unlessSame" in step ? { unless_same: true } : {}),
    ...(step.loses === undefined ? {} : { lost: step.loses }),
  };
}

/** Further entries of `resource_changes`: what a step deletes besides, as terraform has deposed objects. */
export function deposedChanges(step: Step, context: PlanContents): Json[] {
  const isNamed = (id: string) => (step.action === "delete" || step.action === "replace") && step.id === id;
  const deposed = (id: string, reason: string): Json => ({
    ...identity(step.address, context),
    deposed: id,
    change: {
      actions: ["delete"],
      before: { id },
      after: null,
      after_unknown: {},
      before_sensitive: {},
      after_sensitive: false,
    },
    action_reason: `delete_because_${reason}`,
  });
  return (step.deletes ?? []).flatMap(({ id, why, owns = [] }) => [
    ...(isNamed(id) ? [] : [deposed(id, why === "superseded" ? "superseded" : "leftover")]),
    ...owns.map((one) => deposed(one, "owned")),
  ]);
}

/** One entry of `resource_drift`. */
export function driftChange(drift: Drift, context: PlanContents): Json {
  const changes = drift.kind === "changed" ? drift.changes : [];
  const hidden = sensitiveOf(drift.address, changes, context);
  const row = context.state?.images[drift.address];
  const known = row !== undefined && "have" in row ? row.have : {};
  const before = without({ ...known, ...valuesOf(changes, "before") }, hidden);
  const gone = new Set(changes.filter(({ kind }) => kind === "remove").map(({ name }) => name));
  const after =
    drift.kind === "vanished" ? null : without({ ...without(before, gone), ...valuesOf(changes, "after") }, hidden);
  return {
    ...identity(drift.address, context),
    change: {
      actions: [drift.kind === "vanished" ? "delete" : "update"],
      before,
      after,
      after_unknown: {},
      before_sensitive: marks(hidden),
      after_sensitive: after === null ? false : marks(hidden),
    },
  };
}

/** `{root_module: {resources}}` of values by address. */
function valuesTree(values: readonly (readonly [Address, Attributes])[], context: PlanContents): Json {
  const resources = values.map(([address, found]) => {
    const hidden = sensitiveOf(address, [], context);
    return {
      ...identity(address, context),
      schema_version: 0,
      values: without(found, hidden),
      sensitive_values: marks(hidden),
    };
  });
  return { outputs: {}, root_module: { resources } };
}

/** What there will be after `apply`. */
export function plannedValues(plan: Plan, context: PlanContents): Json {
  const values = plan.steps.flatMap((step) => {
    const { after } = sides(step, plan, context);
    const hidden = sensitiveOf(step.address, changesOf(step), context);
    return after === null || (step.action === "block" && Object.keys(after).length === 0)
      ? []
      : [[step.address, without(after, hidden)] as const];
  });
  return valuesTree(values, context);
}

/** The state in the shape of `terraform show -json`. */
export function stateValues(state: State, context: PlanContents): Json {
  const values = Object.entries(state.images).flatMap(([at, row]) => {
    const address = parseAddress(at);
    return address === undefined || !("have" in row) ? [] : [[address, { ...row.have, id: row.id }] as const];
  });
  return { format_version: "1.0", terraform_version: context.version, values: valuesTree(values, context) };
}

/** What was declared: names of backends and plugins, and the attributes that are in the file; no settings. */
export function configuration(context: PlanContents): Json {
  const { config } = context;
  if (config === undefined) return { root_module: {} };
  const providers = config.backends.map(({ name, plugin }) => {
    const short = pluginName(plugin);
    return [name, { name: short, full_name: `images/${short}`, alias: name }];
  });
  const resources = config.resources.map(({ address, backend, want, written, references = {} }) => {
    const hidden = sensitiveOf(address, [], context);
    const shown = Object.entries(want).filter(([name]) => written.includes(name) && !hidden.has(name));
    return {
      address: addr(address),
      mode: "managed",
      type: "image",
      name: imageOf(address),
      provider_config_key: backend,
      expressions: Object.fromEntries([
        ...shown.map(([name, value]) => [name, { constant_value: value }]),
        ...Object.entries(references).map(([name, other]) => [name, { references: [addr(other)] }]),
      ]),
      schema_version: 0,
    };
  });
  return { provider_config: Object.fromEntries(providers), root_module: { resources } };
}
