import type { Command, Event } from "../../core/model/event.ts";
import type { Address } from "../../core/model/name.ts";
import { plural } from "./format.ts";
import { movingText, Running, type StepInProgress } from "./in-progress.ts";
import { endLine, logLines } from "./log.ts";
import { going } from "./phrases.ts";
import { type Output, type RenderClock, type Renderer, systemClock } from "./renderer.ts";
import { none, type Style, type View } from "./style.ts";
import { printable } from "./text.ts";

/** Between two lines about the same step. */
const INTERVAL = 10_000;

/** A plain log: a line where a step begins and ends, and one every ten seconds while it goes on. */
export function lines({
  style = none,
  clock = systemClock,
}: {
  readonly style?: Style;
  readonly clock?: RenderClock;
} = {}): Renderer {
  return async (events, out) => {
    using log = new Log(out, { style }, clock);
    using _ = clock.every(1000, () => log.tick());
    for await (const event of events) log.take(event);
  };
}

class Log implements Disposable {
  readonly #out: Output;
  readonly #view: View;
  readonly #clock: RenderClock;
  readonly #running = new Running();
  /** How many intervals of each running step have been reported. */
  readonly #reportedIntervals = new Map<Address, number>();
  readonly #reading: { began: number | undefined; started: number; done: number; reported: number } = {
    began: undefined,
    started: 0,
    done: 0,
    reported: 0,
  };
  #command: Command | undefined;
  /** Lines of this turn of the event loop: of thousands of small images each is not worth a write of its own. */
  #waiting = "";
  #isDue = false;

  constructor(out: Output, view: View, clock: RenderClock) {
    this.#out = out;
    this.#view = view;
    this.#clock = clock;
  }

  take(event: Event): void {
    const now = this.#clock.now();
    this.#running.take(event, now);
    for (const line of logLines(event, this.#view)) this.#say(line);
    switch (event.type) {
      case "run.started":
        this.#command = event.command;
        break;
      case "read.started":
        this.#reading.began ??= now;
        this.#reading.started++;
        break;
      case "read.done":
        this.#reading.done++;
        break;
      case "plan.done":
        this.#reading.began = undefined;
        break;
      case "step.started":
      case "step.done":
      case "step.failed":
        this.#reportedIntervals.delete(event.address);
        break;
      case "run.done": {
        const end = endLine(event, this.#command, this.#view);
        this.#flush();
        if (end !== undefined) this.#out.data.write(end);
        break;
      }
      default:
        break;
    }
  }

  tick(): void {
    const now = this.#clock.now();
    for (const doing of this.#running.all) this.#still(doing, now);
    const { began, started, done, reported } = this.#reading;
    if (began === undefined || now - began < (reported + 1) * INTERVAL || done === started) return;
    this.#reading.reported = Math.floor((now - began) / INTERVAL);
    this.#say(`Refreshing state... ${done} of ${plural(started, "address", "addresses")} read`);
  }

  #still(doing: StepInProgress, now: number): void {
    const { address, action, began } = doing;
    const intervals = Math.floor((now - began) / INTERVAL);
    if (intervals <= (this.#reportedIntervals.get(address) ?? 0)) return;
    this.#reportedIntervals.set(address, intervals);
    const id = doing.id === undefined || action === "create" ? undefined : printable(doing.id);
    this.#say(`${going(address, action, now - began, id)} ${movingText(doing)}`.trimEnd());
  }

  #say(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isDue = false;
    const lines = this.#waiting;
    this.#waiting = "";
    if (lines !== "") this.#out.diagnostics.write(lines);
  }

  [Symbol.dispose](): void {
    this.#flush();
  }
}
