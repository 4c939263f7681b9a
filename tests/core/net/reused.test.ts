import { expect, test } from "bun:test";
import { createServer } from "node:http";
import { never, opened, WIDE } from "./kit.ts";

const signal = never;

/** A server that keeps its connections open, and counts them. */
async function keeping() {
  let met = 0;
  const server = createServer((request, answer) => {
    request.resume().on("end", () => answer.writeHead(200, { "content-length": 0 }).end());
  });
  server.on("connection", () => met++);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    met: () => met,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const body = (size: number) => ({
  size,
  async *open() {
    yield new Uint8Array(size);
  },
});

test(
  "small bodies that may be sent twice take a connection that is there; others get one of their own",
  async () => {
    await using server = await keeping();
    await using us = opened({ url: server.url });
    /** How many connections ten such requests take, one after the other. */
    const taken = async (method: string, more = {}) => {
      const before = server.met();
      for (let nth = 0; nth < 10; nth++) await (await us.door.send(method, "/", { signal, ...more })).text();
      return server.met() - before;
    };
    const small = body(1000);
    // A connection may still be busy with the end of an answer when the next request comes.
    for (const [method, more] of [["GET"], ["DELETE"], ["PUT", { body: small }]] as const)
      expect([method, (await taken(method, more)) < 4]).toEqual([method, true]);
    expect(await taken("PUT", { body: body(2 * 1024 * 1024) })).toBe(10);
    expect(await taken("PUT", { body: { open: small.open } })).toBe(10);
    expect(await taken("POST", { body: small })).toBe(10);
    // Bytes that a server wrongly sends after HEAD would be taken for the next answer.
    await taken("HEAD");
    expect(await taken("HEAD")).toBe(10);
  },
  WIDE,
);

test(
  "small bodies arrive, each whole, also where the server closes every connection behind its answer without a word",
  async () => {
    const arrived: string[] = [];
    const server = createServer((request, answer) => {
      const { socket } = request;
      let text = "";
      request.setEncoding("latin1").on("data", (piece: string) => {
        text += piece;
      });
      request.on("end", () => {
        arrived.push(text);
        answer.writeHead(200, { "content-length": 0 }).end(() => socket.destroySoon());
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    await using us = opened({ url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}` });
    const texts = Array.from({ length: 30 }, (_, nth) => `${nth}:`.padEnd(20_000, "x"));
    for (const text of texts) {
      const given = {
        size: text.length,
        open: async function* () {
          yield new TextEncoder().encode(text);
        },
      };
      await (await us.door.send("PUT", "/", { signal, body: given })).text();
    }
    // A request whose answer was lost may arrive twice.
    expect([...new Set(arrived)]).toEqual(texts);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  },
  WIDE,
);
