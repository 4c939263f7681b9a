import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket, type TlsOptions } from "node:tls";
import { failed, never, onHead, opened, pem, raw, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;
const SERVER: TlsOptions = { cert: pem("server.crt"), key: pem("server.key") };
const PINNED: TlsOptions = { cert: pem("pinned.crt"), key: pem("pinned.key") };
const ELSEWHERE: TlsOptions = { cert: pem("elsewhere.crt"), key: pem("elsewhere.key") };

/** Tells the name in the client's certificate. */
const greets = (socket: Socket) =>
  onHead(socket, () => {
    const name = socket instanceof TLSSocket ? socket.getPeerCertificate()?.subject?.CN : undefined;
    const body = JSON.stringify({ client: name ?? null });
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });

test("a certificate of a known authority and the right name is accepted", async () => {
  await using server = await raw(greets, SERVER);
  await using us = opened({ url: server.url, tls: { ca: pem("ca.crt") } });
  expect(await us.door.json("GET", "", { signal })).toEqual({ client: null });
});

test("our own certificate is shown to a server that asks, and a server that wants one says so", async () => {
  await using server = await raw(greets, { ...SERVER, ca: pem("ca.crt"), requestCert: true, rejectUnauthorized: true });
  const tls = { ca: pem("ca.crt"), cert: pem("client.crt"), key: pem("client.key") };
  await using us = opened({ url: server.url, tls });
  expect(await us.door.json("GET", "", { signal })).toEqual({ client: "client" });
  await using them = opened({ url: server.url, tls: { ca: pem("ca.crt") } });
  const failure = await failed(them.door.json("POST", "", { signal }));
  // Bun shows no alert of TLS, only the end of the connection.
  expect(failure.code).toBe("net.broken");
  expect(failure.hint).toContain("certificate");
});

test.each([
  ["an unknown authority", SERVER, {}, "ca"],
  ["its own signature", PINNED, {}, "pin"],
  ["another name", ELSEWHERE, { ca: pem("ca.crt") }, "another name"],
])("a certificate with %s is refused, with what to do about it", async (_, shows, tls, hint) => {
  let asked = 0;
  await using server = await raw((socket) => onHead(socket, () => (asked += 1)), shows);
  await using us = opened({ url: server.url, tls });
  const failure = await failed(us.door.json("GET", "x", { signal }));
  expect(failure.code).toBe("backend.tls");
  expect(failure.message).toStartWith(`cannot connect to 127.0.0.1:${server.port}: `);
  expect(failure.message).toEndWith(`(GET ${server.url}/x)`);
  expect(failure.hint).toContain(hint);
  expect([asked, us.retries.length]).toEqual([0, 0]);
  await until(() => server.sockets.size === 0);
});

test("without verification any certificate will do", async () => {
  for (const shows of [PINNED, ELSEWHERE]) {
    await using server = await raw(greets, shows);
    await using us = opened({ url: server.url, tls: { verify: false } });
    expect(await us.door.json("GET", "", { signal })).toEqual({ client: null });
  }
});

test("a pinned certificate is the only one that will do, whatever its name", async () => {
  await using server = await raw(greets, PINNED);
  await using us = opened({
    url: server.url,
    tls: { pin: pem("pinned.crt"), cert: pem("client.crt"), key: pem("client.key") },
  });
  expect(await us.door.json("GET", "", { signal })).toEqual({ client: null });

  let asked = 0;
  // Signed by a good authority, for the right name, and still not the pinned one.
  await using other = await raw((socket) => onHead(socket, () => (asked += 1)), SERVER);
  await using them = opened({ url: other.url, tls: { pin: pem("pinned.crt"), ca: pem("ca.crt"), verify: false } });
  const failure = await failed(them.door.json("POST", "", { signal, body: "secret" }));
  expect(failure.code).toBe("backend.tls");
  const print = createHash("sha256")
    .update(new X509Certificate(pem("server.crt")).raw)
    .digest("hex");
  expect(failure.message).toContain(`the certificate of the server is not the pinned one: sha256 ${print}`);
  expect([asked, them.retries.length]).toEqual([0, 0]);

  await using bad = opened({ url: server.url, tls: { pin: "not a certificate" } });
  expect((await failed(bad.door.json("GET", "", { signal }))).code).toBe("backend.tls");
});

test("pin, certificate and unix socket are for the door's own server only", async () => {
  const asking = { ...SERVER, ca: pem("ca.crt"), requestCert: true, rejectUnauthorized: false };
  await using other = await raw(greets, asking);
  await using home = await raw(greets, { ...PINNED, requestCert: true, rejectUnauthorized: false });
  const tls = { pin: pem("pinned.crt"), cert: pem("client.crt"), key: pem("client.key"), ca: pem("ca.crt") };
  await using us = opened({ url: home.url, tls });
  expect(await us.door.json("GET", "", { signal })).toEqual({ client: "client" });
  expect(await us.door.json("GET", `${other.url}/x`, { signal })).toEqual({ client: null });
});

test("SSL_CERT_FILE adds authorities to the usual ones", async () => {
  const directory = await mkdtemp(join(tmpdir(), "images-tls-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
  const file = join(directory, "ca.pem");
  await Bun.write(file, pem("ca.crt"));
  await using server = await raw(greets, SERVER);
  await using us = opened({ url: server.url }, { env: { SSL_CERT_FILE: file } });
  expect(await us.door.json("GET", "", { signal })).toEqual({ client: null });
  await using them = opened({ url: server.url }, { env: { SSL_CERT_FILE: join(directory, "none") } });
  const failure = await failed(them.door.json("GET", "", { signal }));
  expect([failure.code, failure.message.includes(join(directory, "none"))]).toEqual(["backend.tls", true]);
});

test("certificates that cannot be read are told before anything is sent", async () => {
  await using server = await raw(greets, SERVER);
  await using us = opened({ url: server.url, tls: { ca: pem("ca.crt"), cert: "no", key: "pem" } });
  const failure = await failed(us.door.json("GET", "", { signal }));
  expect(failure.code).toBe("backend.tls");
  expect(failure.hint).toContain("PEM");
});

test("a server that speaks no TLS is told as such", async () => {
  await using server = await raw((socket) => socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  await using us = opened({ url: server.url.replace("http:", "https:") });
  const failure = await failed(us.door.json("GET", "", { signal }));
  expect(failure.code).toBe("backend.tls");
  expect(failure.hint).toContain("http://");
});

test("NODE_TLS_REJECT_UNAUTHORIZED is not listened to", async () => {
  await using server = await raw(greets, SERVER);
  const program = `
    const { createHttpClient } = await import(${JSON.stringify(new URL("../../../src/core/net/http.ts", import.meta.url).pathname)});
    const door = createHttpClient({ url: process.argv[1] }, { env: process.env, redact: (text) => text, maskSecret() {} });
    const said = await door.json("GET", "", { signal: new AbortController().signal }).catch((error) => error.code);
    console.log(JSON.stringify(said));
    await door[Symbol.asyncDispose]();`;
  const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const child = Bun.spawn([process.execPath, "-e", program, server.url], { env, stdout: "pipe", stderr: "ignore" });
  expect((await child.stdout.text()).trim()).toBe('"backend.tls"');
});

test("a streamed body over TLS arrives whole, and is held back by a slow server", async () => {
  let seen = 0;
  await using server = await raw((socket) => {
    socket.on("data", (chunk: Buffer) => {
      seen += chunk.byteLength;
      socket.pause();
      setTimeout(() => socket.resume(), 0);
      if (seen > 8 * 1024 * 1024) socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
  }, SERVER);
  await using us = opened({ url: server.url, tls: { ca: pem("ca.crt") } });
  const open = async function* () {
    for (let nth = 0; nth < 8; nth++) yield new Uint8Array(1024 * 1024);
  };
  await us.door.json("PUT", "", { signal, body: { open, size: 8 * 1024 * 1024 } });
});
