import { meant } from "../model/check.ts";
import type { Lifecycle, Resource } from "../model/declaration.ts";
import { type Desired, type Schema, writable } from "../model/schema.ts";
import { seconds } from "../model/types.ts";
import type { Plugin } from "../plugin.ts";
import type { CheckContext } from "./context.ts";
import { checkTable, tableWith } from "./faults.ts";
import { IMAGE } from "./keys.ts";
import { nameIn } from "./naming.ts";
import type { NodeEntry, TableNode } from "./node.ts";
import type { Problems } from "./problems.ts";

export type Common = Desired<typeof IMAGE>;

/** Of most images nothing is said, so that thousands of them share one. */
const NOTHING: Common = {};
const USUAL: Lifecycle = { protect: false, onRemove: "delete", ignoreChanges: [], existing: false };

/** What becomes of an image over time, as far as the plugin can do it. */
export function lifecycleOf(
  common: Common,
  entries: ReadonlyMap<string, NodeEntry>,
  plugin: Plugin,
  problems: Problems,
): Lifecycle {
  const can = plugin.onRemove ?? ["delete", "forget"];
  if (common === NOTHING && can.includes("delete")) return USUAL;
  const onRemove = common.on_remove ?? "delete";
  const place = (key: string) => entries.get(key)?.value;
  const cannot = (key: string, what: string) =>
    problems.error("config.value", `${key}: ${plugin.name} cannot ${what} an image`, {
      at: place(key)?.at,
      hint: `it can ${can.join(", ")}`,
    });
  if (!can.includes(onRemove)) cannot("on_remove", onRemove);
  const { retain } = common;
  const then = retain?.then ?? "delete";
  if (retain !== undefined && !can.includes(then)) cannot("retain", then);
  const timeout = timeoutOf(common);
  const minAge = seconds(retain?.min_age);
  if (retain?.name !== undefined && !retain.name.includes("{version}"))
    problems.error("config.value", "retain: name needs {version}; otherwise all older versions have the same name", {
      at: place("retain")?.at,
      hint: 'name = "{name} ({version})"',
    });
  return {
    protect: common.protect ?? false,
    onRemove,
    ignoreChanges: ignored(common, plugin.image),
    existing: common.existing ?? false,
    ...(common.replace === undefined ? {} : { replace: common.replace }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(retain === undefined
      ? {}
      : { retain: { last: retain.last, then, ...(minAge === undefined ? {} : { minAge }), ...nameOf(retain) } }),
  };
}

const nameOf = ({ name }: { readonly name?: string }) => (name === undefined ? {} : { name });

function timeoutOf({ timeout, timeouts = {} }: Common): number | undefined {
  const several = Object.values(timeouts).flatMap((one) => seconds(one) ?? []);
  return seconds(timeout) ?? (several.length > 0 ? Math.max(...several) : undefined);
}

const ignored = ({ ignore_changes = [] }: Common, schema: Schema): string[] =>
  ignore_changes.flatMap((name) => (name === CONTENT ? name : (nameIn(schema, name) ?? [])));

/** The bytes themselves, as an attribute: what `ignore_changes` names beside the plugin's own. */
const CONTENT = "content";

/** Tells the names in `ignore_changes` that are no attribute of any of these plugins. */
export function checkIgnored(entry: NodeEntry | undefined, plugins: readonly Plugin[], problems: Problems): void {
  for (const item of entry?.value.kind === "list" ? entry.value.items : []) {
    if (
      item.kind !== "text" ||
      item.value === CONTENT ||
      plugins.some(({ image }) => nameIn(image, item.value) !== undefined)
    )
      continue;
    const message = `ignore_changes: there is no attribute ${JSON.stringify(item.value)}`;
    const right = new Set([CONTENT, ...plugins.flatMap(({ image }) => writable(image).map(([name]) => name))]);
    problems.error("config.value", message, { at: item.at, ...meant(item.value, [...right]) });
  }
}

/** A plugin with an attribute `state` of its own says which other states there are. */
export function stateOf(
  common: Common,
  entries: ReadonlyMap<string, NodeEntry>,
  plugin: Plugin,
  problems: Problems,
): Resource["state"] {
  const { state = "present", enabled = true } = common;
  const own = plugin.image["state"];
  const others = own !== undefined && own.mode !== "computed";
  if (state !== "present" && state !== "absent" && !others) {
    const command = state === "exported" ? "export" : state;
    const isCommand = state === "exported" || state === "info";
    problems.error("config.value", 'state: expected "present" | "absent"', {
      at: entries.get("state")?.value.at,
      hint: isCommand ? `that is a command: images ${command}` : "enabled = false leaves an image as it is",
    });
  }
  if (!enabled) return "ignored";
  return state === "absent" ? "absent" : "present";
}

/** A source is looked at by itself (source.ts); as a setting it is any text. */
const isPlainSource = (key: string, { value }: NodeEntry): boolean => key === "source" && value.kind === "text";

/** The settings that every image has. */
export function commonIn(node: TableNode, { problems, maskSecret }: CheckContext): Common {
  const timeouts = node.entries.get("timeouts");
  if (timeouts !== undefined && node.entries.has("timeout"))
    problems.error("config.value", "timeout and timeouts mean the same: write one of them", { at: timeouts.key });
  const entries: (readonly [string, NodeEntry])[] = [];
  for (const [key, entry] of node.entries)
    if (Object.hasOwn(IMAGE, key) && !isPlainSource(key, entry)) entries.push([key, entry]);
  // No setting of an image has a default in the schema: of most images there is nothing to check.
  if (entries.length === 0) return NOTHING;
  return checkTable(IMAGE, tableWith(node, entries), { problems, maskSecret }) ?? {};
}

/** What is said for one backend goes before what is said for the image; the two ways to write a timeout are one setting. */
export function both(general: Common, own: Common): Common {
  if (own === NOTHING) return general;
  const { timeout, timeouts, ...common } = general;
  if (own.timeout !== undefined || own.timeouts !== undefined) return { ...common, ...own };
  return {
    ...common,
    ...own,
    ...(timeout === undefined ? {} : { timeout }),
    ...(timeouts === undefined ? {} : { timeouts }),
  };
}
