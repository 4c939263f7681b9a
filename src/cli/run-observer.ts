import { asFailure } from "../core/failure.ts";
import type { Event } from "../core/model/event.ts";
import { createHttpClient } from "../core/net/http.ts";
import { notifyAll, type RunSummary } from "./notify.ts";
import { printable } from "./render/text.ts";
import type { Session } from "./session.ts";
import type { Shell } from "./shell.ts";
import { destinationOf } from "./telemetry/destination.ts";
import type { RunTrace } from "./telemetry/trace.ts";
import { VERSION } from "./version.ts";

/** What others learn of a run: its trace while it goes on, notifications at its end. Nothing of it ever fails a run. */
export class RunObserver {
  readonly #session: Session;
  readonly #command: string;
  readonly #shell: Shell;
  readonly #note: (text: string) => void;
  readonly #trace: RunTrace | undefined;

  private constructor(
    session: Session,
    command: string,
    shell: Shell,
    note: (text: string) => void,
    trace: RunTrace | undefined,
  ) {
    this.#session = session;
    this.#command = command;
    this.#shell = shell;
    this.#note = note;
    this.#trace = trace;
    if (trace !== undefined) session.onRequest = (traced) => trace.request(traced);
  }

  static async of(session: Session, command: string, shell: Shell, note: (text: string) => void): Promise<RunObserver> {
    const to = destinationOf(shell.env, VERSION, note);
    if (to === undefined) return new RunObserver(session, command, shell, note, undefined);
    const { secrets } = session;
    for (const value of Object.values(to.headers)) secrets.maskSecret(value);
    const redact = (text: string): string => secrets.redact(text);
    const maskSecret = (text: string): void => secrets.maskSecret(text);
    // Loaded only where somebody wants it.
    const { RunTrace: Trace } = await import("./telemetry/trace.ts");
    const trace = new Trace(to, {
      version: VERSION,
      command,
      now: () => Date.now(),
      redact,
      open: (options) => createHttpClient(options, { env: shell.env, redact, maskSecret }),
    });
    return new RunObserver(session, command, shell, note, trace);
  }

  take(event: Event): void {
    this.#trace?.take(event);
  }

  async end(ended: Omit<RunSummary, "command">, code: number): Promise<void> {
    const { config, secrets } = this.#session;
    const command = this.#command;
    if ((config.notify ?? []).length > 0)
      await notifyAll({ ...ended, command }, config, secrets, this.#shell, this.#note);
    await this.#trace?.end(code === 1 || ended.thrown !== undefined).catch((error: unknown) => {
      this.#note(`warning: the trace of this run is incomplete: ${printable(asFailure(error).message)}`);
    });
  }
}
