import type { Code } from "../failure.ts";

/** What a thread can do with a stream. */
export type ThreadJob =
  | { readonly kind: "unxz" }
  | { readonly kind: "unlzma" }
  | { readonly kind: "unlz4" }
  | { readonly kind: "bunzip2" }
  | { readonly kind: "xz"; readonly level: number };

/** What a job receives. */
export type ThreadRequest =
  | { readonly kind: "begin"; readonly job: ThreadJob; readonly binary: ArrayBuffer | undefined }
  /** Make one piece. */
  | { readonly kind: "next" }
  /** The answer to `more`; without bytes the input has ended. */
  | { readonly kind: "input"; readonly bytes: Uint8Array | undefined };

/** What a job says. `end` and `failure` are its last words. */
export type ThreadAnswer =
  | { readonly kind: "more" }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | {
      readonly kind: "failure";
      readonly code: Code | undefined;
      readonly message: string;
      readonly hint: string | undefined;
    };

/** Which of its jobs a message is about: some are on their way when a job ends. */
interface Turn {
  readonly turn: number;
}
export type ThreadOrder = Turn & ThreadRequest;
export type ThreadReply = Turn & ThreadAnswer;
