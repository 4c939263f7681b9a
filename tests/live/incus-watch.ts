import { createServer, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";

/** The moments of a request: nothing of it has gone, a beginning of it has, the answer to it is there. */
export type Moment = "before" | "during" | "after";

/** A way to a daemon's socket that sees every request, and that waits at each moment of it until a test is done. */
export class Watch implements AsyncDisposable {
  /** Where to be reached: a socket in a directory of the test's own. */
  readonly socket: string;
  /** Requests so far, as `GET /1.0/images`. */
  readonly seen: string[] = [];
  /** Called at each moment of each request, with what its body begins with; the request goes on when it resolves. */
  at: (moment: Moment, what: string, head: string) => Promise<void> = async () => undefined;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  readonly #refusals: number[] = [];
  readonly #server = createServer((incoming, outgoing) => {
    const { method = "", url = "" } = incoming;
    const what = `${method} ${new URL(url, "http://incus").pathname}`;
    this.seen.push(what);
    const refused = this.#refusals.shift();
    if (refused !== undefined) {
      incoming.resume();
      outgoing.writeHead(refused, { "content-type": "application/json" });
      outgoing.end(JSON.stringify({ type: "error", error: "refused by the test", error_code: refused }));
      return;
    }
    this.#pass(incoming, what).then(
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on("error", () => outgoing.destroy()).pipe(outgoing);
      },
      () => outgoing.destroy(),
    );
  });

  private constructor(socket: string, target: string) {
    this.socket = socket;
    this.#target = target;
    this.#server.on("connection", (one) => {
      this.#sockets.add(one);
      one.on("close", () => this.#sockets.delete(one));
    });
  }

  static async open(socket: string, target: string): Promise<Watch> {
    const watch = new Watch(socket, target);
    await new Promise<void>((ready) => watch.#server.listen(socket, ready));
    return watch;
  }

  /** The next requests are answered with this status, and not passed on. */
  refuse(status: number, times: number): void {
    for (let i = 0; i < times; i++) this.#refusals.push(status);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** How often the daemon was asked for this. */
  count(what: RegExp): number {
    return this.seen.filter((one) => what.test(one)).length;
  }

  async #pass(incoming: IncomingMessage, what: string): Promise<IncomingMessage> {
    const pieces = incoming[Symbol.asyncIterator]();
    let piece = await pieces.next();
    const head = piece.done === true ? "" : String(piece.value);
    await this.at("before", what, head);
    const { method, url, headers } = incoming;
    const onward = request({ socketPath: this.#target, method, path: url, headers });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      onward.on("response", resolve).on("error", reject);
    });
    answered.catch(() => undefined);
    incoming.on("close", () => incoming.complete || onward.destroy());
    for (let isFirst = true; piece.done !== true; isFirst = false) {
      onward.write(piece.value);
      if (isFirst) await this.at("during", what, head);
      piece = await pieces.next();
    }
    onward.end();
    const answer = await answered;
    await this.at("after", what, head);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#sockets) one.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }
}
