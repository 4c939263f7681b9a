import { connect, createServer, type Socket } from "node:net";

/** Stands before a server and passes everything on, except for answers that it was told to lose. */
export interface Lossy extends AsyncDisposable {
  readonly url: string;
  /** The answer to the next request that begins like this is lost, and its connection with it. */
  lose(request: RegExp): void;
  /** Answers that are still to be lost. */
  readonly left: number;
}

export async function startLossy(to: string): Promise<Lossy> {
  const { hostname, port } = new URL(to);
  const losing: RegExp[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let isLost = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    near.on("data", (piece: Buffer) => {
      const line = piece.toString("latin1", 0, 2000).split("\r\n", 1)[0] ?? "";
      const found = losing.findIndex((one) => one.test(line));
      if (found >= 0) {
        losing.splice(found, 1);
        isLost = true;
      }
      far.write(piece);
    });
    far.on("data", (piece: Buffer) => (isLost ? near.destroy() : near.write(piece)));
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it does not listen");
  return {
    url: `http://127.0.0.1:${address.port}`,
    lose: (request) => void losing.push(request),
    get left() {
      return losing.length;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
