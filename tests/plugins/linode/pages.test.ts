import { expect, test } from "bun:test";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { LinodeClient } from "../../../src/plugins/linode/client.ts";
import { explain } from "../../../src/plugins/linode/explain.ts";

const never = new AbortController().signal;
const means = { signal: never, redact: (text: string) => text, maskSecret: () => {}, env: {} };

/** A server of regions, three on a page; `pagesAt` says how many pages there are when a page is asked for. It answers once all of `together` were asked. */
function served(pagesAt: (page: number) => number, together: readonly (readonly number[])[]) {
  const asked: number[] = [];
  const waiting = new Map<number, () => void>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const page = Number(new URL(request.url).searchParams.get("page"));
      asked.push(page);
      const group = together.find((one) => one.includes(page)) ?? [];
      const all = new Promise<void>((go) => waiting.set(page, go));
      if (group.every((one) => waiting.has(one))) for (const one of group) waiting.get(one)?.();
      await all;
      const data = [0, 1, 2].map((i) => ({ id: `r${page * 3 + i}` }));
      return Response.json({ data, page, pages: pagesAt(page), results: 3 * pagesAt(page) });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/v4`, asked, [Symbol.asyncDispose]: () => server.stop(true) };
}

async function regions(url: string): Promise<readonly string[]> {
  await using http = createHttpClient({ url, explain }, means);
  return await new LinodeClient(http).regions(never);
}

const ids = (pages: number) => Array.from({ length: pages * 3 }, (_, i) => `r${i + 3}`);

test("after the first page four are asked for side by side, and come in their order", async () => {
  await using server = served(() => 7, [[1], [2, 3, 4, 5], [6, 7]]);
  expect(await regions(server.url)).toEqual(ids(7));
  expect(server.asked.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("a page that is added meanwhile is asked for", async () => {
  await using server = served((page) => (page < 3 ? 3 : 4), [[1], [2, 3], [4]]);
  expect(await regions(server.url)).toEqual(ids(4));
});

test("one page is one request", async () => {
  await using server = served(() => 1, [[1]]);
  expect(await regions(server.url)).toEqual(ids(1));
  expect(server.asked).toEqual([1]);
});
