import { expect, setDefaultTimeout, test } from "bun:test";
import { failed, never, onHead, opened, raw, served, thrown, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/** Answers with the statuses in turn, then 200. */
const flaky = (statuses: readonly number[], headers: Record<string, string> = {}) =>
  served(async (request, nth) => {
    await request.text();
    const status = statuses[nth - 1] ?? 200;
    return new Response("{}", { status, headers });
  });

test.each([
  ["GET", 408, 2],
  ["GET", 429, 2],
  ["GET", 500, 2],
  ["GET", 502, 2],
  ["GET", 503, 2],
  ["GET", 504, 2],
  ["GET", 501, 1],
  ["GET", 404, 1],
  ["HEAD", 500, 2],
  ["PUT", 500, 1],
  ["PUT", 502, 2],
  ["DELETE", 500, 1],
  ["DELETE", 504, 2],
  ["POST", 408, 1],
  ["POST", 429, 2],
  ["POST", 500, 1],
  ["POST", 502, 1],
  ["POST", 503, 2],
  ["POST", 504, 1],
  ["PATCH", 502, 1],
])("%s that met %p is sent %p times", async (method, status, times) => {
  await using server = flaky([status]);
  await using us = opened({ url: server.url });
  await us.door.send(method, "", { signal }).catch(() => undefined);
  expect(server.asked()).toBe(times);
});

test.each([
  [true, "POST", 502, 2],
  [true, "POST", 500, 2],
  [true, "PUT", 500, 2],
  [false, "GET", 502, 1],
  [false, "GET", 500, 1],
])("idempotent: %p overrides it for %s that met %p", async (idempotent, method, status, times) => {
  await using server = flaky([status]);
  await using us = opened({ url: server.url });
  await us.door.send(method, "", { signal, idempotent }).catch(() => undefined);
  expect(server.asked()).toBe(times);
});

test("maintenance is not retried, and what the API says of another try wins over the status", async () => {
  await using away = flaky([503], { "X-Maintenance-Mode": "1" });
  await using us = opened({ url: away.url });
  expect((await failed(us.door.json("GET", "", { signal }))).code).toBe("backend.busy");
  expect(away.asked()).toBe(1);

  await using busy = flaky([400, 400]);
  await using patient = opened({ url: busy.url, explain: () => ({ retry: true }) });
  expect(await patient.door.json("POST", "", { signal })).toEqual({});
  expect(busy.asked()).toBe(3);

  await using server = flaky([503]);
  await using final = opened({ url: server.url, explain: () => ({ retry: false }) });
  expect((await failed(final.door.json("GET", "", { signal }))).retry).toBe(false);
});

test("five tries, with waits that grow at random, each told before it is waited for", async () => {
  await using server = flaky([502, 502, 502, 502, 502, 502]);
  await using us = opened({ url: server.url }, { random: () => 0.5 });
  expect((await failed(us.door.json("GET", "a?secret=1", { signal }))).code).toBe("backend.failed");
  expect(us.waits).toEqual([250, 500, 1000, 2000]);
  expect(us.retries.map(({ attempt, attempts, wait }) => [attempt, attempts, wait])).toEqual([
    [1, 5, 250],
    [2, 5, 500],
    [3, 5, 1000],
    [4, 5, 2000],
  ]);
  expect(us.retries[0]).toMatchObject({ method: "GET", url: `${server.url}/a`, failure: { code: "backend.failed" } });
});

test("Retry-After is waited for, but not beyond the time of the call", async () => {
  await using server = flaky([429, 429], { "Retry-After": "40" });
  await using us = opened({ url: server.url }, { random: () => 0 });
  expect(await us.door.json("POST", "", { signal })).toEqual({});
  expect(us.waits).toEqual([40_000, 40_000]);
  await using other = flaky([429], { "Retry-After": "40" });
  await using hasty = opened({ url: other.url });
  const failure = await failed(hasty.door.json("GET", "", { signal, timeout: 30 }));
  expect([failure.code, failure.retry, hasty.waits.length]).toEqual(["backend.busy", 40_000, 0]);
});

test("Retry-After of an answer that does not say that the server is busy is no reason to wait so long", async () => {
  await using server = flaky([500, 400], { "Retry-After": "40" });
  await using us = opened(
    { url: server.url, explain: ({ status }) => (status < 500 ? { retry: true } : undefined) },
    { random: () => 0 },
  );
  expect(await us.door.json("GET", "", { signal })).toEqual({});
  expect(us.waits).toEqual([0, 0]);
});

test("no try begins after five minutes", async () => {
  await using server = flaky([503, 503, 503, 503], { "Retry-After": "200" });
  await using us = opened({ url: server.url });
  await failed(us.door.json("GET", "", { signal }));
  expect(server.asked()).toBe(2);
});

test("a connection that breaks before the answer: GET goes again, POST tells that it may have arrived", async () => {
  await using server = await raw((socket, nth) =>
    onHead(socket, () => {
      if (nth % 2 === 1) socket.resetAndDestroy();
      else socket.end(OK);
    }),
  );
  await using us = opened({ url: server.url });
  expect(await us.door.json("GET", "", { signal })).toEqual({});
  const failure = await failed(us.door.json("POST", "x", { signal, json: {} }));
  expect(failure.code).toBe("net.broken");
  expect(failure.message).toContain(`(POST ${server.url}/x)`);
  expect(failure.hint).toContain("may have arrived");
  expect(server.met()).toBe(3);
});

test("an answer that is cut is asked for again where it is read whole, and is net.short where it streams", async () => {
  await using server = await raw((socket, nth) =>
    onHead(socket, () => {
      if (nth === 2) socket.end(OK);
      else socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
    }),
  );
  await using us = opened({ url: server.url });
  expect(await us.door.json("GET", "", { signal })).toEqual({});
  const answer = await us.door.send("GET", "x", { signal });
  const failure = await failed(Array.fromAsync(answer.stream()));
  expect(failure).toMatchObject({ code: "net.short", retry: true, request: { method: "GET", url: `${server.url}/x` } });
  expect(failure.message).toContain("ended after 3 of 100 bytes");
});

test("a chunked answer that is cut is net.short too", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")),
  );
  await using us = opened({ url: server.url });
  const answer = await us.door.send("GET", "", { signal });
  expect((await failed(Array.fromAsync(answer.stream()))).code).toBe("net.short");
  expect((await failed((await us.door.send("GET", "", { signal })).text())).code).toBe("net.short");
});

