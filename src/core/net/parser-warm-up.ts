import { Socket } from "node:net";
import type { buildConnector, Client, Dispatcher } from "undici/index.js";

/** Twice what makes the engine compile the parser of answers (llhttp as WebAssembly) once more: the reasons of these answers, in 3 ms. */
const ANSWERS = 4;
const REASON = 64 << 10;

/** Parses some answers that come from no server. */
export async function warmUpParser(Constructor: typeof Client): Promise<void> {
  const client = new Constructor("http://127.0.0.1", { connect });
  try {
    for (let i = 0; i < ANSWERS; i++) await exchange(client);
  } finally {
    await client.destroy();
  }
}

const ANSWER = Buffer.from(`HTTP/1.1 200 ${"a".repeat(REASON)}\r\ncontent-length: 0\r\n\r\n`);

/** A connection without a server, which answers whatever is written to it. */
class Answering extends Socket {
  override _read(): void {}
  override _write(_: unknown, __: unknown, done: () => void): void {
    done();
    this.push(ANSWER);
  }
  override _final(done: () => void): void {
    done();
  }
}

const connect: buildConnector.connector = (_, callback) => queueMicrotask(() => callback(null, new Answering()));

const exchange = (client: Client): Promise<void> =>
  new Promise((resolve, reject) => {
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart: () => undefined,
      onResponseData: () => undefined,
      onResponseEnd: () => resolve(),
      onResponseError: (_, error) => reject(error),
    };
    client.dispatch({ path: "/", method: "GET" }, handler);
  });
