import { type AnswerHead, FailedAttempt } from "./attempt.ts";
import type { Clock } from "./clock.ts";
import type { HttpContext, RequestDetail, RequestTrace } from "./context.ts";
import { bodyLine, headerLines, isJson } from "./details.ts";
import { requestId } from "./failures.ts";
import type { HttpRequest } from "./request.ts";
import { shownUrl } from "./url.ts";

/** Makes one try, and tells how it ended: to `onRequest` with the id of the request, to `onDetail` with headers and bodies. */
export async function traced(
  { onRequest, onDetail }: Pick<HttpContext, "onRequest" | "onDetail">,
  job: HttpRequest,
  clock: Clock,
  send: () => Promise<AnswerHead>,
): Promise<AnswerHead> {
  const { method, url, redact } = job.request;
  const shown = { method, url: redact(shownUrl(url)) };
  const began = clock.now();
  const tell = (end: Pick<RequestTrace, "status" | "id" | "failure">): void =>
    onRequest?.({ ...shown, ms: Math.round(clock.now() - began), ...end });
  const detail = (direction: RequestDetail["direction"], lines: readonly string[]): void =>
    onDetail?.({ ...shown, direction, lines: lines.map(redact) });
  let answered: AnswerHead;
  try {
    answered = await send();
  } catch (error) {
    const cause = error instanceof FailedAttempt ? error.failure : error;
    tell({ failure: redact(cause instanceof Error ? cause.message : String(cause)) });
    throw error;
  }
  const { exchange, headers } = answered;
  const id = requestId(exchange.headers);
  tell({ status: exchange.status, ...(id === undefined ? {} : { id: redact(id) }) });
  if (onDetail !== undefined) {
    detail("sent", [...headerLines(Object.entries(headers)), ...sentBody(job, headers)]);
    detail("received", headerLines(exchange.headers));
    const type = exchange.headers.get("content-type");
    exchange.keeps(isJson(type));
    void exchange.over.then(() => detail("received", present(bodyLine(exchange.kept, exchange.received, type))));
  }
  return answered;
}

function sentBody({ text, opens }: HttpRequest, headers: Readonly<Record<string, string>>): readonly string[] {
  if (opens !== undefined) return [`(a stream${opens.size === undefined ? "" : ` of ${opens.size} bytes`})`];
  return text === undefined ? [] : present(bodyLine(text, Buffer.byteLength(text), headers["content-type"]));
}

const present = (line: string | undefined): readonly string[] => (line === undefined ? [] : [line]);
