import { type Address, backendOf, imageOf } from "../../core/model/name.ts";
import type { Action, Step } from "../../core/model/plan.ts";

/** The name of the plugin behind a backend, where the caller knows it. */
export type PluginOf = (backend: string) => string | undefined;

/** An address as terraform would write it: an `image` resource for each declaration, with the backend as its key. */
export const addr = (address: Address): string => `image.${imageOf(address)}[${JSON.stringify(backendOf(address))}]`;

/** A plugin's name; of a plugin file the name of the file. */
export const pluginName = (plugin: string): string =>
  plugin.includes("/") ? (plugin.split("/").at(-1) ?? plugin).replace(/\.[cm]?[jt]s$/, "") : plugin;

/** terraform's resource object, with our own address besides. */
interface ResourceObject {
  readonly addr: string;
  readonly module: "";
  readonly resource: string;
  readonly implied_provider: string;
  readonly resource_type: "image";
  readonly resource_name: string;
  readonly resource_key: string;
  readonly address: Address;
}

export const resourceObject = (address: Address, plugin: PluginOf): ResourceObject => ({
  addr: addr(address),
  module: "",
  resource: addr(address),
  implied_provider: pluginName(plugin(backendOf(address)) ?? "images"),
  resource_type: "image",
  resource_name: imageOf(address),
  resource_key: backendOf(address),
  address,
});

/** The word of terraform's stream for an action. */
type StreamAction = "noop" | "create" | "update" | "replace" | "delete" | "move" | "import" | "remove" | "read";

const STREAM: Readonly<Record<Action, StreamAction>> = {
  create: "create",
  adopt: "import",
  update: "update",
  replace: "replace",
  delete: "delete",
  retire: "remove",
  forget: "remove",
  verify: "read",
  keep: "move",
  block: "noop",
};
export const streamAction = (action: Action): StreamAction => STREAM[action];
export const plannedAction = (step: Step): StreamAction => {
  if (step.action === "adopt" && step.changes.length > 0) return "update";
  return step.action === "keep" && step.previous === undefined ? "noop" : STREAM[step.action];
};

/** The actions of terraform's plan file, exactly as its readers know them. */
type FileActions =
  | readonly ["read"]
  | readonly ["no-op"]
  | readonly ["create"]
  | readonly ["update"]
  | readonly ["delete"]
  | readonly ["forget"]
  | readonly ["delete", "create"]
  | readonly ["create", "delete"];

export function fileActions(step: Step): FileActions {
  switch (step.action) {
    case "create":
    case "update":
    case "delete":
      return [step.action];
    case "adopt":
      return step.changes.length > 0 ? ["update"] : ["no-op"];
    case "replace":
      return step.order === "create-first" ? ["create", "delete"] : ["delete", "create"];
    case "retire":
    case "forget":
      return ["forget"];
    case "verify":
      return ["read"];
    case "keep":
    case "block":
      return ["no-op"];
    default:
      return step satisfies never;
  }
}

/** Why, in the words of the stream; the plan file has longer ones for the two that concern a replacement. */
export function reasonOf(
  step: Step,
): "requested" | "cannot_update" | "delete_because_no_resource_config" | "read_because_unknown" | undefined {
  if (step.action === "verify") return "read_because_unknown";
  if (step.action === "replace")
    return step.because.every((why) => why === "requested") ? "requested" : "cannot_update";
  return step.action === "delete" && step.because === "undeclared" ? "delete_because_no_resource_config" : undefined;
}

export function fileReasonOf(step: Step): string | undefined {
  const reason = reasonOf(step);
  if (reason === "requested") return "replace_by_request";
  return reason === "cannot_update" ? "replace_because_cannot_update" : reason;
}
