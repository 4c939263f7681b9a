import type { Command, Event } from "../../core/model/event.ts";
import { stepFailureLines } from "./failure.ts";
import { endSentence, errored, finished, starting } from "./phrases.ts";
import type { View } from "./style.ts";
import { printable, wrap } from "./text.ts";

/** The lines that one event makes in a log for people, on a terminal and off it; none for most. */
export function logLines(event: Event, view: View): readonly string[] {
  const { style, columns } = view;
  switch (event.type) {
    case "step.started":
      return event.action === "block"
        ? []
        : wrap("", starting(event.address, event.action, shown(event.id)), columns, 4);
    case "step.note":
      return wrap(`${event.address}: `, printable(event.text), columns, 4);
    case "step.done": {
      const text = finished(event.address, event.same === true ? "verify" : event.action, event.ms, shown(event.id));
      return wrap("", style.add(text), columns, 4);
    }
    case "step.failed": {
      const head =
        event.action === "block"
          ? []
          : wrap("", style.error(errored(event.address, event.action, event.ms)), columns, 4);
      return [...head, ...stepFailureLines(event.address, event.failure, view)];
    }
    case "step.skipped":
      return wrap(`${event.address}: `, style.warning(`skipped: ${printable(event.because)}`), columns, 4);
    case "backend.failed":
      return stepFailureLines(event.backend, event.failure, view);
    case "transfer.started":
      return event.attempt > 1
        ? wrap(`${event.address}: `, `${event.phase}: attempt ${event.attempt}`, columns, 4)
        : [];
    case "run.started":
    case "read.started":
    case "read.done":
    case "drift.found":
    case "plan.done":
    case "step.identified":
    case "transfer.progress":
    case "transfer.done":
    case "run.done":
      return [];
    default:
      return event satisfies never;
  }
}

const shown = (id: string | undefined): string | undefined => (id === undefined ? undefined : printable(id));

/** The sentence at the end of a run that changes something; it goes to stdout, where scripts look for it. */
export function endLine(
  event: Event & { type: "run.done" },
  command: Command | undefined,
  { style }: View,
): string | undefined {
  if (command === undefined || command === "plan") return undefined;
  const text = endSentence(command, event.outcome, event.counts);
  return `\n${event.outcome === "succeeded" ? style.add(text) : style.error(text)}\n`;
}
