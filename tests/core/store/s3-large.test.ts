import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { parseState, showState } from "../../../src/core/store/document.ts";
import type { Document } from "../../../src/core/store/storage.ts";
import { relay } from "../../relay.ts";
import { served } from "../net/kit.ts";
import { at, failureOf, row, signal } from "./help.ts";
import { s3Kit } from "./servers.ts";

// A document of more than 1 MiB is read as it comes.

const document = (serial: number): string => {
  const rows = Array.from({ length: 3000 }, (_, i) => [
    at("lab", `i${i}`),
    { ...row("lab", `${i}`), have: { n: "x".repeat(1000) } },
  ]);
  return showState(
    parseState(JSON.stringify({ version: 1, lineage: "l", serial, images: Object.fromEntries(rows) }), {
      where: "x",
    }),
  );
};
const serialOf = (found: Document | undefined) => (found?.text === undefined ? found?.state.serial : undefined);
const tagOf = (text: string): string => `"${createHash("md5").update(text).digest("hex")}"`;
/** A store that has nothing but the document. */
const store = (answer: () => Response) =>
  served(async ({ url }) =>
    url.endsWith("/s.json") ? answer() : new Response("<Error><Code>NoSuchKey</Code></Error>", { status: 404 }),
  );

test("the bytes of one version with the tag of the next are read again", async () => {
  const [before, after] = [document(1), document(2)];
  let reads = 0;
  await using server = store(() => new Response(reads++ < 2 ? before : after, { headers: { etag: tagOf(after) } }));
  await using kit = s3Kit(server.url);
  const found = (await kit.open(kit.url("s.json")).read(signal)).document;
  expect([found?.tag, found?.text, serialOf(found), reads]).toEqual([tagOf(after), undefined, 2, 3]);
});

test("one that breaks off is asked for again, and one that always does is an error", async () => {
  const text = document(7);
  let reads = 0;
  await using server = store(() => {
    reads++;
    return new Response(text, { headers: { etag: tagOf(text) } });
  });
  let [breaks, bytes] = [1, 0];
  await using way = await relay(Number(new URL(server.url).port), {
    sent: (chunk, _, to) => void to.write(chunk),
    got(chunk, from, end) {
      bytes += chunk.length;
      if (bytes < 2 << 20 || breaks === 0) return void from.write(chunk);
      [breaks, bytes] = [breaks - 1, 0];
      end();
    },
  });
  await using kit = s3Kit(`http://127.0.0.1:${way.port}`);
  const storage = kit.open(kit.url("s.json"));
  const found = (await storage.read(signal)).document;
  expect([found?.tag, serialOf(found), reads]).toEqual([tagOf(text), 7, 2]);
  [breaks, bytes] = [Number.POSITIVE_INFINITY, 0];
  expect((await failureOf(storage.read(signal))).code).toBe("state.remote");
});
