import { setImmediate } from "node:timers/promises";
import type { Content, SourceSpec, Stat } from "../model/source.ts";
import { canonical } from "../model/value.ts";
import type { Plugin, ReadContext } from "../plugin.ts";
import { inParallel } from "../stream.ts";
import type { PlanContext, Selection } from "./context.ts";
import type { ImageLookup } from "./observe.ts";
import { resourceAt } from "./resources.ts";

/** A look that has begun: what it was compared with. */
interface BegunLook {
  readonly previous: Content;
  readonly content: Promise<Content>;
}

/** A reading of the beginning of a source: what it was wanted for. */
interface BegunMeasure {
  readonly wanted: string;
  readonly measured: ReturnType<NonNullable<PlanContext["measure"]>>;
}

/**
 * Looks at the sources of recorded images while their backends are listed. What it has begun, `context` answers with: once, and only where
 * the same is asked. A failure is thrown there too.
 */
export class LookAhead {
  /** The context of a plan, which does not look again at what was looked at ahead. */
  readonly context: PlanContext;
  readonly #context: PlanContext;
  readonly #mode: Selection["mode"];
  readonly #begun = new WeakSet<SourceSpec>();
  readonly #looks = new Map<SourceSpec, BegunLook>();
  readonly #measures = new Map<SourceSpec, BegunMeasure>();
  /** What files that were looked at without waiting were found to be. */
  readonly #stats = new Map<string, Stat>();

  constructor(context: PlanContext, { mode }: Pick<Selection, "mode">) {
    this.#context = context;
    this.#mode = mode;
    const { measure, lookNow } = context;
    this.context = {
      ...context,
      ...(lookNow === undefined
        ? {}
        : { lookNow: (spec, previous) => (this.#looks.has(spec) ? undefined : lookNow(spec, previous, this.#stats)) }),
      look: (spec, previous, signal, quick) =>
        this.#look(spec, previous, quick) ?? context.look(spec, previous, signal, quick),
      ...(measure === undefined
        ? {}
        : { measure: (spec, wanted, signal) => this.#measured(spec, wanted) ?? measure(spec, wanted, signal) }),
    };
  }

  /** Returns what the backend lists, or throws why it cannot; no look begins after that. */
  async during<T>(
    listing: Promise<T>,
    plugin: Plugin,
    lookups: readonly ImageLookup[],
    reading: ReadContext,
  ): Promise<T> {
    const listed = new AbortController();
    const looked = this.#mode === "normal" ? lookups : [];
    const looks = inParallel(looked, 8, (one) => this.#begin(one, plugin, reading, listed.signal));
    try {
      return await listing;
    } finally {
      listed.abort();
      looks.catch(() => undefined);
    }
  }

  /** Ends when the looks have, or at once where the listing is there; never throws. */
  async #begin(
    { address, known }: ImageLookup,
    plugin: Plugin,
    { signal }: ReadContext,
    listed: AbortSignal,
  ): Promise<void> {
    if (listed.aborted) return;
    const { source, want, references = {} } = resourceAt(this.#context.config, address) ?? {};
    const previous = known?.content;
    if (source === undefined || source.kind === "image" || want === undefined || previous === undefined) return;
    if (Object.keys(references).length > 0) return;
    // Requests of the listing that can be sent are sent first.
    await setImmediate();
    if (listed.aborted || this.#begun.has(source)) return;
    // A file that is what it was is looked at faster than that could begin.
    if (plugin.physical === undefined && this.context.lookNow?.(source, previous) !== undefined) return;
    this.#begun.add(source);
    const content = this.#context.look(source, previous, signal, false);
    this.#looks.set(source, { previous, content });
    const looks: Promise<unknown>[] = [content];
    // What only its beginning tells is asked for by rules of the image; where equal bytes are one image, of each.
    if (plugin.physical !== undefined && this.#context.measure !== undefined) {
      const wanted = plugin.bytes?.(want);
      const measured = this.#context.measure(source, wanted, signal);
      this.#measures.set(source, { wanted: keyOf(wanted), measured });
      looks.push(measured);
    }
    await Promise.allSettled(looks);
  }

  #look(spec: SourceSpec, previous: Content | undefined, quick: boolean | undefined): Promise<Content> | undefined {
    const begun = this.#looks.get(spec);
    this.#looks.delete(spec);
    return begun?.previous === previous && quick !== true ? begun?.content : undefined;
  }

  #measured(spec: SourceSpec, wanted: unknown): BegunMeasure["measured"] | undefined {
    const begun = this.#measures.get(spec);
    this.#measures.delete(spec);
    return begun?.wanted === keyOf(wanted) ? begun.measured : undefined;
  }
}

const keyOf = (wanted: unknown): string => (wanted === undefined ? "" : canonical(wanted));
