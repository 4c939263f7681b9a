import type { Command, Event } from "../../core/model/event.ts";
import type { Address } from "../../core/model/name.ts";
import { isPending, type Plan } from "../../core/model/plan.ts";
import { readingRow, rowOf, totalRow } from "./bar.ts";
import { Running } from "./in-progress.ts";
import { endLine, logLines } from "./log.ts";
import { rateAt } from "./meter.ts";
import { type RenderClock, type Renderer, systemClock } from "./renderer.ts";
import { Screen } from "./screen.ts";
import { ansi, type Style } from "./style.ts";

/** Between two drawings. */
const FRAME = 100;
const WIDEST_ADDRESS = 32;

interface TtyOptions {
  readonly style?: Style;
  readonly clock?: RenderClock;
  /** What is applied: how many steps and bytes there are to come. */
  readonly plan?: Plan | undefined;
}

/** For a terminal: what goes on at its foot, what has happened scrolls away above. The sentence at the end goes to stdout. */
export function tty({ style = ansi, clock = systemClock, plan }: TtyOptions = {}): Renderer {
  return async (events, out) => {
    const ends: string[] = [];
    {
      using screen = new Screen(out.diagnostics);
      const foot = new FootOfRun(screen, style, clock, plan);
      using _ = clock.every(FRAME, () => foot.paint());
      for await (const event of events) {
        const end = foot.take(event);
        if (end !== undefined) ends.push(end);
      }
      screen.paint([]);
    }
    for (const end of ends) out.data.write(end);
  };
}

class FootOfRun {
  readonly #screen: Screen;
  readonly #style: Style;
  readonly #clock: RenderClock;
  readonly #running = new Running();
  readonly #began: number;
  /** Bytes that went up, by address; a new attempt begins at 0 again. */
  readonly #uploaded = new Map<Address, number>();
  readonly #reading = { started: 0, done: 0 };
  #plan: Plan | undefined;
  #command: Command | undefined;
  #done = 0;
  #failed = 0;

  constructor(screen: Screen, style: Style, clock: RenderClock, plan: Plan | undefined) {
    this.#screen = screen;
    this.#style = style;
    this.#clock = clock;
    this.#plan = plan;
    this.#began = clock.now();
  }

  /** What the event has to say once the terminal is free again. */
  take(event: Event): string | undefined {
    this.#running.take(event, this.#clock.now());
    if (event.type !== "step.started") this.#screen.log(logLines(event, { style: this.#style }));
    switch (event.type) {
      case "run.started":
        this.#command = event.command;
        break;
      case "plan.done":
        this.#plan = event.plan;
        this.#reading.started = this.#reading.done = 0;
        break;
      case "read.started":
        this.#reading.started++;
        break;
      case "read.done":
        this.#reading.done++;
        break;
      case "transfer.progress":
      case "transfer.done":
        if (event.phase === "upload") this.#uploaded.set(event.address, event.done);
        break;
      case "step.done":
        this.#done++;
        break;
      case "step.failed":
        this.#failed++;
        break;
      case "run.done":
        return endLine(event, this.#command, { style: this.#style });
      default:
        break;
    }
    return undefined;
  }

  paint(): void {
    this.#screen.paint(this.#rows());
  }

  #rows(): string[] {
    const now = this.#clock.now();
    const { columns, height } = this.#screen;
    const view = { style: this.#style, columns };
    const all = this.#running.all;
    const { started, done } = this.#reading;
    if (all.length === 0 && started > 0) return [readingRow(done, started, columns)];
    if (all.length === 0) return [];
    const shown = all.slice(0, height);
    const longest = Math.max(...shown.map(({ address }) => address.length));
    const width = Math.min(longest, WIDEST_ADDRESS, Math.floor(columns * 0.4));
    const steps = this.#plan?.steps.filter((step) => isPending(step) && step.action !== "block").length;
    const uploads = all.filter(({ moving }) => moving?.phase === "upload");
    const total = {
      steps,
      done: this.#done,
      failed: this.#failed,
      hidden: all.length - shown.length,
      bytes: [...this.#uploaded.values()].reduce((sum, one) => sum + one, 0),
      totalBytes: this.#plan?.cost.uploadBytes ?? 0,
      rate: uploads.reduce((sum, { moving }) => sum + (rateAt(moving?.meter, now) ?? 0), 0),
      elapsed: now - this.#began,
    };
    return [...shown.map((doing) => rowOf(doing, now, width, view)), totalRow(total, view)];
  }
}
