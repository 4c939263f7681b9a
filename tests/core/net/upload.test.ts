import { expect, setDefaultTimeout, test } from "bun:test";
import type { Socket } from "node:net";
import type { Source } from "images";
import { Failure } from "../../../src/core/failure.ts";
import { failed, never, onHead, opened, raw, served, thrown, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;
const MiB = 1024 * 1024;

/** So many pieces of one size, counted as they are pulled. */
function giver(pieces: number, size = MiB) {
  const seen = { pulled: 0, opened: 0, closed: 0, aborted: false };
  const open = async function* (until: AbortSignal) {
    seen.opened += 1;
    try {
      for (let nth = 0; nth < pieces; nth++) {
        seen.pulled += 1;
        yield new Uint8Array(size).fill(nth);
      }
    } finally {
      seen.closed += 1;
      seen.aborted = until.aborted;
    }
  };
  return { seen, open };
}

const echoed = () =>
  served(async (request) => {
    const body = await request.arrayBuffer();
    const hash = new Bun.CryptoHasher("sha256").update(body).digest("hex");
    return Response.json({
      size: body.byteLength,
      hash,
      length: request.headers.get("content-length"),
      chunked: request.headers.get("transfer-encoding"),
      type: request.headers.get("content-type"),
    });
  });

test("a body of known size has a length, one of unknown size is chunked; both arrive whole", async () => {
  await using server = echoed();
  await using us = opened({ url: server.url });
  const { open } = giver(5, 300_000);
  const whole = new Bun.CryptoHasher("sha256");
  for await (const piece of open(signal)) whole.update(piece);
  const hash = whole.digest("hex");
  const type = "application/octet-stream";
  expect(await us.door.json("PUT", "", { signal, body: { open, size: 1_500_000 } })).toEqual({
    size: 1_500_000,
    hash,
    length: "1500000",
    chunked: null,
    type,
  });
  expect(await us.door.json("POST", "", { signal, body: { open } })).toEqual({
    size: 1_500_000,
    hash,
    length: null,
    chunked: "chunked",
    type,
  });
});

test("empty bodies and empty pieces are bodies too", async () => {
  await using server = echoed();
  await using us = opened({ url: server.url });
  const none = async function* () {};
  for (const body of [{ open: none }, { open: none, size: 0 }])
    expect(await us.door.json("PUT", "", { signal, body })).toMatchObject({ size: 0, length: "0" });
  const holes = async function* () {
    yield new Uint8Array(0);
    yield new Uint8Array([1]);
    yield new Uint8Array(0);
  };
  expect(await us.door.json("PUT", "", { signal, body: { open: holes } })).toMatchObject({ size: 1 });
});

test("a source is sent with its size, and progress counts the bytes that left, up to the last", async () => {
  await using server = echoed();
  await using us = opened({ url: server.url });
  const { open } = giver(3);
  const source: Source = {
    format: "raw",
    compression: "none",
    size: 3 * MiB,
    filename: "a.img",
    open,
    digests: async () => ({}),
  };
  const told: (readonly [string, number, number | undefined])[] = [];
  await us.door.json("PUT", "", { signal, source, progress: (phase, done, total) => told.push([phase, done, total]) });
  expect(told[0]).toEqual(["upload", 0, 3 * MiB]);
  expect(told.at(-1)).toEqual(["upload", 3 * MiB, 3 * MiB]);
  const done = told.map(([, bytes]) => bytes);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(told.length).toBeGreaterThan(10);
});

test("no more is pulled than the line takes", async () => {
  let sink: Socket | undefined;
  await using server = await raw((socket) => {
    socket.pause();
    sink = socket;
  });
  await using us = opened({ url: server.url });
  const { seen, open } = giver(60);
  let left = 0;
  const sending = us.door.json("PUT", "", {
    signal,
    body: { open, size: 60 * MiB },
    progress: (_, done) => (left = done),
  });
  // Nobody reads: what was pulled is what the kernel's buffers and one held piece take.
  let before = -1;
  await until(() => sink !== undefined && seen.pulled > 0);
  while (before !== seen.pulled) {
    before = seen.pulled;
    await Bun.sleep(100);
  }
  expect(seen.pulled).toBeLessThan(40);
  expect(left).toBeLessThanOrEqual(seen.pulled * MiB);
  let read = 0;
  let ahead = 0;
  sink?.on("data", (chunk: Buffer) => {
    read += chunk.byteLength;
    ahead = Math.max(ahead, seen.pulled * MiB - read);
    if (read >= 60 * MiB && seen.closed === 1) sink?.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  });
  sink?.resume();
  expect(await sending).toBeUndefined();
  expect(ahead).toBeLessThan(40 * MiB);
  expect([seen.pulled, left]).toEqual([60, 60 * MiB]);
});

test.each(["known", "unknown"])(
  "what the giver throws comes out as it is, and the server sees a broken body (size %s)",
  async (size) => {
    let seen = "";
    let ended = 0;
    await using server = await raw((socket) => {
      socket.on("data", (chunk) => {
        seen += chunk.toString("latin1");
      });
      socket.on("close", () => (ended += 1));
    });
    await using us = opened({ url: server.url });
    const broken = new Failure("source.digest", "not the declared bytes", { retry: true });
    const open = async function* () {
      yield Buffer.from("first");
      yield Buffer.from("last-");
      throw broken;
    };
    const body = { open, ...(size === "known" ? { size: 10 } : {}) };
    expect(await thrown(us.door.json("PUT", "", { signal, body }))).toBe(broken);
    await until(() => ended === 1);
    expect([server.met(), us.retries.length]).toEqual([1, 0]);
    expect(seen).toContain("first");
    expect(seen).not.toContain("last-");
    expect(seen).not.toContain("\r\n0\r\n");
  },
);

test("a giver that throws at once sends nothing that could be taken for an empty body", async () => {
  let seen = "";
  let ended = 0;
  await using server = await raw((socket) => {
    socket.on("data", (chunk) => {
      seen += chunk.toString("latin1");
    });
    socket.on("close", () => (ended += 1));
  });
  await using us = opened({ url: server.url });
  const broken = new Failure("source.digest", "no");
  // biome-ignore lint/correctness/useYield: it fails before its first piece
  const open = async function* () {
    throw broken;
  };
  expect(await thrown(us.door.json("PUT", "", { signal, body: { open, size: 10 } }))).toBe(broken);
  const early = () => {
    throw broken;
  };
  expect(await thrown(us.door.json("PUT", "", { signal, body: { open: early } }))).toBe(broken);
  await until(() => ended === server.met());
  expect(seen).not.toContain("content-length: 0");
  expect(seen).not.toContain("\r\n0\r\n");
});

test.each([
  [9, "9"],
  [11, "more than 10"],
])("10 bytes announced and %p given is a broken body", async (given, words) => {
  await using server = await raw((socket) => socket.resume());
  await using us = opened({ url: server.url });
  const { open } = giver(given, 1);
  const failure = await failed(us.door.json("PUT", "", { signal, body: { open, size: 10 } }));
  expect([failure.code, failure.message]).toEqual(["source.size", `expected 10 bytes, got ${words}`]);
  expect(us.retries).toEqual([]);
});

test.each([
  ["and waits", (socket: Socket) => void socket.resume()],
  ["and ends", (socket: Socket) => void socket.end()],
  ["and resets", (socket: Socket) => void socket.resetAndDestroy()],
])("an early 413 is the answer, though the body still flows: it answers %s", async (_, then) => {
  await using server = await raw((socket) =>
    onHead(socket, () => {
      socket.pause();
      socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 10\r\nx-request-id: r1\r\n\r\nover quota", () =>
        setTimeout(() => then(socket), 20),
      );
    }),
  );
  await using us = opened({ url: server.url });
  const { seen, open } = giver(1000);
  const failure = await failed(us.door.json("PUT", "i/file", { signal, body: { open, size: 1000 * MiB } }));
  expect(failure.code).toBe("backend.limits");
  expect(failure.message).toBe(`over quota (PUT ${server.url}/i/file: 413, request r1)`);
  expect(seen.pulled).toBeLessThan(100);
  expect([seen.closed, seen.aborted, us.retries.length]).toEqual([1, true, 0]);
});

