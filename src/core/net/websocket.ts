import { Failure } from "../failure.ts";
import { brokenFailure, type RequestInfo } from "./failures.ts";
import type { OpenListener } from "./transport.ts";

/** Messages that wait for their reader. A reader that falls further behind gets an error. */
const MOST = 10_000;

/** The text messages of a WebSocket, until the server or the signal ends it. */
export async function* messages(
  { socket, failure }: OpenListener,
  request: RequestInfo,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const queue: string[] = [];
  let end: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const finish = (error?: unknown): void => {
    end ??= error === undefined ? {} : { error };
    wake?.();
  };
  const broken = (words: string): Failure =>
    brokenFailure(new Failure("net.broken", words, { retry: true }), request, "");
  const aborted = (): void => finish(signal.reason);
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") return;
    queue.push(data);
    if (queue.length > MOST) finish(broken("too many messages"));
    wake?.();
  });
  socket.addEventListener("error", ({ message }) => {
    finish(brokenFailure(failure() ?? message, request, "the server refused the event connection"));
  });
  socket.addEventListener("close", ({ wasClean }) =>
    wasClean ? finish() : finish(broken("the event connection broke")),
  );
  signal.addEventListener("abort", aborted);
  try {
    signal.throwIfAborted();
    while (true) {
      const message = queue.shift();
      if (message !== undefined) yield message;
      else if (end !== undefined) break;
      else
        await new Promise<void>((awake) => {
          wake = awake;
        });
    }
    if (end.error !== undefined) throw end.error;
  } finally {
    signal.removeEventListener("abort", aborted);
    socket.close();
  }
}
