import { REPLACE_ORDERS } from "../../core/model/declaration.ts";
import type {
  Action,
  Basis,
  Change,
  Cost,
  Deletion,
  Drift,
  Plan,
  Shown,
  Step,
  Transfer,
  Verification,
} from "../../core/model/plan.ts";
import type { Retained } from "../../core/model/state.ts";
import { isTable } from "../../core/model/value.ts";
import { addressRule, attributesRule, contentRule, valueRule } from "../../core/store/rules.ts";
import { count, listOf, mapOf, oneOf, type Rule, table, text, within, wrong } from "../../core/store/shape.ts";

// What model/plan.ts promises of a plan, checked where one comes out of a file: everything, and nothing beside it. `apply` trusts it.

type OptionalKeys<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? K : never }[keyof T];
type Must<T> = { readonly [K in Exclude<keyof T, OptionalKeys<T>>]-?: Rule };
type May<T> = { readonly [K in OptionalKeys<T>]-?: Rule };

/** A table with exactly the fields of `T`: a field that is added to the type has to be added here, or nothing compiles. */
const shapeOf = <T>(must: Must<T>, may: May<T>): Rule => table(must, may);

/** Deep enough for any attribute, and far from where recursion ends. */
const DEPTH = 48;
const name: Rule = (value) => (value === "__proto__" ? wrong("not a name") : undefined);
const value = valueRule(DEPTH, name);
const attributes = attributesRule(DEPTH, name);
const address = addressRule;
const filled: Rule = (found) => text(found) ?? (found === "" ? wrong("expected some text") : undefined);
const time: Rule = (found) =>
  typeof found === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(found) && !Number.isNaN(Date.parse(found))
    ? undefined
    : wrong("expected a time");
const code: Rule = (found) =>
  typeof found === "string" && /^[a-z]+\.[a-z_-]+$/.test(found) ? undefined : wrong("expected AREA.CODE");

const content = contentRule;

/** One of several shapes, distinguished by the text at `key`. */
const byKey =
  (key: string, rules: Readonly<Record<string, Rule>>): Rule =>
  (found) => {
    if (!isTable(found)) return wrong("expected a table");
    const kind = found[key];
    const rule = typeof kind === "string" && Object.hasOwn(rules, kind) ? rules[kind] : undefined;
    return rule === undefined ? within(key, oneOf(Object.keys(rules))(kind) ?? wrong("unknown")) : rule(found);
  };

const shown = byKey("kind", {
  value: shapeOf<Extract<Shown, { kind: "value" }>>({ kind: text, value }, {}),
  sensitive: shapeOf<Extract<Shown, { kind: "sensitive" }>>({ kind: text }, {}),
  later: shapeOf<Extract<Shown, { kind: "later" }>>({ kind: text }, {}),
} satisfies Record<Shown["kind"], Rule>);

const forces = oneOf(["update", "replace"]);
const change = byKey("kind", {
  add: shapeOf<Extract<Change, { kind: "add" }>>({ kind: text, name: filled, after: shown, forces }, {}),
  remove: shapeOf<Extract<Change, { kind: "remove" }>>({ kind: text, name: filled, before: shown, forces }, {}),
  edit: shapeOf<Extract<Change, { kind: "edit" }>>(
    { kind: text, name: filled, before: shown, after: shown, forces },
    {},
  ),
} satisfies Record<Change["kind"], Rule>);
const changes = listOf(change);

const transfer = shapeOf<Transfer>({ how: oneOf(["upload", "pull", "none"]) }, { bytes: count, unverified: text });
const making = shapeOf<Extract<Step, { action: "create" }>["making"]>({ transfer }, { content });

