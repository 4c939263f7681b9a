import { expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { failed, never, onHead, opened, pem, raw, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;
const SERVER = { cert: pem("server.crt"), key: pem("server.key") };

const answers = (socket: Socket, words = "{}") =>
  onHead(socket, () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${words.length}\r\n\r\n${words}`));

/** A proxy that makes tunnels and notes the heads it saw. */
async function tunnels(
  says = "HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n",
  tls?: Parameters<typeof raw>[1],
) {
  const heads: string[] = [];
  const server = await raw((socket) => {
    onHead(socket, (head) => {
      heads.push(head);
      const [, host, port] = /^CONNECT ([^:]+):(\d+) /.exec(head) ?? [];
      if (host === undefined || !says.includes(" 200 ")) return socket.end(says);
      const through = connect({ host, port: Number(port) }, () => {
        socket.write(says);
        through.pipe(socket).pipe(through);
      });
      through.on("error", () => socket.destroy());
      socket.on("close", () => through.destroy());
      return undefined;
    });
  }, tls);
  return { ...server, heads };
}

test("https goes through a tunnel, and the certificate is still checked for the server's own name", async () => {
  await using proxy = await tunnels();
  await using server = await raw((socket) => answers(socket), SERVER);
  const env = { HTTPS_PROXY: proxy.url.replace("http://", "http://user:pass%20word@") };
  await using us = opened(
    { url: server.url, tls: { ca: pem("ca.crt") }, headers: { authorization: "Bearer t" } },
    { env },
  );
  expect(await us.door.json("GET", "x", { signal })).toEqual({});
  expect(proxy.heads.length).toBe(1);
  expect(proxy.heads[0]).toStartWith(`CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n`);
  expect(proxy.heads[0]).toContain(`proxy-authorization: Basic ${btoa("user:pass word")}`);
  expect(proxy.heads[0]).not.toContain("Bearer");

  await using elsewhere = await raw((socket) => answers(socket), {
    cert: pem("elsewhere.crt"),
    key: pem("elsewhere.key"),
  });
  await using them = opened({ url: elsewhere.url, tls: { ca: pem("ca.crt") } }, { env });
  const failure = await failed(them.door.json("GET", "x", { signal }));
  expect(failure.code).toBe("backend.tls");
  expect(failure.message).toContain(`127.0.0.1:${elsewhere.port} through the proxy 127.0.0.1:${proxy.port}`);
  expect(JSON.stringify([failure.message, failure.hint])).not.toContain("pass");
});

test("a pin and our own certificate hold through a tunnel, and so does a proxy behind TLS", async () => {
  await using proxy = await tunnels(undefined, SERVER);
  await using server = await raw((socket) => answers(socket), {
    cert: pem("pinned.crt"),
    key: pem("pinned.key"),
    ca: pem("ca.crt"),
    requestCert: true,
    rejectUnauthorized: true,
  });
  const tls = { pin: pem("pinned.crt"), cert: pem("client.crt"), key: pem("client.key") };
  const directory = new URL("../../fixtures/tls/ca.crt", import.meta.url).pathname;
  await using us = opened({ url: server.url, tls }, { env: { https_proxy: proxy.url, SSL_CERT_FILE: directory } });
  expect(await us.door.json("GET", "x", { signal })).toEqual({});
  expect(proxy.heads.length).toBe(1);
});

test("http is sent to the proxy whole, with the proxy's own authorization", async () => {
  const heads: string[] = [];
  await using proxy = await raw((socket) =>
    onHead(socket, (head) => {
      heads.push(head);
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    }),
  );
  const env = { http_proxy: proxy.url.replace("http://", "http://user:word@") };
  await using us = opened({ url: "http://server.invalid:8080/base" }, { env });
  expect(await us.door.json("GET", "x?y=z", { signal })).toEqual({});
  expect(await us.door.json("POST", "x", { signal, body: "b" })).toEqual({});
  expect(heads[0]).toStartWith("GET http://server.invalid:8080/base/x?y=z HTTP/1.1\r\n");
  expect(heads[0]).toContain("host: server.invalid:8080\r\n");
  expect(heads[0]).toContain(`proxy-authorization: Basic ${btoa("user:word")}\r\n`);
  expect(heads[1]).toStartWith("POST http://server.invalid:8080/base/x HTTP/1.1\r\n");
});

test("NO_PROXY and unix sockets pass the proxy by", async () => {
  await using server = await raw((socket) => answers(socket));
  const env = { http_proxy: "http://127.0.0.1:1", https_proxy: "http://127.0.0.1:1" };
  await using us = opened({ url: server.url }, { env: { ...env, no_proxy: "127.0.0.1" } });
  expect(await us.door.json("GET", "", { signal })).toEqual({});
  const path = `${process.env["TMPDIR"] ?? "/tmp"}/images-${crypto.randomUUID()}.sock`;
  const local = Bun.serve({ unix: path, fetch: ({ url }) => Response.json(new URL(url).pathname) });
  await using _ = { [Symbol.asyncDispose]: () => local.stop(true) };
  await using near = opened({ url: "http://incus", socket: path }, { env });
  expect(await near.door.json("GET", "1.0/images", { signal })).toBe("/1.0/images");
});

test.each([
  ["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused the tunnel with 407", "user:password"],
  ["HTTP/1.1 403 Forbidden\r\n\r\n", "refused the tunnel with 403", "NO_PROXY"],
  ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not use HTTP", "NO_PROXY"],
])("a proxy that says %j is told as such", async (says, message, hint) => {
  await using proxy = await tunnels(says);
  await using us = opened({ url: "https://server.invalid" }, { env: { HTTPS_PROXY: proxy.url } });
  const failure = await failed(us.door.json("GET", "x", { signal }));
  expect(failure.code).toBe("net.proxy");
  expect(failure.message).toContain(message);
  expect(failure.message).toContain(`server.invalid:443 through the proxy 127.0.0.1:${proxy.port}`);
  expect(failure.hint).toContain(hint);
  expect(us.retries).toEqual([]);
  await until(() => proxy.sockets.size === 0);
});

test("a proxy that is away is named in the failure", async () => {
  const gone = await raw((socket) => socket.destroy());
  await gone[Symbol.asyncDispose]();
  for (const url of ["http://server.invalid", "https://server.invalid"]) {
    await using us = opened({ url }, { env: { ALL_PROXY: gone.url } });
    const failure = await failed(us.door.json("GET", "x", { signal }));
    expect(failure.code).toBe("backend.unreachable");
    expect(failure.message).toContain(`the proxy 127.0.0.1:${gone.port}: connection refused`);
    expect(us.retries.length).toBe(4);
  }
});

test("a proxy that is no URL is told without the secrets in it", async () => {
  await using us = opened({ url: "https://server.invalid" }, { env: { HTTPS_PROXY: "socks5://user:geheim@h:1" } });
  const failure = await failed(us.door.json("GET", "x", { signal }));
  expect([failure.code, failure.message.includes("geheim")]).toEqual(["net.proxy", false]);
});
