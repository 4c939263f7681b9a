import type { Output, RenderClock, TextSink } from "../../../src/cli/render/renderer.ts";
import type { Event } from "../../../src/core/model/event.ts";

/** Time that stands still until a test moves it. */
export class TestClock implements RenderClock {
  #now: number;
  readonly #timers = new Set<{ readonly ms: number; readonly work: () => void; next: number }>();

  constructor(start = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.#now = start;
  }

  /** Timers that nobody has disposed of. */
  get running(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  every(ms: number, work: () => void): Disposable {
    const timer = { ms, work, next: this.#now + ms };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Lets so many milliseconds pass, and every timer fire on its way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [first] = [...this.#timers].filter(({ next }) => next <= end).sort((a, b) => a.next - b.next);
      if (first === undefined) break;
      this.#now = first.next;
      first.next += first.ms;
      first.work();
    }
    this.#now = end;
  }
}

/** A sink that keeps what it gets. */
export class Kept implements TextSink {
  text = "";
  columns: number | undefined;
  rows: number | undefined;
  isTTY: boolean;

  constructor(columns?: number, rows?: number) {
    this.columns = columns;
    this.rows = rows;
    this.isTTY = columns !== undefined;
  }

  write(text: string): void {
    this.text += text;
  }
}

export const kept = (columns?: number): Output & { readonly data: Kept; readonly diagnostics: Kept } => ({
  data: new Kept(columns),
  diagnostics: new Kept(columns),
});

/** A run as a script: events, and pauses in milliseconds of the clock. Each event has been dealt with before the next comes. */
export async function* played(script: readonly (Event | number)[], clock: TestClock): AsyncGenerator<Event, void> {
  for (const item of script) {
    if (typeof item === "number") clock.advance(item);
    else yield item;
  }
}