test("where nobody listens, every method is tried again, and the address is told", async () => {
  const server = await raw((socket) => socket.destroy());
  await server[Symbol.asyncDispose]();
  await using us = opened({ url: server.url });
  const failure = await failed(us.door.json("POST", "x", { signal }));
  expect(failure.code).toBe("backend.unreachable");
  expect(failure.message).toBe(`cannot connect to 127.0.0.1:${server.port}: connection refused (POST ${server.url}/x)`);
  expect(failure.hint).toBeString();
  expect(us.retries.length).toBe(4);
});

test("a name with several addresses is tried at all of them", async () => {
  await using server = served(() => new Response("{}"));
  await using us = opened({ url: `http://localhost:${server.port}` });
  expect(await us.door.json("POST", "", { signal })).toEqual({});
  expect(us.retries).toEqual([]);
});

test("a host that does not exist is told at once", async () => {
  await using us = opened({ url: "http://no-such-host.invalid:1" });
  const failure = await failed(us.door.json("GET", "", { signal }));
  expect(failure.code).toBe("backend.unreachable");
  expect(failure.message).toContain("no-such-host.invalid:1");
});

test("a socket that does not exist is told at once; one that was there before is waited for", async () => {
  const path = `${process.env["TMPDIR"] ?? "/tmp"}/images-${crypto.randomUUID()}.sock`;
  await using us = opened({ url: "http://unix", socket: path });
  const failure = await failed(us.door.json("GET", "", { signal }));
  expect([failure.code, us.retries.length]).toEqual(["backend.unreachable", 0]);
  expect(failure.message).toContain(`cannot connect to ${path}: there is no such socket`);
  const start = () => Bun.serve({ unix: path, fetch: () => new Response("{}", { headers: { connection: "close" } }) });
  await using first = { server: start(), [Symbol.asyncDispose]: () => first.server.stop(true) };
  expect(await us.door.json("GET", "1.0", { signal })).toEqual({});
  await first.server.stop(true);
  await Bun.file(path)
    .delete()
    .catch(() => undefined);
  expect((await failed(us.door.json("GET", "1.0", { signal }))).code).toBe("backend.unreachable");
  expect(us.retries.length).toBe(4);
});

