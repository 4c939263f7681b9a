import type { Code } from "../failure.ts";

/** What a thread can do with a stream. */
export type ThreadJob =
  | { readonly kind: "unxz" }
  | { readonly kind: "unlzma" }
  | { readonly kind: "unlz4" }
  | { readonly kind: "bunzip2" }
  | { readonly kind: "xz"; readonly level: number };

/** What a thread receives. */
export type ThreadOrder =
  | { readonly kind: "begin"; readonly job: ThreadJob; readonly code: WebAssembly.Module | undefined }
  /** Make one piece. */
  | { readonly kind: "next" }
  /** The answer to `more`; without bytes the input has ended. */
  | { readonly kind: "input"; readonly bytes: Uint8Array | undefined };

/** What a thread says. */
export type ThreadReply =
  | { readonly kind: "more" }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | {
      readonly kind: "failure";
      readonly code: Code | undefined;
      readonly message: string;
      readonly hint: string | undefined;
    };
