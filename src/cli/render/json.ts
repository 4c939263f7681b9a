import type { Command, Event } from "../../core/model/event.ts";
import type { Address } from "../../core/model/name.ts";
import { type Drift, isPending, type Plan, type Step, summary } from "../../core/model/plan.ts";
import { type Diagnostic, diagnosticOf } from "./diagnostic.ts";
import { type DiagnosticLevel, diagnosticLine, type EnvelopeFields, jsonLine, versionLine } from "./envelope.ts";
import { countFacts, movingFacts, Running, type StepInProgress } from "./in-progress.ts";
import { endSentence, errored, finished, going, planSentence, refreshed, refreshing, starting } from "./phrases.ts";
import { type RenderClock, type Renderer, systemClock, type TextSink } from "./renderer.ts";
import { addr, type PluginOf, plannedAction, reasonOf, resourceObject, streamAction } from "./resource.ts";
import { verificationOf } from "./step.ts";

interface JsonOptions {
  /** Of this program. */
  readonly version: string;
  readonly plugin?: PluginOf;
  readonly clock?: RenderClock;
}

/** terraform's machine-readable stream on stdout, with transfers and backends as additions. */
export function json({ version, plugin = () => undefined, clock = systemClock }: JsonOptions): Renderer {
  return async (events, out) => {
    const stream = new Stream(out.data, clock, plugin);
    out.data.write(versionLine(version, clock.now()));
    using _ = clock.every(1000, () => stream.tick());
    for await (const event of events) stream.take(event);
  };
}

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

class Stream {
  readonly #sink: TextSink;
  readonly #clock: RenderClock;
  readonly #plugin: PluginOf;
  readonly #running = new Running();
  /** How many times ten seconds of each step have been reported. */
  readonly #reportedIntervals = new Map<Address, number>();
  /** When the progress of a transfer was last reported. */
  readonly #progressed = new Map<Address, number>();
  readonly #drifted = new Set<Address>();
  #command: Command = "plan";

  constructor(sink: TextSink, clock: RenderClock, plugin: PluginOf) {
    this.#sink = sink;
    this.#clock = clock;
    this.#plugin = plugin;
  }

  take(event: Event): void {
    const before = "address" in event ? this.#running.get(event.address) : undefined;
    this.#running.take(event, this.#clock.now());
    switch (event.type) {
      case "run.started":
        this.#command = event.command;
        this.#say("info", `Run ${event.run}: ${event.command}`, "log", { run: event.run });
        break;
      case "read.started":
      case "read.done":
        this.#read(event);
        break;
      case "backend.failed":
        this.#outage(event);
        break;
      case "drift.found":
        this.#drift(event.drift);
        break;
      case "plan.done":
        this.#plan(event.plan);
        break;
      case "step.started":
      case "step.done":
      case "step.failed":
        this.#step(event);
        break;
      case "step.note":
        this.#say("info", `${addr(event.address)}: ${event.text}`, "log", { address: event.address });
        break;
      case "step.skipped": {
        const message = `${addr(event.address)}: skipped: ${event.because}`;
        this.#say("warn", message, "log", { address: event.address });
        break;
      }
      case "transfer.started":
      case "transfer.progress":
      case "transfer.done":
        this.#transfer(event, before);
        break;
      case "run.done":
        this.#end(event);
        break;
      case "step.identified":
        break;
      default:
        event satisfies never;
    }
  }

  /** Every ten seconds of a step. */
  tick(): void {
    const now = this.#clock.now();
    for (const doing of this.#running.all) {
      const { address, action, began } = doing;
      const intervals = Math.floor((now - began) / 10_000);
      if (intervals <= (this.#reportedIntervals.get(address) ?? 0)) continue;
      this.#reportedIntervals.set(address, intervals);
      const facts = { action: streamAction(action), elapsed_seconds: seconds(now - began), ...movingFacts(doing, now) };
      this.#hook("apply_progress", going(addr(address), action, now - began), address, facts);
    }
  }

  #read({ type, address, id }: Of<"read.started" | "read.done">): void {
    const at = addr(address);
    if (type === "read.started") this.#hook("refresh_start", refreshing(at, id), address, identity(id));
    else this.#hook("refresh_complete", refreshed(at, id), address, identity(id));
  }

  #outage({ backend, addresses, failure }: Of<"backend.failed">): void {
    const status = { backend, status: "failed", addresses };
    this.#say("error", `Backend ${backend} could not be reached`, "backend_status", { backend_status: status });
    this.#diagnostic(diagnosticOf(failure, undefined));
  }

