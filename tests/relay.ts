import { connect, createServer, type Socket } from "node:net";

/** What becomes of the bytes that go there and come back. */
interface Passing {
  sent(chunk: Buffer, from: Socket, to: Socket): void;
  /** `end` ends both connections, without what has not been passed on. */
  got(chunk: Buffer, from: Socket, end: () => void): void;
}

export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open on both sides. */
  connections(): number;
}

/** A way to a port of this machine, on which a test counts, loses or changes what passes. */
export async function relay(port: number, { sent, got }: Passing): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(port, "127.0.0.1");
    const end = () => {
      from.destroy();
      to.destroy();
    };
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        // What came before is still to be passed on.
        (socket === to ? from : to).end();
      });
    }
    from.on("data", (chunk: Buffer) => sent(chunk, from, to));
    to.on("data", (chunk: Buffer) => got(chunk, from, end));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    connections: () => [...sockets].length / 2,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
