import type { Code, Failure } from "../failure.ts";
import type { Digest } from "./digest.ts";
import type { Phase } from "./image.ts";
import type { Address, ImageId } from "./name.ts";
import type { Action, Drift, Plan } from "./plan.ts";

export type Command = "plan" | "apply" | "destroy" | "refresh" | "import" | "export";

/** A failure as plain data. */
export interface FailureData {
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
  readonly where?: string;
}

export const failureData = (failure: Failure): FailureData => ({
  code: failure.code,
  message: failure.message,
  ...(failure.hint === undefined ? {} : { hint: failure.hint }),
  ...(failure.request === undefined || failure.message.includes(failure.request.url)
    ? {}
    : { where: `${failure.request.method} ${failure.request.url}` }),
});

/** A phase that went on underneath another: milliseconds from the beginning of that one, and how long it took. */
export interface PhaseUnder {
  readonly phase: Phase;
  readonly done: number;
  readonly after: number;
  readonly ms: number;
}

/** Everything the core says while it works: one flat union, one discriminator, `subject.verb`. It holds plain data only. */
export type Event =
  | { readonly type: "run.started"; readonly run: string; readonly command: Command; readonly at: string }
  | { readonly type: "read.started"; readonly address: Address; readonly id?: ImageId }
  | { readonly type: "read.done"; readonly address: Address; readonly id?: ImageId }
  | {
      readonly type: "backend.failed";
      readonly backend: string;
      readonly addresses: readonly Address[];
      readonly failure: FailureData;
    }
  | { readonly type: "drift.found"; readonly drift: Drift }
  | { readonly type: "plan.done"; readonly plan: Plan }
  | { readonly type: "step.started"; readonly address: Address; readonly action: Action; readonly id?: ImageId }
  | { readonly type: "step.identified"; readonly address: Address; readonly id: ImageId }
  | { readonly type: "step.note"; readonly address: Address; readonly text: string }
  | {
      readonly type: "transfer.started";
      readonly address: Address;
      readonly phase: Phase;
      readonly total?: number;
      readonly attempt: number;
    }
  | {
      readonly type: "transfer.progress";
      readonly address: Address;
      readonly phase: Phase;
      readonly done: number;
      readonly total?: number;
      /** What is waited for, and the status that the backend reports. */
      readonly what?: string;
    }
  | {
      readonly type: "transfer.done";
      readonly address: Address;
      readonly phase: Phase;
      readonly done: number;
      readonly digest?: Digest;
      readonly ms: number;
      /** What went on at the same time, underneath this phase: an upload takes its bytes from a download that is converted on the way. */
      readonly under?: readonly PhaseUnder[];
    }
  | {
      readonly type: "step.done";
      readonly address: Address;
      readonly action: Action;
      readonly id?: ImageId;
      /** The bytes were read and are the same: of a planned replace, that the image was kept. */
      readonly same?: true;
      readonly ms: number;
    }
  | {
      readonly type: "step.failed";
      readonly address: Address;
      readonly action: Action;
      readonly failure: FailureData;
      readonly ms: number;
    }
  | { readonly type: "step.skipped"; readonly address: Address; readonly action: Action; readonly because: string }
  | { readonly type: "run.done"; readonly outcome: Outcome; readonly counts: Counts; readonly ms: number };

export type Outcome = "succeeded" | "failed" | "interrupted";

/** What a run has done, counted as terraform counts: a replaced image is one added and one destroyed. */
export interface Counts {
  readonly added: number;
  readonly changed: number;
  readonly destroyed: number;
  readonly imported: number;
  readonly forgotten: number;
  /** Images whose bytes were compared with their source and are the same. */
  readonly verified: number;
  readonly failed: number;
  /** Begun, and stopped by an interruption: what they had made is deleted again, or recorded for the next run. */
  readonly stopped: number;
  /** Not begun. */
  readonly skipped: number;
}

/** One line of a run's journal. */
export interface JournalEntry {
  readonly seq: number;
  /** RFC 3339. */
  readonly at: string;
  readonly event: Event;
}
