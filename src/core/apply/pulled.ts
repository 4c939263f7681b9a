import { Failure } from "../failure.ts";
import { nameOf } from "../model/digest.ts";
import type { Observed } from "../model/image.ts";
import type { Content } from "../model/source.ts";
import { originOf } from "../plan/origin.ts";
import type { PulledSource } from "../plan/pull.ts";
import type { Pull } from "../plugin.ts";
import type { OpenedContent } from "./context.ts";
import type { StepContext } from "./step-context.ts";

/** A source that the backend fetches by itself; `open` gives its bytes through here after all. */
export function pullOf({ source, digest }: PulledSource, open: () => Promise<OpenedContent | undefined>): Pull {
  return {
    urls: source.urls,
    ...(digest === undefined ? {} : { digest }),
    open: async () => {
      const opened = await open();
      if (opened !== undefined) return opened;
      throw new Failure("source.format", "the backend does not accept uploads and could not fetch the source itself");
    },
  };
}

/**
 * Of an image whose bytes did not come through here: has it the digest that was declared, or that its origin promised? A plugin is not
 * taken at its word. @throws Failure source.digest
 */
export function compareArrived(
  { address, plugin, resource }: StepContext,
  pull: PulledSource | undefined,
  content: Content | undefined,
  { id, digests }: Observed,
): void {
  const isPromised = resource.source === undefined && originOf(plugin, resource)?.digest === true;
  const expected = pull?.digest ?? (isPromised ? content?.digest : undefined);
  const found = expected === undefined ? undefined : digests?.[nameOf(expected)];
  if (found === undefined || found === expected) return;
  throw new Failure(
    "source.digest",
    `${id} is not what was asked for: expected ${expected}, the backend has ${found}`,
    {
      address,
      hint: "plan again: the origin may have changed meanwhile; if it fails again, do not use this origin",
    },
  );
}
