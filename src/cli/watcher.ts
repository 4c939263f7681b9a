import { asFailure } from "../core/failure.ts";
import type { Event } from "../core/model/event.ts";
import { openDoor } from "../core/net/http.ts";
import { type Ended, notifyAll } from "./notify.ts";
import { printable } from "./render/text.ts";
import type { Session } from "./session.ts";
import type { Shell } from "./shell.ts";
import type { RunTrace } from "./telemetry/trace.ts";
import { destinationOf } from "./telemetry/wanted.ts";
import { VERSION } from "./version.ts";

/** What others learn of a run: its trace while it goes on, notifications at its end. Nothing of it ever fails a run. */
export class Watcher {
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

  static async of(session: Session, command: string, shell: Shell, note: (text: string) => void): Promise<Watcher> {
    const to = destinationOf(shell.env, VERSION, note);
    if (to === undefined) return new Watcher(session, command, shell, note, undefined);
    const { secrets } = session;
    for (const value of Object.values(to.headers)) secrets.conceal(value);
    const redact = (text: string): string => secrets.redact(text);
    const conceal = (text: string): void => secrets.conceal(text);
    // Loaded only where somebody wants it.
    const { RunTrace: Trace } = await import("./telemetry/trace.ts");
    const trace = new Trace(to, {
      version: VERSION,
      command,
      now: () => Date.now(),
      redact,
      open: (options) => openDoor(options, { env: shell.env, redact, conceal }),
    });
    return new Watcher(session, command, shell, note, trace);
  }

  take(event: Event): void {
    this.#trace?.take(event);
  }

  async end(ended: Omit<Ended, "command">, code: number): Promise<void> {
    const { config, secrets } = this.#session;
    const command = this.#command;
    if ((config.notify ?? []).length > 0)
      await notifyAll({ ...ended, command }, config, secrets, this.#shell, this.#note);
    await this.#trace?.end(code === 1 || ended.thrown !== undefined).catch((error: unknown) => {
      this.#note(`warning: the trace of this run is incomplete: ${printable(asFailure(error).message)}`);
    });
  }
}
