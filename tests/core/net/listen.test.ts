import { expect, setDefaultTimeout, test } from "bun:test";
import { failed, never, opened, pem, raw, thrown, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;
type Tls = { cert: string; key: string };

/** Says what it was asked with, then what it is told to. */
function speaks(then: (socket: Bun.ServerWebSocket<string>) => void, { tls, unix }: { tls?: Tls; unix?: string } = {}) {
  let open = 0;
  const server = Bun.serve<string>({
    ...(unix === undefined ? { hostname: "127.0.0.1", port: 0 } : { unix }),
    ...(tls === undefined ? {} : { tls }),
    fetch(request, self) {
      const { pathname, search } = new URL(request.url);
      const data = `${pathname}${search} ${request.headers.get("x-token")}`;
      return self.upgrade(request, { data }) ? undefined : new Response("no", { status: 403 });
    },
    websocket: {
      open(socket) {
        open += 1;
        socket.send(socket.data);
        then(socket);
      },
      close() {
        open -= 1;
      },
      message() {},
    },
  });
  const url = unix === undefined ? `${tls === undefined ? "http" : "https"}://127.0.0.1:${server.port}` : "http://unix";
  return { url, open: () => open, [Symbol.asyncDispose]: () => server.stop(true) };
}

const twice = (socket: Bun.ServerWebSocket<string>) => {
  socket.send("two");
  socket.close();
};

test("messages come in order until the server ends it, with the door's headers and query", async () => {
  await using server = speaks(twice);
  await using us = opened({ url: server.url, headers: { "X-Token": "t" } });
  const heard = us.door.listen("1.0/events", { signal, query: { type: "operation,lifecycle" } });
  expect(await Array.fromAsync(heard)).toEqual(["/1.0/events?type=operation%2Clifecycle t", "two"]);
  expect(server.open()).toBe(0);
});

test("it goes over TLS with a pinned certificate, and over a unix socket", async () => {
  const tls = { cert: pem("pinned.crt"), key: pem("pinned.key") };
  await using secure = speaks(twice, { tls });
  await using us = opened({ url: secure.url, tls: { pin: tls.cert } });
  expect(await Array.fromAsync(us.door.listen("e", { signal }))).toEqual(["/e null", "two"]);
  await using others = opened({ url: secure.url, tls: { pin: pem("server.crt") } });
  expect((await failed(Array.fromAsync(others.door.listen("e", { signal })))).code).toBe("backend.tls");

  const unix = `${process.env["TMPDIR"] ?? "/tmp"}/images-${crypto.randomUUID()}.sock`;
  await using local = speaks(twice, { unix });
  await using near = opened({ url: local.url, socket: unix });
  expect(await Array.fromAsync(near.door.listen("e", { signal }))).toEqual(["/e null", "two"]);
});

test("who stops, aborts or closes the door is not listening any more", async () => {
  await using server = speaks(() => undefined);
  const us = opened({ url: server.url });
  for await (const message of us.door.listen("e", { signal })) {
    expect(message).toBe("/e null");
    break;
  }
  await until(() => server.open() === 0);
  const controller = new AbortController();
  const reason = new Error("enough");
  const listening = async (until: AbortSignal) => {
    for await (const _ of us.door.listen("e", { signal: until })) queueMicrotask(() => controller.abort(reason));
  };
  expect(await thrown(listening(controller.signal))).toBe(reason);
  expect(await thrown(listening(controller.signal))).toBe(reason);
  await until(() => server.open() === 0);
  const closed = failed(listening(signal));
  await until(() => server.open() === 1);
  await us.door[Symbol.asyncDispose]();
  expect((await closed).code).toBe("net.closed");
  await until(() => server.open() === 0);
});

test("a server that refuses, breaks off or does not exist is told", async () => {
  await using refuses = await raw((socket) =>
    socket.on("data", () => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")),
  );
  await using us = opened({ url: refuses.url });
  const failure = await failed(Array.fromAsync(us.door.listen("e", { signal })));
  expect([failure.code, failure.retry]).toEqual(["net.broken", true]);
  expect(failure.message).toContain(`(GET ${refuses.url}/e)`);
  await using server = speaks((socket) => socket.terminate());
  await using them = opened({ url: server.url });
  expect((await failed(Array.fromAsync(them.door.listen("e", { signal })))).code).toBe("net.broken");
  const gone = await raw((socket) => socket.destroy());
  await gone[Symbol.asyncDispose]();
  await using nobody = opened({ url: gone.url });
  expect((await failed(Array.fromAsync(nobody.door.listen("e", { signal })))).code).toBe("backend.unreachable");
});
