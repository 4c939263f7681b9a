import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { asker, beginUpload, put } from "./linode/ask.ts";
import { type LinodeEmulator, type LinodeOptions, startLinode } from "./linode/start.ts";

async function begun(options: LinodeOptions = {}) {
  const emulator = await startLinode(options);
  const ask = asker(emulator.url);
  const { uploadTo: url, id } = await beginUpload(emulator.url);
  const status = async () => (await ask("GET", `/v4/images/${id}`)).body.status;
  return { emulator, ask, url, id, status };
}

async function lastMessage(emulator: LinodeEmulator): Promise<string | undefined> {
  emulator.control.settle();
  return emulator.control.events().findLast(({ action }) => action === "image_upload")?.message;
}

test("a chunked body is taken too, and is digested in both forms without being kept", async () => {
  const { emulator, url, status } = await begun();
  await using _ = emulator;
  const raw = Buffer.alloc(40 * 1024 * 1024);
  const bytes = gzipSync(raw);
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += 4096) yield bytes.subarray(at, at + 4096);
  };
  const response = await fetch(url, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: new ReadableStream({ type: "bytes", start: (to) => drainInto(chunks(), to) }),
  });
  expect(response.status).toBe(200);
  expect(emulator.control.received()).toMatchObject([
    { sha256: digest(bytes), raw: { bytes: raw.length, sha256: digest(raw) }, contentLength: undefined, isWhole: true },
  ]);
  emulator.control.settle();
  expect(await status()).toBe("available");
  expect(emulator.control.images()[0]).toMatchObject({ size: 40 });
});

test("the 29 bytes of an empty gzip become an image of 1 MB", async () => {
  const { emulator, url } = await begun();
  await using _ = emulator;
  await put(url, gzipSync(""));
  emulator.control.settle();
  expect(emulator.control.images()[0]).toMatchObject({ size: 1, total_size: 1, status: "available" });
});

test("a signature is for one image, one type of content and one day, and goes with no token", async () => {
  const { emulator, url, status } = await begun();
  await using _ = emulator;
  const other = new URL((await beginUpload(emulator.url)).uploadTo);
  const crossed = `${other.origin}${other.pathname}${new URL(url).search}`;
  expect((await put(crossed, "x")).status).toBe(403);
  expect((await put(url.replace(/Expires=\d+/, "Expires=99999999999"), "x")).status).toBe(403);
  expect((await put(url, "x", { "content-type": "text/plain" })).status).toBe(403);
  expect((await put(url, "x", { authorization: "Bearer a-token" })).status).toBe(400);
  expect((await put(`${emulator.uploadsUrl}/elsewhere`, "x")).status).toBe(403);
  expect((await fetch(url)).status).toBe(405);
  emulator.control.expireUploads(true);
  const late = await put(url, "x");
  expect([late.status, await late.text()]).toEqual([403, expect.stringContaining("Request has expired")]);
  expect(await status()).toBe("pending_upload");
  expect(emulator.control.received()).toEqual([]);
});

test("what is too large, cut off or planned to fail is told by its event", async () => {
  const { emulator, ask, url, id } = await begun({ limits: { raw: 1, compressed: 4096 } });
  await using _ = emulator;
  const begin = async () => (await beginUpload(emulator.url)).uploadTo;
  await put(url, gzipSync(Buffer.alloc(1024 * 1024 + 1)));
  expect(await lastMessage(emulator)).toBe("Failed to decompress image");
  expect((await ask("GET", `/v4/images/${id}`)).status).toBe(404);
  await put(await begin(), gzipSync(crypto.getRandomValues(new Uint8Array(8192))));
  expect(await lastMessage(emulator)).toBe("Failed to decompress image");
  await put(await begin(), gzipSync("raw").subarray(0, -4));
  expect(await lastMessage(emulator)).toBe("Failed to decompress image");
  expect(emulator.control.images()).toEqual([]);
  emulator.control.failUpload("Image is broken", true);
  await put(await begin(), gzipSync("raw"));
  expect(await lastMessage(emulator)).toBe("Image is broken");
  expect(emulator.control.images()[0]?.status).toBe("pending_upload");
});

test("an upload that breaks off changes nothing, and can be begun anew at the same URL", async () => {
  const { emulator, url, status } = await begun();
  await using _ = emulator;
  emulator.control.next({ kind: "dropped", afterBytes: 1 }, { server: "uploads" });
  expect(async () => await put(url, crypto.getRandomValues(new Uint8Array(60_000)))).toThrow();
  emulator.control.next({ kind: "internal" }, { server: "uploads" });
  expect((await put(url, "x")).status).toBe(500);
  const abort = new AbortController();
  let sentChunks = 0;
  const body = new ReadableStream({
    pull(to) {
      to.enqueue(new Uint8Array(100_000));
      sentChunks += 1;
      if (sentChunks === 5) abort.abort();
    },
  });
  const sent = fetch(url, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body,
    signal: abort.signal,
  });
  expect(async () => await sent).toThrow();
  await emulator.log.until({ server: "uploads" }, 3);
  expect(emulator.control.received()).toMatchObject([{ isWhole: false }]);
  emulator.control.settle();
  expect(await status()).toBe("pending_upload");
  expect((await put(url, gzipSync("raw"))).status).toBe(200);
  emulator.control.settle();
  expect(await status()).toBe("available");
  expect((await put(url, gzipSync("again"))).status).toBe(403);
});

test("a later upload takes the place of an earlier one that is still worked on", async () => {
  const { emulator, url } = await begun();
  await using _ = emulator;
  await put(url, "no gzip");
  await put(url, gzipSync("raw"));
  expect(await lastMessage(emulator)).toBe("");
  expect(emulator.control.images()[0]?.status).toBe("available");
});

test("images become available after so many looks, so long, or when they are settled", async () => {
  let now = 1_700_000_000_000;
  const { emulator, ask, url, status } = await begun({ pace: { polls: 3 }, now: () => now });
  await using _ = emulator;
  await put(url, gzipSync("raw"));
  const seen = [
    await status(),
    (await ask("GET", "/v4/images")).body.data?.[0]?.status,
    await status(),
    await status(),
  ];
  expect(seen).toEqual(["pending_upload", "pending_upload", "pending_upload", "available"]);
  emulator.control.pace({ ms: 1000 });
  const timed = await beginUpload(emulator.url);
  await put(timed.uploadTo, gzipSync("raw"));
  now += 999;
  expect((await ask("GET", `/v4/images/${timed.id}`)).body.status).toBe("pending_upload");
  emulator.control.advance(1);
  expect((await ask("GET", `/v4/images/${timed.id}`)).body).toMatchObject({
    status: "available",
    updated: "2023-11-14T22:13:21",
  });
});

async function drainInto(chunks: AsyncIterable<Uint8Array>, to: ReadableByteStreamController): Promise<void> {
  for await (const chunk of chunks) to.enqueue(new Uint8Array(chunk));
  to.close();
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