  #step(event: Of<"step.started" | "step.done" | "step.failed">): void {
    const { type, address, action } = event;
    const at = addr(address);
    if (action !== "block") {
      const facts = { action: streamAction(action), ...("id" in event ? identity(event.id) : {}) };
      const elapsed = "ms" in event ? { elapsed_seconds: seconds(event.ms) } : {};
      if (type === "step.started") this.#hook("apply_start", starting(at, action, event.id), address, facts);
      else if (type === "step.done")
        this.#hook("apply_complete", finished(at, action, event.ms, event.id), address, { ...facts, ...elapsed });
      else this.#hook("apply_errored", errored(at, action, event.ms), address, { ...facts, ...elapsed });
    }
    this.#reportedIntervals.delete(address);
    if (type === "step.failed") this.#diagnostic(diagnosticOf(event.failure, at));
  }

  /** `before` is what was known of the step before this event. */
  #transfer(
    event: Of<"transfer.started" | "transfer.progress" | "transfer.done">,
    before: StepInProgress | undefined,
  ): void {
    const { type, address, phase } = event;
    const at = `${addr(address)}: ${phase}`;
    const now = this.#clock.now();
    if (type === "transfer.started") {
      this.#progressed.set(address, now);
      const facts = { phase, ...countFacts(phase, 0, event.total), attempt: event.attempt };
      this.#hook("transfer_start", `${at} started`, address, facts);
    } else if (type === "transfer.progress") {
      const doing = this.#running.get(address);
      if (doing === undefined || now - (this.#progressed.get(address) ?? 0) < 1000) return;
      this.#progressed.set(address, now);
      const share = event.total === undefined ? "" : ` of ${event.total}`;
      this.#hook("transfer_progress", `${at} ${event.done}${share}`, address, movingFacts(doing, now));
    } else {
      const { done, digest, ms } = event;
      const moving = before?.moving?.phase === phase ? before.moving : undefined;
      this.#hook("transfer_complete", `${at} complete`, address, {
        phase,
        ...countFacts(phase, done, moving?.total),
        attempt: moving?.attempt ?? 1,
        elapsed_seconds: seconds(ms),
        ...(digest?.startsWith("sha256:") === true ? { sha256: digest.slice("sha256:".length) } : {}),
        ...(digest === undefined ? {} : { digest }),
      });
    }
  }

  #plan(plan: Plan): void {
    for (const drift of plan.drift) this.#drift(drift);
    for (const step of plan.steps.filter(isPending)) this.#planned(step);
    for (const text of plan.warnings)
      this.#diagnostic({ severity: "warning", summary: text, detail: "", code: "plan.warning" });
    const { add, change, destroy, import: imports, forget, blocked, verify } = summary(plan);
    const changes = { add, change, import: imports, remove: destroy, forget, operation: "plan", blocked, verify };
    this.#say("info", planSentence(plan), "change_summary", { changes, cost: plan.cost });
  }

  #planned(step: Step): void {
    if (step.action === "block") {
      const { text, hint, because, address } = step;
      const failure = { code: `plan.${because}`, message: text, ...(hint === undefined ? {} : { hint }) } as const;
      this.#diagnostic(diagnosticOf(failure, addr(address)));
      return;
    }
    const action = plannedAction(step);
    const reason = reasonOf(step);
    const change = {
      resource: resourceObject(step.address, this.#plugin),
      ...(step.previous === undefined ? {} : { previous_resource: resourceObject(step.previous, this.#plugin) }),
      action,
      ...(reason === undefined ? {} : { reason }),
      ...(step.action === "adopt" ? { importing: { id: step.id } } : {}),
      ...("making" in step ? { transfer: step.making.transfer } : {}),
      ...("unlessSame" in step ? { unless_same: true } : {}),
      ...(verificationOf(step) === undefined ? {} : { verification: verificationOf(step) }),
    };
    this.#say("info", `${addr(step.address)}: Plan to ${action}`, "planned_change", { change });
  }

  #drift({ address, kind }: Drift): void {
    if (this.#drifted.has(address)) return;
    this.#drifted.add(address);
    const action = kind === "vanished" ? "delete" : "update";
    const change = { resource: resourceObject(address, this.#plugin), action };
    this.#say("info", `${addr(address)}: Drift detected (${action})`, "resource_drift", { change });
  }

  #end({ outcome, counts }: Of<"run.done">): void {
    if (this.#command === "plan") return;
    const { added, changed, imported, destroyed, forgotten, verified, failed, stopped, skipped } = counts;
    const operation = this.#command === "destroy" ? "destroy" : "apply";
    const done = { add: added, change: changed, import: imported, remove: destroyed, forget: forgotten };
    this.#say(
      outcome === "succeeded" ? "info" : "error",
      endSentence(this.#command, outcome, counts),
      "change_summary",
      {
        changes: { ...done, operation, failed, stopped, skipped, verify: verified, outcome },
      },
    );
  }

  #hook(type: string, message: string, address: Address, facts: EnvelopeFields): void {
    this.#say("info", message, type, { hook: { resource: resourceObject(address, this.#plugin), ...facts } });
  }

  #diagnostic(diagnostic: Diagnostic): void {
    this.#sink.write(diagnosticLine(diagnostic, this.#clock.now()));
  }

  #say(level: DiagnosticLevel, message: string, type: string, fields: EnvelopeFields): void {
    this.#sink.write(jsonLine(level, message, this.#clock.now(), type, fields));
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000);
const identity = (id: string | undefined): EnvelopeFields => (id === undefined ? {} : { id_key: "id", id_value: id });
