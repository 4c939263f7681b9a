import type { Facts } from "../facts.ts";
import type { Failure } from "../failure.ts";
import type { BackendDeclaration, Resource } from "../model/declaration.ts";
import type { Content } from "../model/source.ts";
import type { Complaint, Plugin } from "../plugin.ts";
import type { PlanContext } from "./context.ts";
import type { DesiredImage } from "./input.ts";
import { sizeComplaints } from "./size.ts";

// What the beginning of a source tells, and what the rules say of it.

interface Measuring {
  readonly resource: Resource;
  readonly content: Content | undefined;
  readonly plugin: Plugin;
  readonly declared: BackendDeclaration | undefined;
  /** What the backend complains of. */
  readonly reported: readonly Complaint[];
  readonly context: Pick<PlanContext, "config" | "measure">;
}

export async function measuredOf(
  about: Measuring,
  signal: AbortSignal,
): Promise<Pick<DesiredImage, "format" | "outgoing" | "complaints">> {
  const { resource, plugin, reported, context } = about;
  const { source, want } = resource;
  const found = source === undefined ? undefined : await context.measure?.(source, plugin.bytes?.(want), signal);
  const { problem, outgoing, remark, ...seen } = found ?? {};
  const facts: Facts = { ...factsOf(about), ...seen };
  return {
    ...(facts.format === undefined ? {} : { format: facts.format }),
    ...(outgoing === undefined ? {} : { outgoing }),
    complaints: [
      ...sizeComplaints(facts, context.config.settings.maxSize),
      ...(problem === undefined ? [] : [complaintOf(problem)]),
      ...(remark === undefined ? [] : [{ code: "source.remark", severity: "warning", message: remark } as const]),
      ...(plugin.check?.(want, facts) ?? []),
      ...reported,
    ],
  };
}

/** A wish with what the beginning of its source tells. */
export async function withMeasured(
  { measured: _, ...desired }: DesiredImage,
  found: ReturnType<typeof measuredOf>,
): Promise<DesiredImage> {
  return { ...desired, ...(await found) };
}

/** The complaints without a look at the bytes, for an image that stays as it is; undefined: a rule of the plugin asks for more. Pure. */
export function unreadOf(about: Measuring): Pick<DesiredImage, "complaints"> | undefined {
  const { plugin, resource, reported } = about;
  if (plugin.check === undefined) return { complaints: reported };
  const { facts, wasAsked } = unreadFacts(factsOf(about));
  const complaints = plugin.check(resource.want, facts);
  return wasAsked() ? undefined : { complaints: [...complaints, ...reported] };
}

/** What is known without the bytes. */
const factsOf = ({ resource, content, declared }: Measuring): Facts => ({
  source: resource.source !== undefined,
  ...(content?.size === undefined ? {} : { size: content.size }),
  ...(declared === undefined ? {} : { settings: declared.settings }),
});

const complaintOf = ({ code, message, hint }: Failure): Complaint => ({
  code,
  message,
  ...(hint === undefined ? {} : { hint }),
});

/** What only the beginning of a source tells. */
const MEASURED: ReadonlySet<unknown> = new Set(["format", "virtualSize", "untouched"] satisfies (keyof Facts)[]);

/**
 * The facts of a source of which nothing was read yet, for a rule that may not even ask for more: `wasAsked` says whether it did, and its
 * answer counts for nothing then. Pure.
 */
function unreadFacts(facts: Facts): { readonly facts: Facts; readonly wasAsked: () => boolean } {
  let isAsked = false;
  const watch = (key: unknown) => {
    isAsked ||= MEASURED.has(key);
  };
  const watched = new Proxy(facts, {
    get: (of, key) => {
      watch(key);
      return Reflect.get(of, key);
    },
    has: (of, key) => {
      watch(key);
      return Reflect.has(of, key);
    },
    getOwnPropertyDescriptor: (of, key) => {
      watch(key);
      return Reflect.getOwnPropertyDescriptor(of, key);
    },
    ownKeys: (of) => {
      isAsked = true;
      return Reflect.ownKeys(of);
    },
  });
  return { facts: watched, wasAsked: () => isAsked };
}
