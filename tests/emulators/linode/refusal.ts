export interface Reason {
  readonly reason: string;
  /** The field of the request that is to blame. */
  readonly field?: string;
}

/** Thrown by a handler to answer with an error: `{"errors": [...]}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly reasons: readonly Reason[];

  constructor(status: number, ...reasons: readonly Reason[]) {
    super(reasons.map(({ reason, field }) => (field === undefined ? reason : `${field}: ${reason}`)).join("; "));
    this.name = "Refusal";
    this.status = status;
    this.reasons = reasons;
  }
}

/** The server's answer for whatever it does not have, or does not show. */
export function notFound(): Refusal {
  return new Refusal(404, { reason: "Not found" });
}

export function invalid(reason: string, field?: string): Refusal {
  return new Refusal(400, field === undefined ? { reason } : { reason, field });
}
