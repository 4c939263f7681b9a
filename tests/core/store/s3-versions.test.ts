import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { parseS3 } from "../../../src/core/store/s3/location.ts";
import { Objects } from "../../../src/core/store/s3/objects.ts";
import { signal } from "./help.ts";
import { makeBucket, programAt, s3Kit, versitygw } from "./servers.ts";

// The text and the tag of an object are of one version, also from a store that mixes them while it writes.

const tagOf = (text: string): string => `"${createHash("md5").update(text).digest("hex")}"`;

/** A store that answers one request after the other with these, and the last one for ever. */
function store(answers: readonly { readonly text: string; readonly tag: string }[], more: Record<string, string> = {}) {
  let requests = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      const { text, tag } = answers[Math.min(requests++, answers.length - 1)] ?? { text: "", tag: "" };
      return new Response(text, { headers: { etag: tag, ...more } });
    },
  });
  const kit = s3Kit(`http://127.0.0.1:${server.port}`);
  const objects = new Objects(parseS3(kit.url("s.json")), kit.means());
  return {
    objects,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      await objects[Symbol.asyncDispose]();
      await kit[Symbol.asyncDispose]();
      await server.stop(true);
    },
  };
}

test("the text of one version with the tag of the next is read again", async () => {
  const torn = { text: "old", tag: tagOf("new") };
  await using one = store([torn, torn, { text: "new", tag: tagOf("new") }]);
  expect(await one.objects.get("k", signal)).toMatchObject({ text: "new", etag: tagOf("new") });
  expect(one.requests()).toBe(3);
});

test("a store whose tags are no digests is believed from then on; other forms of a tag are at once", async () => {
  const opaque = { text: "x", tag: `"${"0".repeat(32)}"` };
  await using one = store([opaque]);
  expect(await one.objects.get("k", signal)).toMatchObject({ text: "x", etag: opaque.tag });
  const before = one.requests();
  await one.objects.get("k", signal);
  expect([before, one.requests()]).toEqual([6, 7]);
  await using parts = store([{ text: "x", tag: `"${"0".repeat(32)}-2"` }]);
  await parts.objects.get("k", signal);
  expect(parts.requests()).toBe(1);
  for (const [name, value] of [
    ["x-amz-server-side-encryption", "aws:kms"],
    ["x-amz-server-side-encryption-customer-algorithm", "AES256"],
  ] as const) {
    await using encrypting = store([opaque], { [name]: value });
    await encrypting.objects.get("k", signal);
    expect(encrypting.requests()).toBe(1);
  }
});

const lacking = programAt("versitygw") === undefined ? " (skipped: versitygw is not installed)" : "";
test.skipIf(lacking !== "")(
  `what is read while it is written is one version${lacking}`,
  async () => {
    await using server = await versitygw();
    await makeBucket(server.url);
    await using kit = s3Kit(server.url);
    await using objects = new Objects(parseS3(kit.url("s.json")), kit.means());
    await objects.put("k", "v", "any", signal);
    let isOver = false;
    const reader = async (): Promise<void> => {
      while (!isOver) {
        const found = await objects.get("k", signal);
        expect(found?.etag).toBe(tagOf(found?.text ?? ""));
      }
    };
    const readers = [reader(), reader(), reader()];
    for (let i = 0; i < 300; i++) await objects.put("k", `v${i}`, "any", signal);
    isOver = true;
    await Promise.all(readers);
  },
  60_000,
);
