import { expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { failed, never, onHead, opened, raw, served, thrown, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;
const MiB = 1024 * 1024;
const collected = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(pieces));

test("bytes come as they were, as a stream and as text", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await using server = served(({ url }) => new Response(url.endsWith("text") ? "grüße" : bytes));
  await using us = opened({ url: server.url });
  const answer = await us.door.send("GET", "bytes", { signal });
  expect([answer.status, answer.headers.get("content-length")]).toEqual([200, "60000"]);
  expect((await collected(answer.stream())).equals(bytes)).toBe(true);
  const text = await us.door.send("GET", "text", { signal });
  expect([await text.text(), await text.text()]).toEqual(["grüße", "grüße"]);
  expect(String(await thrown(collected(text.stream())))).toContain("read once");
});

test("what a server compressed is left as it is in a stream", async () => {
  const packed = Bun.gzipSync("hello");
  await using server = served(() => new Response(packed, { headers: { "content-encoding": "gzip" } }));
  await using us = opened({ url: server.url });
  const answer = await us.door.send("GET", "", { signal });
  expect((await collected(answer.stream())).equals(packed)).toBe(true);
});

test("a reader that is slow holds the server back", async () => {
  let offered = 0;
  await using server = await raw((socket) =>
    onHead(socket, async () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${100 * MiB}\r\n\r\n`);
      for (let nth = 0; nth < 100; nth++) {
        offered += 1;
        if (!socket.write(new Uint8Array(MiB))) await new Promise((drained) => socket.once("drain", drained));
      }
    }),
  );
  await using us = opened({ url: server.url });
  const answer = await us.door.send("GET", "", { signal });
  let before = -1;
  await until(() => offered > 0);
  while (before !== offered) {
    before = offered;
    await Bun.sleep(100);
  }
  expect(offered).toBeLessThan(40);
  let size = 0;
  for await (const piece of answer.stream()) size += piece.byteLength;
  expect([size, offered]).toEqual([100 * MiB, 100]);
});

test("who stops reading closes the connection and leaves the place", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => {
      const more = () => {
        while (!socket.destroyed && socket.write(new Uint8Array(MiB)));
      };
      socket.on("drain", more);
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n");
      more();
    }),
  );
  await using us = opened({ url: server.url, parallelism: 1 });
  for (let nth = 0; nth < 3; nth++) {
    const answer = await us.door.send("GET", "", { signal });
    for await (const piece of answer.stream()) {
      expect(piece.byteLength).toBeGreaterThan(0);
      break;
    }
  }
  await until(() => server.sockets.size === 0);
  expect(server.met()).toBe(3);
});

test("an answer that nobody reads is let go after a while; a small one holds nothing", async () => {
  await using server = await raw((socket) =>
    onHead(socket, (head) => {
      if (head.includes("small")) return socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsmall");
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n");
      return socket.write(new Uint8Array(2 * MiB));
    }),
  );
  await using us = opened({ url: server.url, parallelism: 1, idle: 0.2 });
  const small = await us.door.send("GET", "small", { signal });
  const large = await us.door.send("GET", "large", { signal });
  await us.door.send("GET", "small", { signal });
  expect(await small.text()).toBe("small");
  expect((await failed(large.text())).code).toBe("net.timeout");
});

test("a body that stalls ends after its idle time", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nabc")),
  );
  await using us = opened({ url: server.url, idle: 0.2 });
  const failure = await failed(collected((await us.door.send("GET", "stall", { signal })).stream()));
  expect(failure).toMatchObject({ code: "net.timeout", retry: true });
  expect(failure.message).toBe(`no data received for 0.2 s (GET ${server.url}/stall)`);
});

test("the time of a call does not count for a body that flows", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n");
      setTimeout(() => socket.write("x".repeat(20)), 2500);
    }),
  );
  await using us = opened({ url: server.url });
  const answer = await us.door.send("GET", "", { signal, timeout: 2 });
  expect((await collected(answer.stream())).byteLength).toBe(20);
});

test("a body that resets is net.short, and says how far it came", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nabc", () =>
        setTimeout(() => socket.resetAndDestroy(), 10),
      );
    }),
  );
  await using us = opened({ url: server.url });
  const failure = await failed(collected((await us.door.send("GET", "x", { signal })).stream()));
  expect(failure).toMatchObject({ code: "net.short", retry: true });
  expect(failure.message).toContain("the response ended after 3 of 20 bytes");
});

test("a body without a length that resets is no whole body", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => {
      socket.write("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc", () =>
        setTimeout(() => socket.resetAndDestroy(), 10),
      );
    }),
  );
  await using us = opened({ url: server.url });
  const failure = await failed(collected((await us.door.send("GET", "x", { signal })).stream()));
  expect(failure).toMatchObject({ code: "net.short", retry: true });
  expect(failure.message).toContain("the response ended after 3 bytes: the connection was reset");
});

test("an abort ends a stream with its reason and closes the connection", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nabc")),
  );
  await using us = opened({ url: server.url });
  const controller = new AbortController();
  const answer = await us.door.send("GET", "", { signal: controller.signal });
  const reason = new Error("enough");
  const seen: number[] = [];
  const reading = thrown(
    (async () => {
      for await (const piece of answer.stream()) {
        seen.push(piece.byteLength);
        controller.abort(reason);
      }
    })(),
  );
  expect(await reading).toBe(reason);
  expect(seen).toEqual([3]);
  await until(() => server.sockets.size === 0);
});

test("more than 64 MiB of text is refused before it fills the memory", async () => {
  let sent = 0;
  await using server = await raw((socket) =>
    onHead(socket, async () => {
      socket.setMaxListeners(0).write("HTTP/1.1 200 OK\r\n\r\n");
      while (!socket.destroyed) {
        sent += 1;
        // The other side goes away in the middle of a write: an error of the socket is the end that is waited for.
        if (!socket.write(new Uint8Array(MiB)))
          await Promise.race([once(socket, "drain"), once(socket, "close")]).catch(() => socket.destroy());
      }
    }),
  );
  await using us = opened({ url: server.url });
  const failure = await failed(us.door.json("GET", "", { signal }));
  expect(failure.code).toBe("backend.answer");
  expect(failure.message).toContain("larger than 64 MiB");
  expect(sent).toBeLessThan(120);
});

test("a small answer that unpacks to more than 64 MiB is refused too", async () => {
  const bomb = Bun.gzipSync(new Uint8Array(65 * MiB));
  await using server = served(() => new Response(bomb, { headers: { "content-encoding": "gzip" } }));
  await using us = opened({ url: server.url });
  expect((await failed(us.door.json("GET", "", { signal }))).code).toBe("backend.answer");
});

test("HEAD has headers and no body", async () => {
  await using server = await raw((socket) =>
    onHead(socket, () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 12345\r\netag: "e"\r\n\r\n')),
  );
  await using us = opened({ url: server.url });
  const answer = await us.door.send("HEAD", "", { signal });
  expect([answer.headers.get("content-length"), answer.headers.get("etag"), await answer.text()]).toEqual([
    "12345",
    '"e"',
    "",
  ]);
});

test("304 and 206 are answers where they are asked for", async () => {
  await using server = served((request) =>
    request.headers.has("range")
      ? new Response("bc", { status: 206, headers: { "content-range": "bytes 1-2/3" } })
      : new Response(null, { status: 304 }),
  );
  await using us = opened({ url: server.url });
  const kept = await us.door.send("GET", "", { signal, headers: { "If-None-Match": '"e"' }, accept: [304] });
  expect(kept.status).toBe(304);
  const part = await us.door.send("GET", "", { signal, headers: { Range: "bytes=1-" } });
  expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 1-2/3", "bc"]);
  expect((await failed(us.door.send("GET", "", { signal }))).code).toBe("backend.refused");
});
