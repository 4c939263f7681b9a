import { backendOf } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import type { Content } from "../model/source.ts";
import { sentAsIs } from "../plan/pull.ts";
import { resourceAt } from "../plan/resources.ts";
import type { ApplyContext } from "./context.ts";

/** Bytes of a file that is read and written by a call each. */
const SMALL = 64 << 10;

/** A place has so many parts: it is shared by up to as many, in equal shares of whole parts. */
const PARTS = 1 << 20;

/** Room for so many at a time, first come, first served. */
export class Slots {
  #free: number;
  readonly #waiting: { readonly parts: number; readonly go: () => void }[] = [];

  constructor(limit: number) {
    this.#free = Math.max(1, limit) * PARTS;
  }

  /** `sharers`: how many of its kind may share a place. */
  async use(work: () => Promise<void>, sharers = 1): Promise<void> {
    const parts = Math.max(1, Math.floor(PARTS / sharers));
    if (this.#waiting.length === 0 && this.#free >= parts) this.#free -= parts;
    else await new Promise<void>((go) => this.#waiting.push({ parts, go }));
    try {
      await work();
    } finally {
      this.#free += parts;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.parts <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.parts;
      next.go();
    }
  }
}

/** How many steps like this one may share a place. 1: it needs one of its own. */
type Sharers = (step: Step) => number;

/**
 * Several small files of this host, which reach a backend as they are, share a place where their plugin does not mind, and the user has not
 * said how many images are to be processed at the same time.
 */
export function sharersOf({ config, plugins, parallelism, isWide }: ApplyContext): Sharers {
  const limited = new Set(
    config.backends.flatMap(({ name, limits }) => (limits.parallelism === undefined ? [] : [name])),
  );
  return (step) => {
    if (isWide !== true || step.action !== "create" || !isSmallFile(step.making.content)) return 1;
    const backend = backendOf(step.address);
    const plugin = plugins.get(backend);
    const resource = resourceAt(config, step.address);
    if (plugin?.smallAtOnce === undefined || resource === undefined || limited.has(backend)) return 1;
    return sentAsIs(plugin, resource) ? Math.max(1, Math.floor(plugin.smallAtOnce / parallelism)) : 1;
  };
}

const isSmallFile = (content: Content | undefined): boolean =>
  content?.stat !== undefined && content.stat.size <= SMALL && (content.size ?? 0) <= SMALL;
