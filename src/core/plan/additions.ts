import { canReportAdditions } from "../abilities.ts";
import { asFailure } from "../failure.ts";
import type { Observed } from "../model/image.ts";
import type { Step } from "../model/plan.ts";
import type { Schema } from "../model/schema.ts";
import type { Recorded } from "../model/state.ts";
import { type Attributes, isTable, type Value } from "../model/value.ts";
import { type Backend, plain, type ReadContext } from "../plugin.ts";
import { diff, isUnset, sameBy } from "./diff.ts";
import type { DesiredImage, LiveImage } from "./input.ts";

// What people gave to a managed image without declaring it, when a new image takes its place.

/** What an image was and is declared to be: used to tell additions of other users apart. */
interface Declarations {
  readonly schema: Schema;
  readonly want: Attributes;
  /** What was declared when the state was last written: a line that was taken out of the file is no addition either. */
  readonly recorded: Attributes | undefined;
  /** `ignore_changes`: of these, what exists counts and not what is declared. */
  readonly ignore: readonly string[];
  readonly defaults: Attributes;
}

/** The attributes that the new image gets from the old one. Pure: declared ones are left out, so are those that are not set. */
function carriedOf(added: Attributes, { schema, want, recorded, ignore, defaults }: Declarations): Attributes {
  return Object.fromEntries(
    Object.entries(added).flatMap(([name, value]): [string, Value][] => {
      const attribute = schema[name];
      if (attribute === undefined || attribute.mode === "computed" || attribute.sensitive === true) return [];
      if (ignore.includes(name)) return [[name, value]];
      const [now, before] = [want[name], recorded?.[name]];
      if (attribute.type.keys === "own" && isTable(value)) {
        const declared = new Set([now, before].flatMap((one) => (isTable(one) ? Object.keys(one) : [])));
        const rest = Object.entries(value).filter(([key]) => !declared.has(key));
        return rest.length === 0 ? [] : [[name, Object.fromEntries(rest)]];
      }
      if (now !== undefined || before !== undefined || isUnset(attribute, value)) return [];
      const own = defaults[name];
      if (own !== undefined && sameBy(attribute, value, own)) return [];
      return [[name, value]];
    }),
  );
}

/** What a new image is made with: what is declared, and what it gets from the image that it replaces. Pure. */
export function withCarried(want: Attributes, carried: Attributes | undefined): Attributes {
  if (carried === undefined) return want;
  const merged = Object.entries(carried).map(([name, value]): [string, Value] => {
    const declared = want[name];
    return [name, isTable(declared) && isTable(value) ? { ...declared, ...value } : value];
  });
  return { ...want, ...Object.fromEntries(merged) };
}

/** What was declared when the row of an image was written, before a replace began. */
export const declaredBefore = (known: Recorded | undefined): Attributes | undefined =>
  known?.status === "replacing" ? known.former?.want : known?.status === "ready" ? known.want : undefined;

/** What others had added to the image that an interrupted replace was to replace. */
export const carriedBy = (known: Recorded | undefined): Attributes | undefined =>
  known?.status === "replacing" || known?.status === "creating" ? known.carried : undefined;

/**
 * What others added to an image, as its plugin reports it. Where it does not say: whatever can be changed in place and is not as a new image
 * has it.
 */
export async function addedTo(
  image: Observed,
  backend: Backend,
  declarations: Declarations,
  reading: ReadContext,
): Promise<{ readonly carried: Attributes; readonly lost: readonly string[] }> {
  const { attributes, lost = [] } = canReportAdditions(backend)
    ? await backend.additions(image, declarations.want, reading)
    : { attributes: changeable(plain(image.attributes), declarations.schema) };
  return { carried: carriedOf(attributes, declarations), lost };
}

const changeable = (have: Attributes, schema: Schema): Attributes =>
  Object.fromEntries(
    Object.entries(have).filter(([name]) => {
      const { mode, compare = "live", onChange = "update" } = schema[name] ?? {};
      return mode === "optional" && compare === "live" && onChange === "update";
    }),
  );

/** The step with what others added to the image and the new one gets, and what it will not have. What cannot be read is said to be lost. */
export async function withAdditions(
  step: Step,
  { known, have, want }: { known: Recorded | undefined; have: LiveImage | undefined; want: DesiredImage | undefined },
  backend: Backend,
  reading: ReadContext,
): Promise<Step> {
  if (want === undefined) return step;
  const { schema, resource } = want;
  if (step.action === "create" || step.action === "adopt") return stepWith(step, schema, carriedBy(known) ?? {}, []);
  if (step.action !== "replace" || have === undefined) return step;
  const ignore = resource.lifecycle.ignoreChanges;
  const { defaults = {} } = want;
  const declarations = { schema, want: resource.want, recorded: declaredBefore(known), ignore, defaults };
  try {
    const { carried, lost } = await addedTo(have, backend, declarations, reading);
    return stepWith(step, schema, carried, lost);
  } catch (thrown) {
    reading.signal.throwIfAborted();
    return stepWith(step, schema, {}, [`${UNREAD}: ${asFailure(thrown).message}`]);
  }
}

const UNREAD = "undeclared additions, which could not be read";
/** The plan said that it could not read what others added to the image. */
export const isUnread = ({ loses = [] }: Step): boolean => loses.some((line) => line.startsWith(UNREAD));

function stepWith<S extends Step>(step: S, schema: Schema, carried: Attributes, lost: readonly string[]): S {
  const { changes } = diff(schema, { have: undefined, want: carried });
  return {
    ...step,
    ...(changes.length === 0 ? {} : { carries: changes }),
    ...(lost.length === 0 ? {} : { loses: lost }),
  };
}
