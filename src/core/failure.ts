import type { FilePosition } from "./model/position.ts";

/** What a failure is about. Codes are stable: scripts and people search for them. */
type Area = "backend" | "cli" | "config" | "disk" | "net" | "plan" | "plugin" | "run" | "source" | "state";
export type Code = `${Area}.${string}`;

/** One thing that is wrong, reported together with others. */
export interface Problem {
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
  readonly at?: FilePosition;
  /** A warning is reported, and nothing stops for it. */
  readonly severity?: "error" | "warning";
}

interface FailureFacts {
  /** What to do about it, in one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Where in images.toml (or in a plugin file) the reason stands. */
  readonly at?: FilePosition | undefined;
  /** `backend/image`, where one address failed. */
  readonly address?: string | undefined;
  /** Worth another try: true, or the milliseconds that the other side asked us to wait. Set where that is known. */
  readonly retry?: boolean | number | undefined;
  /** The request that failed; the URL is without user, query and fragment. */
  readonly request?:
    | { readonly method: string; readonly url: string; readonly status?: number; readonly id?: string }
    | undefined;
  /** All that is wrong, where more than one thing is. */
  readonly problems?: readonly Problem[] | undefined;
}

/** An error that a user can act on. Everything else that is thrown is a bug and shows its stack. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: Code;
  readonly hint: string | undefined;
  readonly at: FilePosition | undefined;
  readonly address: string | undefined;
  readonly retry: boolean | number;
  readonly request: FailureFacts["request"];
  readonly problems: readonly Problem[];

  constructor(code: Code, message: string, facts: FailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.hint = facts.hint;
    this.at = facts.at;
    this.address = facts.address;
    this.retry = facts.retry ?? false;
    this.request = facts.request;
    this.problems = facts.problems ?? [];
  }

  /** The same failure with more said of where it happened; what is known already stays. */
  with(facts: FailureFacts): Failure {
    return new Failure(this.code, this.message, {
      hint: this.hint ?? facts.hint,
      cause: this.cause ?? facts.cause,
      at: this.at ?? facts.at,
      address: this.address ?? facts.address,
      retry: this.retry === false ? facts.retry : this.retry,
      request: this.request ?? facts.request,
      problems: this.problems.length > 0 ? this.problems : facts.problems,
    });
  }
}

/** Any thrown thing as a Failure; one that is none becomes `run.bug`, with itself as the cause. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  // The end of an `await using` failed as well: what came first is what there is to tell.
  if (thrown instanceof SuppressedError) return asFailure(thrown.suppressed);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Failure("run.bug", message, { cause: thrown });
}

/** The run was ended by its user: Ctrl-C, or a parent that asked for it. */
export const interrupted = (): Failure => new Failure("run.interrupted", "interrupted");
export const isInterrupted = (thrown: unknown): boolean =>
  thrown instanceof Failure && thrown.code === "run.interrupted";