test("an early yes is not believed", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => {
      socket.write("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}");
      socket.resume();
    }),
  );
  await using us = opened({ url: server.url });
  const open = async function* (until: AbortSignal) {
    yield new Uint8Array(10);
    yield new Uint8Array(10);
    await new Promise((_, reject) => until.addEventListener("abort", () => reject(until.reason)));
  };
  const failure = await failed(us.door.json("POST", "", { signal, body: { open } }));
  expect(failure.code).toBe("backend.answer");
  expect(failure.message).toContain("responded 201 before the end of the body");
});

test("a body is opened anew for each try, and progress begins anew", async () => {
  await using server = served(async (request, nth) => {
    if (nth === 1) return new Response("", { status: 503, headers: { connection: "close" } });
    return Response.json((await request.arrayBuffer()).byteLength, { status: nth === 2 ? 502 : 200 });
  });
  await using us = opened({ url: server.url });
  const { seen, open } = giver(4);
  const told: number[] = [];
  expect(
    await us.door.json("PUT", "", { signal, body: { open, size: 4 * MiB }, progress: (_, done) => told.push(done) }),
  ).toBe(4 * MiB);
  expect(seen.opened).toBe(3);
  expect(seen.closed).toBe(3);
  expect(told.filter((done) => done === 0).length).toBe(3);
  expect(told.at(-1)).toBe(4 * MiB);
});