type Of<A extends Action> = Extract<Step, { action: A }>;
const common = { address, action: text };
const deletion = shapeOf<Deletion>(
  { id: filled, why: oneOf(["removed", "replaced", "superseded", "leftover"]) },
  { owns: listOf(filled) },
);
const retained = shapeOf<Retained>(
  { id: filled, content, replaced: time, status: oneOf(["kept", "hide", "deactivate"]) },
  {},
);
const more = {
  previous: address,
  after: listOf(address),
  leftovers: listOf(filled),
  deletes: listOf(deletion),
  carries: changes,
  loses: listOf(filled),
};
const yes: Rule = (found) => (found === true ? undefined : wrong("expected true"));
const verifies = shapeOf<Verification>({ content, why: filled, how: oneOf(["download", "read"]) }, { bytes: count });
const leaving = ["undeclared", "destroy", "absent"];
const step = byKey("action", {
  keep: shapeOf<Of<"keep">>({ ...common, id: filled }, { ...more, content }),
  create: shapeOf<Of<"create">>(
    { ...common, changes, because: oneOf(["declared", "vanished", "unfinished"]), making },
    more,
  ),
  adopt: shapeOf<Of<"adopt">>(
    { ...common, id: filled, changes, because: oneOf(["mark", "import", "adopt"]) },
    {
      ...more,
      content,
      hold: yes,
      kept: listOf(retained),
      uncompared: text,
    },
  ),
  update: shapeOf<Of<"update">>({ ...common, id: filled, changes }, { ...more, content, verifies }),
  verify: shapeOf<Of<"verify">>({ ...common, id: filled, verifies }, more),
  replace: shapeOf<Of<"replace">>(
    { ...common, id: filled, changes, because: listOf(filled), order: oneOf(REPLACE_ORDERS), making },
    { ...more, unlessSame: yes },
  ),
  delete: shapeOf<Of<"delete">>({ ...common, id: filled, because: oneOf([...leaving, "removed"]) }, more),
  retire: shapeOf<Of<"retire">>(
    { ...common, id: filled, how: oneOf(["hide", "deactivate"]), because: oneOf(leaving) },
    more,
  ),
  forget: shapeOf<Of<"forget">>({ ...common, because: oneOf(["vanished", "removed", "on_remove"]) }, more),
  block: shapeOf<Of<"block">>(
    {
      ...common,
      because: oneOf(["foreign", "refused", "protected", "limits", "missing", "policy", "source"]),
      text,
    },
    { ...more, hint: text },
  ),
} satisfies Record<Action, Rule>);

const drift = byKey("kind", {
  changed: shapeOf<Extract<Drift, { kind: "changed" }>>({ kind: text, address, id: filled, changes }, {}),
  vanished: shapeOf<Extract<Drift, { kind: "vanished" }>>({ kind: text, address, id: filled }, {}),
} satisfies Record<Drift["kind"], Rule>);

const cost = shapeOf<Cost>(
  {
    uploads: count,
    uploadBytes: count,
    unknown: count,
    pulls: count,
    unverified: listOf(address),
    downloads: count,
    downloadBytes: count,
  },
  {},
);

const basis = shapeOf<Basis>({}, { id: filled, have: attributes, want: attributes, content });

const plan = shapeOf<Plan>(
  {
    version: (found) => (found === 1 ? undefined : wrong("expected 1")),
    mode: oneOf(["normal", "destroy", "refresh-only"]),
    made: time,
    basis: shapeOf<Plan["basis"]>({ lineage: text, serial: count, config: text }, {}),
    steps: listOf(step),
    drift: listOf(drift),
    cost,
    observed: mapOf(address, () => basis),
    outages: listOf(
      shapeOf<Plan["outages"][number]>(
        { backend: filled, code, message: text, addresses: listOf(address) },
        { hint: text },
      ),
    ),
    warnings: listOf(text),
  },
  {},
);

/** What is wrong with a plan, and where in it: `.steps[3].id: expected some text`; undefined when it is one. */
export function planFault(found: unknown): string | undefined {
  const fault = plan(found);
  if (fault === undefined) return twice(found);
  const path = fault.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return `${path}: ${fault.message}`;
}

export const isPlan = (found: unknown): found is Plan => planFault(found) === undefined;

/** Two steps for one address would be carried out at once. */
function twice(found: unknown): string | undefined {
  if (!isTable(found) || !Array.isArray(found["steps"])) return ".steps: expected a list";
  const seen = new Set<string>();
  for (const one of found["steps"]) {
    const at = isTable(one) ? String(one["address"]) : "";
    if (seen.has(at)) return `.steps: ${at} has two of them`;
    seen.add(at);
  }
  return undefined;
}
