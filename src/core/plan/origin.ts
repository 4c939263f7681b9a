import type { Resource } from "../model/declaration.ts";
import type { Resolved } from "../model/image.ts";
import type { Content } from "../model/source.ts";
import { type Attributes, canonical, type Value } from "../model/value.ts";
import type { Origin } from "../origin.ts";
import type { Backend, Plugin, ReadContext } from "../plugin.ts";

/** The origin of the backend's own that is wanted. */
export const originOf = (
  plugin: Plugin,
  { want, references = {} }: Pick<Resource, "want" | "references">,
): Origin | undefined =>
  plugin.origins?.find(({ needs }) =>
    needs.some((name) => want[name] !== undefined || Object.hasOwn(references, name)),
  );

/** An origin that cannot be looked at: what the file says of it is all that is known. The query of a URL may hold a signature. */
export function declaredOrigin({ origins = [], image }: Plugin, want: Attributes): Content {
  const named = origins.flatMap(({ needs }) => needs).filter((name) => image[name]?.compare !== "never");
  const given = named.flatMap((name): [string, Value][] => {
    const value = want[name];
    if (typeof value === "string") return [[name, withoutQuery(value)]];
    return typeof value === "number" || typeof value === "boolean" ? [[name, value]] : [];
  });
  const where = originText({ origins, image }, want);
  return given.length === 0 ? { where } : { where, resolved: canonical(Object.fromEntries(given)) };
}

/** An origin as the backend has looked at it. */
export const foundOrigin = (plugin: Plugin, want: Attributes, { content, digests, size }: Resolved): Content => ({
  where: originText(plugin, want),
  resolved: content,
  ...(digests?.sha256 === undefined ? {} : { digest: digests.sha256 }),
  ...(size === undefined ? {} : { size }),
});

/** What an image is made from whose origin could not be known when the plan was made. */
export const originNow = async (
  plugin: Plugin,
  backend: Backend,
  want: Attributes,
  reading: ReadContext,
): Promise<Content> =>
  backend.resolve === undefined
    ? declaredOrigin(plugin, want)
    : foundOrigin(plugin, want, await backend.resolve(want, reading));

/** The origin in words: the attributes themselves are compared by the schema, this is for the reader. */
function originText({ origins = [], image }: Pick<Plugin, "origins" | "image">, want: Attributes): string {
  const needs = origins.find(({ needs }) => needs.some((name) => want[name] !== undefined))?.needs ?? [];
  const inputs = needs.flatMap((name): [string, Value][] => {
    const [value, attribute] = [want[name], image[name]];
    if (value === undefined || attribute?.sensitive === true) return [];
    const shown = attribute?.stored?.(value) ?? value;
    return [[name, typeof shown === "string" ? withoutQuery(shown) : shown]];
  });
  const [first] = inputs;
  if (first === undefined) return "the backend";
  return needs.length === 1 ? JSON.stringify(first[1]) : canonical(Object.fromEntries(inputs));
}

const withoutQuery = (text: string): string => text.replace(/\?.*$/s, "");
