import type { Clock } from "./clock.ts";
import { type RequestShown, requestId } from "./failures.ts";
import type { HttpMeans, Traced } from "./means.ts";
import { shownUrl } from "./url.ts";

interface Answered {
  readonly exchange: { readonly status: number; readonly headers: Headers };
}

/** Makes one try and tells `onRequest` how it ended. No header or body is reported but the request's id. */
export async function traced<T extends Answered>(
  { onRequest }: Pick<HttpMeans, "onRequest">,
  { method, url, redact }: RequestShown,
  clock: Clock,
  send: () => Promise<T>,
): Promise<T> {
  const began = clock.now();
  const tell = (end: Pick<Traced, "status" | "id" | "failure">): void =>
    onRequest?.({ method, url: redact(shownUrl(url)), ms: Math.round(clock.now() - began), ...end });
  let answered: T;
  try {
    answered = await send();
  } catch (error) {
    tell({ failure: redact(error instanceof Error ? error.message : String(error)) });
    throw error;
  }
  const { status, headers } = answered.exchange;
  const id = requestId(headers);
  tell({ status, ...(id === undefined ? {} : { id: redact(id) }) });
  return answered;
}
