// terraform's machine-readable stream as its readers know it (ui 1.2), with the additions of this program. Unknown keys are allowed by
// its rules; here they are not, so that what is written is what is meant.

type Schema = Readonly<Record<string, unknown>>;

const string = { type: "string" };
const text = { type: "string", minLength: 1 };
const count = { type: "integer", minimum: 0 };
const table = (required: Schema, optional: Schema = {}): Schema => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...optional },
});
const oneOf = (...values: readonly string[]): Schema => ({ type: "string", enum: values });

const resource = table({
  addr: { type: "string", pattern: '^image\\.[A-Za-z0-9._-]+\\["[A-Za-z0-9._-]+"\\]$' },
  module: { const: "" },
  resource: text,
  implied_provider: text,
  resource_type: { const: "image" },
  resource_name: text,
  resource_key: { type: ["string", "number", "null"] },
  address: { type: "string", pattern: "^[^/]+/[^/]+$" },
});
const action = oneOf("noop", "create", "read", "update", "replace", "delete", "move", "import", "remove");
const reason = oneOf(
  "tainted",
  "requested",
  "cannot_update",
  "delete_because_no_resource_config",
  "read_because_unknown",
);
const identity = { id_key: { const: "id" }, id_value: string };
const elapsed = { elapsed_seconds: count };
const phase = oneOf("download", "verify", "convert", "upload", "import", "wait", "delete");
const moved = { phase, attempt: { type: "integer", minimum: 1 } };
const far = { bytes: count, total_bytes: count, done: count, total: count };
const speed = { ...far, rate_bps: count, eta_seconds: count, waiting_for: text };

const position = table({ line: { type: "integer", minimum: 1 }, column: { type: "integer", minimum: 1 }, byte: count });
export const diagnostic = table(
  {
    severity: oneOf("error", "warning"),
    summary: text,
    detail: string,
    code: { type: "string", pattern: "^[a-z]+\\.[a-z_-]+$" },
  },
  {
    hint: text,
    address: text,
    range: table({ filename: text, start: position, end: position }),
    snippet: table({
      context: { type: ["string", "null"] },
      code: string,
      start_line: { type: "integer", minimum: 1 },
      highlight_start_offset: count,
      highlight_end_offset: count,
      values: { type: "array", items: table({ traversal: string, statement: string }) },
    }),
  },
);

const transfer = table({ how: oneOf("upload", "pull", "none") }, { bytes: count, unverified: text });
const verification = table(
  { content: { type: "object", required: ["where"] }, why: text, how: oneOf("download", "read") },
  { bytes: count },
);
const change = table(
  { resource, action },
  {
    previous_resource: resource,
    reason,
    importing: table({ id: string }),
    transfer,
    verification,
    unless_same: { const: true },
  },
);
const counts = { add: count, change: count, import: count, remove: count, forget: count };
const cost = { type: "object" };

const hook = (required: Schema, optional: Schema = {}): Schema => ({
  hook: table({ resource, ...required }, optional),
});

/** What each type of line holds besides the envelope. */
const payloads: Readonly<Record<string, readonly [required: Schema, optional?: Schema]>> = {
  version: [{ images: text, ui: { const: "1.2" } }],
  log: [{}, { run: text, address: text }],
  diagnostic: [{ diagnostic }],
  refresh_start: [hook({}, identity)],
  refresh_complete: [hook({}, identity)],
  resource_drift: [{ change: table({ resource, action: oneOf("update", "delete") }) }],
  planned_change: [{ change }],
  change_summary: [
    {
      changes: {
        oneOf: [
          table({ ...counts, operation: { const: "plan" }, blocked: count, verify: count }),
          table({
            ...counts,
            operation: oneOf("apply", "destroy"),
            failed: count,
            stopped: count,
            skipped: count,
            verify: count,
            outcome: oneOf("succeeded", "failed", "interrupted"),
          }),
        ],
      },
    },
    { cost },
  ],
  apply_start: [hook({ action }, identity)],
  apply_progress: [hook({ action, ...elapsed }, { ...moved, ...speed })],
  apply_complete: [hook({ action, ...elapsed }, identity)],
  apply_errored: [hook({ action, ...elapsed })],
  transfer_start: [hook(moved, far)],
  transfer_progress: [hook(moved, speed)],
  transfer_complete: [
    hook({ ...moved, ...elapsed }, { ...far, sha256: { type: "string", pattern: "^[0-9a-f]{64}$" }, digest: text }),
  ],
  backend_status: [
    {
      backend_status: table({
        backend: text,
        status: { const: "failed" },
        addresses: { type: "array", items: string },
      }),
    },
  ],
};

const envelope = (type: string): Schema => ({
  "@level": oneOf("info", "warn", "error"),
  "@message": text,
  "@module": { const: "images.ui" },
  "@timestamp": { type: "string", format: "date-time", pattern: "\\.\\d{6}(Z|[+-]\\d\\d:\\d\\d)$" },
  type: { const: type },
});

export const TYPES = Object.keys(payloads);
/** One line of the stream. */
export const line: Schema = {
  type: "object",
  required: ["type"],
  oneOf: Object.entries(payloads).map(([type, [required, optional]]) =>
    table({ ...envelope(type), ...required }, optional),
  ),
};
