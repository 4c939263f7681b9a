import type { Refusal } from "./refusal.ts";

/** A trouble that a test can plan for coming requests. */
export type Fault =
  /** An error of the API, instead of doing what was asked for. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** An error as the newer services write it (RFC 9457). */
  | { readonly kind: "problem"; readonly status: number; readonly title: string; readonly detail: string }
  /** The page of a gateway that finds no API behind it. */
  | { readonly kind: "bad-gateway" }
  /** The connection is closed before anything is done. */
  | { readonly kind: "dropped" }
  /** What was asked for is done, but its answer never arrives. */
  | { readonly kind: "lost-answer" }
  /** The answer waits for `until`. Not `isDone`: nothing is done, and then the connection is closed. */
  | { readonly kind: "held"; readonly until: Promise<void>; readonly isDone: boolean };

/** The answer for a fault; undefined for those that have none or that are answered as other errors are. */
export function faultAnswer(fault: Fault | undefined): Response | undefined {
  switch (fault?.kind) {
    case "problem": {
      const { status, title, detail } = fault;
      const type = `/errors/${title.toLowerCase().replaceAll(" ", "_")}`;
      const headers = { "content-type": "application/problem+json" };
      return new Response(JSON.stringify({ type, status, title, detail }), { status, headers });
    }
    case "bad-gateway": {
      const text = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
      return new Response(text, { status: 502, headers: { "content-type": "text/html" } });
    }
    case undefined:
    case "refused":
    case "dropped":
    case "lost-answer":
    case "held":
      return undefined;
    default:
      return fault satisfies never;
  }
}
