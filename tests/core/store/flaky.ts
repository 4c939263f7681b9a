import { connect, createServer, type Socket } from "node:net";

export interface Flaky extends AsyncDisposable {
  readonly port: number;
  /** Answers that were lost so far. */
  readonly lost: () => number;
  /** Bytes that went there, and that came back. */
  readonly bytes: () => readonly [sent: number, got: number];
  /** HTTP requests that went there. */
  readonly requests: () => number;
  /** How likely an answer is lost: it has been done, and the connection ends before anything of it is told. */
  loses(share: number): void;
}

const REQUEST = /^[A-Z]+ \/\S* HTTP\/1\.1\r$/gm;

/** A way to a server of this machine that loses answers. */
export async function flaky(to: number): Promise<Flaky> {
  const sockets = new Set<Socket>();
  let lost = 0;
  let share = 0;
  let [sent, got] = [0, 0];
  let requests = 0;
  const server = createServer((from) => {
    const on = connect(to, "127.0.0.1");
    const end = () => {
      from.destroy();
      on.destroy();
    };
    for (const socket of [from, on]) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        // What came before is still to be told.
        (socket === on ? from : on).end();
      });
    }
    from.on("data", (chunk) => {
      sent += chunk.length;
      requests += chunk.toString("latin1").match(REQUEST)?.length ?? 0;
      on.write(chunk);
    });
    on.on("data", (chunk) => {
      got += chunk.length;
      if (Math.random() >= share) return void from.write(chunk);
      lost++;
      end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    lost: () => lost,
    bytes: () => [sent, got],
    requests: () => requests,
    loses(now) {
      share = now;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
