import { NOTIFY_EVENTS, NOTIFY_FIELDS, type Notify } from "../model/declaration.ts";
import { rows } from "./blocks.ts";
import { type CheckContext, hintFor, reportPassword } from "./context.ts";
import { NOTIFY } from "./keys.ts";
import type { Node } from "./node.ts";
import { isReference } from "./secrets.ts";

export function checkNotify(node: Node | undefined, context: CheckContext): Notify[] {
  const { problems } = context;
  return rows("notify", node, NOTIFY, problems).flatMap(({ table, value }): Notify[] => {
    const at = table.entries.get("url")?.value.at ?? table.at;
    const { url, template } = value;
    if (!isReference(url)) {
      if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
        const hint = 'many of these URLs are secrets: url = "env:NAME" keeps them out of the file';
        problems.error("config.value", "url: expected an http:// or https:// URL, or a reference", { at, hint });
        return [];
      }
      if (reportPassword(url, at, "url", context, 'url = "env:NAME"')) return [];
    }
    for (const [, name = ""] of (template ?? "").matchAll(/\{\{\s*(.*?)\s*\}\}/g)) {
      if (NOTIFY_FIELDS.some((known) => known === name)) continue;
      const hint = hintFor(name, NOTIFY_FIELDS, "");
      const written = table.entries.get("template")?.value.at ?? at;
      problems.error("config.value", `template: unknown {{${name}}}`, { at: written, hint });
    }
    return [
      {
        url,
        on: NOTIFY_EVENTS.filter((one) => value.on.includes(one)),
        ...(template === undefined ? {} : { template }),
        headers: value.headers,
        at: table.at,
      },
    ];
  });
}