test("a reset in the middle is tried again for PUT, and not for POST", async () => {
  const meet = (socket: Socket, nth: number) => {
    let seen = 0;
    socket.on("data", (chunk: Buffer) => {
      seen += chunk.byteLength;
      if (nth % 2 === 1 && seen > MiB) socket.resetAndDestroy();
      else if (seen >= 4 * MiB) socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
  };
  await using server = await raw(meet);
  await using us = opened({ url: server.url });
  const { seen, open } = giver(4);
  await us.door.json("PUT", "", { signal, body: { open, size: 4 * MiB } });
  expect([seen.opened, seen.closed]).toEqual([2, 2]);
  const failure = await failed(us.door.json("POST", "", { signal, body: { open, size: 4 * MiB } }));
  expect(failure.code).toBe("net.broken");
  expect(seen.opened).toBe(3);
});

test("an early 401 renews the credentials and sends the body again", async () => {
  let good = "old";
  await using server = served(async (request) => {
    if (request.headers.get("x-token") !== "new") return new Response("", { status: 401 });
    return Response.json((await request.arrayBuffer()).byteLength);
  });
  await using us = opened({
    url: server.url,
    headers: () => ({ "x-token": good }),
    renew: async () => {
      good = "new";
      return true;
    },
  });
  const { seen, open } = giver(30);
  expect(await us.door.json("PUT", "", { signal, body: { open, size: 30 * MiB } })).toBe(30 * MiB);
  expect(seen.opened).toBe(2);
});

test("a server that takes no byte is given up, and the giver is closed", async () => {
  await using stalled = await raw((socket) => socket.pause());
  await using us = opened({ url: stalled.url, idle: 0.1 });
  const { seen, open } = giver(1000);
  const failure = await failed(us.door.json("POST", "", { signal, body: { open } }));
  expect(failure.code).toBe("net.timeout");
  expect(failure.message).toBe(`the server accepted no data for 0.1 s (POST ${stalled.url}/)`);
  expect([seen.closed, seen.aborted]).toEqual([1, true]);
});

test("a giver that gives nothing for a while is waited for", async () => {
  await using server = echoed();
  await using us = opened({ url: server.url, idle: 1 });
  const slow = async function* () {
    yield new Uint8Array(1);
    await Bun.sleep(1500);
    yield new Uint8Array(1);
  };
  expect(await us.door.json("POST", "", { signal, body: { open: slow } })).toMatchObject({ size: 2 });
});

test("an answer to a body may take five times as long as a byte, and no longer", async () => {
  await using server = await raw((socket) => socket.resume());
  await using us = opened({ url: server.url, idle: 0.05 });
  const { open } = giver(1, 10);
  const failure = await failed(us.door.json("POST", "", { signal, body: { open, size: 10 } }));
  expect(failure.message).toBe(`no response received for 0.25 s (POST ${server.url}/)`);
});

test("an abort closes the connection and the giver, even one that never gives", async () => {
  await using server = await raw((socket) => socket.resume());
  await using us = opened({ url: server.url });
  const controller = new AbortController();
  const reason = new Failure("run.interrupted", "interrupted");
  let closed = false;
  const open = async function* (until: AbortSignal) {
    try {
      yield new Uint8Array(10);
      yield new Uint8Array(10);
      queueMicrotask(() => controller.abort(reason));
      await new Promise((_, reject) => until.addEventListener("abort", () => reject(until.reason)));
    } finally {
      closed = true;
    }
  };
  expect(await thrown(us.door.json("PUT", "", { signal: controller.signal, body: { open } }))).toBe(reason);
  expect(closed).toBe(true);
  await until(() => server.sockets.size === 0);
});

test("the time of a call ends an upload too, and without one it may take as long as it moves", async () => {
  await using server = await raw((socket) => socket.resume());
  await using us = opened({ url: server.url });
  const open = async function* () {
    while (true) {
      yield new Uint8Array(10);
      await Bun.sleep(5);
    }
  };
  const failure = await failed(us.door.json("PUT", "", { signal, body: { open }, timeout: 0.1 }));
  expect([failure.code, us.retries.length]).toEqual(["net.timeout", 0]);
});

test("an upload keeps its place to the end, and small calls pass it", async () => {
  let most = 0;
  let inside = 0;
  await using server = served(async (request) => {
    if (request.method === "GET") return Response.json("small");
    most = Math.max(most, ++inside);
    const { byteLength } = await request.arrayBuffer();
    inside -= 1;
    return Response.json(byteLength);
  });
  await using us = opened({ url: server.url }, { limits: { parallelism: 2 } });
  const small = async function* () {
    yield new Uint8Array(10);
    // The bytes of this body come from the same server, while all places for uploads are taken.
    yield new Uint8Array(String(await us.door.json("GET", "", { signal })).length);
  };
  const sent = Array.from({ length: 6 }, () => us.door.json("PUT", "", { signal, body: { open: small } }));
  expect(await Promise.all(sent)).toEqual([15, 15, 15, 15, 15, 15]);
  expect(most).toBeLessThanOrEqual(2);
});
