// The shape of `terraform show -json PLAN`, format 1.2, as tools that read plans expect it.

type Schema = Readonly<Record<string, unknown>>;

const string = { type: "string" };
const object = { type: "object" };
const table = (required: Schema, optional: Schema = {}): Schema => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...optional },
});
const list = (items: Schema): Schema => ({ type: "array", items });
const valueOrNull = { type: ["object", "null"] };
const marks = { anyOf: [{ const: false }, { type: "object", additionalProperties: { const: true } }] };
const address = { type: "string", pattern: '^image\\.[A-Za-z0-9._-]+\\["[A-Za-z0-9._-]+"\\]$' };

const identity = {
  address,
  mode: { enum: ["managed", "data"] },
  type: { const: "image" },
  name: string,
  index: { type: ["string", "number"] },
  provider_name: string,
};
const actions = {
  enum: [
    ["no-op"],
    ["create"],
    ["read"],
    ["update"],
    ["delete", "create"],
    ["create", "delete"],
    ["delete"],
    ["forget"],
  ],
};
const reasons = {
  enum: [
    "replace_because_cannot_update",
    "replace_because_tainted",
    "replace_by_request",
    "delete_because_no_resource_config",
    "delete_because_superseded",
    "delete_because_leftover",
    "delete_because_owned",
    "read_because_unknown",
  ],
};
const change = table(
  {
    actions,
    before: valueOrNull,
    after: valueOrNull,
    after_unknown: object,
    before_sensitive: marks,
    after_sensitive: marks,
  },
  { replace_paths: list(list({ type: ["string", "number"] })), importing: table({ id: string }) },
);
const resourceChange = table(
  { ...identity, change },
  {
    previous_address: address,
    action_reason: reasons,
    deposed: string,
    verification: { type: "object", required: ["content", "why", "how"] },
    unless_same: { const: true },
    lost: { type: "array", items: string },
  },
);
const resource = table({ ...identity, schema_version: { type: "integer" }, values: object, sensitive_values: object });
const values = table({ outputs: object, root_module: table({}, { resources: list(resource) }) });

export const planFile = table({
  format_version: { const: "1.2" },
  terraform_version: string,
  variables: object,
  planned_values: values,
  resource_drift: list(resourceChange),
  resource_changes: list(resourceChange),
  output_changes: object,
  prior_state: table({ format_version: { const: "1.0" }, terraform_version: string, values }),
  configuration: table({ root_module: object }, { provider_config: object }),
  relevant_attributes: list(table({ resource: address, attribute: list({ type: ["string", "number"] }) })),
  timestamp: { type: "string", format: "date-time" },
  applyable: { type: "boolean" },
  complete: { type: "boolean" },
  errored: { type: "boolean" },
  images: table({
    plan_version: { const: 1 },
    version: string,
    config_digest: string,
    state_lineage: string,
    state_serial: { type: "integer" },
    sources: object,
    transfers: object,
    plan: object,
    blocked: { type: "array", items: object },
    digest: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
  }),
});
