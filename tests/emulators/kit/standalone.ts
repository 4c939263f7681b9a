import type { ParseArgsOptionsConfig } from "node:util";

/** What `bun run emulator <name>` prints and later ends. */
export interface Running extends AsyncDisposable {
  readonly url: string;
  /** What else a user of it must know, such as ids of things that are in it; printed line by line. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** An emulator that can be started from the command line. */
export interface Standalone {
  readonly about: string;
  /** Its own options, beside --port, --host and --json. */
  readonly options: ParseArgsOptionsConfig;
  /** One line for each of its own options, for --help. */
  readonly usage: readonly string[];
  start(at: { readonly host: string; readonly port: number }, values: Values): Promise<Running>;
}