test("a server that never answers is given up after the time of the call, or of the try", async () => {
  await using server = await raw((socket) => socket.resume());
  await using us = opened({ url: server.url }, { limits: { timeout: 0.05 } });
  const failure = await failed(us.door.json("GET", "x", { signal, timeout: 0.1 }));
  expect(failure.code).toBe("net.timeout");
  expect(failure.message).toBe(`no response within 0.1 s (GET ${server.url}/x)`);
  await until(() => server.met() === 1);
  const short = await failed(us.door.json("GET", "x", { signal }));
  expect(short.message).toBe(`no response within 0.05 s (GET ${server.url}/x)`);
  await until(() => server.met() === 6 && server.sockets.size === 0);
});

test("a server that drips its headers is given up all the same", async () => {
  await using server = await raw((socket) => {
    const drip = setInterval(() => socket.write("X"), 5);
    socket.on("close", () => clearInterval(drip));
    socket.write("HTTP/1.1 200 OK\r\n");
  });
  await using us = opened({ url: server.url });
  const failure = await failed(us.door.json("POST", "", { signal, timeout: 0.1 }));
  expect(failure.code).toBe("net.timeout");
  await until(() => server.sockets.size === 0);
});

test("what does not speak HTTP is told and not believed", async () => {
  await using server = await raw((socket) => socket.end("220 mail.example ESMTP\r\n"));
  await using us = opened({ url: server.url });
  const failure = await failed(us.door.json("GET", "", { signal, idempotent: false }));
  expect(failure.code).toBe("net.broken");
});

test("an abort while a retry is waited for ends the call with its reason", async () => {
  await using server = flaky([503, 503], { "retry-after": "1000" });
  const controller = new AbortController();
  const reason = new Error("enough");
  const clock = {
    now: () => 0,
    sleep: (_: number, until?: AbortSignal) =>
      new Promise<void>((_, no) => until?.addEventListener("abort", () => no(until.reason))),
  };
  await using us = opened(
    { url: server.url },
    { clock, onRetry: () => queueMicrotask(() => controller.abort(reason)) },
  );
  const source = { open: async function* () {}, size: 0 };
  expect(await thrown(us.door.send("PUT", "", { signal: controller.signal, body: source }))).toBe(reason);
});

test("no socket remains when the door is closed, whatever goes on", async () => {
  await using server = await raw((socket, nth) => {
    if (nth === 3) socket.resume();
    if (nth === 1) onHead(socket, () => socket.write(OK));
    if (nth === 2) onHead(socket, () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\nabc"));
  });
  const us = opened({ url: server.url });
  await us.door.json("GET", "kept", { signal });
  const endless = async function* () {
    while (true) yield new Uint8Array(1000);
  };
  const answer = await us.door.send("POST", "streams", { signal });
  const first = failed(Array.fromAsync(answer.stream()));
  const second = failed(us.door.send("PUT", "hangs", { signal, body: { open: endless } }));
  await until(() => server.met() === 3);
  await us.door[Symbol.asyncDispose]();
  expect([(await first).code, (await second).code]).toEqual(["net.closed", "net.closed"]);
  await until(() => server.sockets.size === 0);
  expect((await failed(us.door.json("GET", "", { signal }))).code).toBe("net.closed");
});
