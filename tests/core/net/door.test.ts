import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { MockAgent } from "undici/index.js";
import { failed, never, opened, served, thrown, until, WIDE } from "./kit.ts";

setDefaultTimeout(WIDE);

const signal = never;

test("undici/index.js is the package, not Bun's stand-in", () => {
  expect(typeof MockAgent.prototype.get).toBe("function");
});

test("paths are joined to the url, queries are added, JSON goes and comes", async () => {
  await using server = served(async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    return Response.json({ pathname, search, body, headers: Object.fromEntries(request.headers) });
  });
  await using home = opened({ url: `${server.url}/v2/`, headers: { "X-Auth-Token": "t", Accept: "a/b" } });
  expect(
    await home.door.json("PUT", "/images", {
      signal,
      query: { limit: 5, name: "a b", all: true, none: undefined, tag: ["x", "y"] },
      headers: { "Content-Type": "application/x-patch" },
      json: { a: 1 },
    }),
  ).toMatchObject({
    pathname: "/v2/images",
    search: "?limit=5&name=a+b&all=true&tag=x&tag=y",
    body: '{"a":1}',
    headers: { "x-auth-token": "t", "content-type": "application/x-patch", accept: "application/json" },
  });
  const text = await (await home.door.send("POST", "", { signal, body: "plain" })).text();
  expect(JSON.parse(text)).toMatchObject({ pathname: "/v2/", body: "plain", headers: { accept: "a/b" } });
});

test("a full URL goes to its own server, which sees none of the door's headers", async () => {
  const tell = (request: Request) => Response.json(Object.fromEntries(request.headers));
  await using home = served(tell);
  await using other = served(tell);
  await using us = opened({ url: home.url.replace("http://", "http://user:pass%20word@"), headers: { "X-Key": "k" } });
  expect(us.secrets).toEqual(["pass word"]);
  const authorization = `Basic ${btoa("user:pass word")}`;
  expect(await us.door.json("GET", `${home.url}/x`, { signal })).toMatchObject({ "x-key": "k", authorization });
  const seen = await us.door.json("GET", `${other.url}/x`, { signal, headers: { "X-Own": "o" } });
  expect(seen).toMatchObject({ "x-own": "o" });
  expect(seen).not.toContainAnyKeys(["x-key", "authorization"]);
});

test("headers are asked for each request, with what a signature is made over", async () => {
  await using server = served((request) => Response.json(request.headers.get("x-signed")));
  let nth = 0;
  await using us = opened({
    url: server.url,
    headers: async ({ method, url, body }) => ({ "x-signed": `${++nth} ${method} ${url.pathname} ${body}` }),
  });
  expect(await us.door.json("POST", "a", { signal, json: [1] })).toBe("1 POST /a [1]");
  expect(await us.door.json("GET", "b", { signal })).toBe("2 GET /b undefined");
});

test.each([
  [400, "backend.refused", false],
  [401, "backend.auth", false],
  [403, "backend.denied", false],
  [404, "backend.missing", false],
  [409, "backend.conflict", false],
  [413, "backend.limits", false],
  [418, "backend.refused", false],
  [429, "backend.busy", true],
  [500, "backend.failed", true],
  [501, "backend.failed", false],
  [503, "backend.busy", true],
])("%p is %p", async (status, code, retry) => {
  await using server = served(() => new Response("it says why", { status, headers: { "X-Request-Id": "req-7" } }));
  await using us = opened({ url: server.url, credentials: "`token`" });
  const failure = await failed(us.door.json("POST", "a?b=c#d", { signal }));
  expect<string>(failure.code).toBe(code);
  expect(failure.message).toBe(`it says why (POST ${server.url}/a: ${status}, request req-7)`);
  expect(failure.request).toEqual({ method: "POST", url: `${server.url}/a`, status, id: "req-7" });
  expect(failure.retry).toBe(retry);
  if (status === 401) expect(failure.hint).toContain("`token`");
});

test("a body in a message is one line of at most 200 characters, with control characters written out", async () => {
  await using server = served(() => new Response(`red \u001b[31m\n\n\u202e${"x".repeat(500)}`, { status: 400 }));
  await using us = opened({ url: server.url });
  const { message } = await failed(us.door.json("GET", "", { signal }));
  expect(message).toStartWith("red \\u001b[31m \\u202exxx");
  expect(message.indexOf(" (GET")).toBeLessThan(220);
});

test("of a page only the title is shown, and of nothing the words of the status", async () => {
  await using server = served(({ url }) =>
    url.endsWith("page")
      ? new Response("<html><head><title>502 Bad Gateway</title></head><body>nginx", { status: 400 })
      : new Response(null, { status: 400 }),
  );
  await using us = opened({ url: server.url });
  expect((await failed(us.door.json("GET", "page", { signal }))).message).toStartWith("502 Bad Gateway (GET ");
  expect((await failed(us.door.json("GET", "", { signal }))).message).toStartWith("bad request (GET ");
});

test("the API's own words win: message, hint, id, code", async () => {
  await using server = served(() => Response.json({ error: "quota", id: "i-1" }, { status: 400 }));
  await using us = opened({
    url: server.url,
    explain: ({ status, headers, body }) => {
      const said: unknown = JSON.parse(body);
      const isObject = typeof said === "object" && said !== null && "error" in said && "id" in said;
      if (!isObject || status !== 400 || headers.get("content-type")?.includes("json") !== true) return undefined;
      return { message: `${said.error} used up`, hint: "delete\u001b some", id: String(said.id), code: "limits" };
    },
  });
  const failure = await failed(us.door.json("GET", "x", { signal }));
  expect(failure.message).toBe(`quota used up (GET ${server.url}/x: 400, request i-1)`);
  expect([failure.code, failure.hint]).toEqual(["backend.limits", "delete\\u001b some"]);
});

test("absence is undefined for find, and for empty answers", async () => {
  await using server = served(({ url }) =>
    url.endsWith("gone") ? new Response("no", { status: 404 }) : new Response(null, { status: 204 }),
  );
  await using us = opened({ url: server.url });
  expect(await us.door.find("GET", "gone", { signal })).toBeUndefined();
  expect(await us.door.find("DELETE", "empty", { signal })).toBeUndefined();
  expect(await us.door.json("DELETE", "empty", { signal })).toBeUndefined();
  expect((await failed(us.door.json("GET", "gone", { signal }))).code).toBe("backend.missing");
  const answer = await us.door.send("GET", "gone", { signal, accept: [404] });
  expect([answer.status, answer.url, await answer.text()]).toEqual([404, `${server.url}/gone`, "no"]);
});

test("what is no JSON is told, compressed JSON is read unasked", async () => {
  await using server = served((request) => {
    expect(request.headers.has("accept-encoding")).toBe(false);
    if (!request.url.endsWith("gz")) return new Response("<html>log in");
    return new Response(gzipSync('{"a":1}'), { headers: { "content-encoding": "gzip" } });
  });
  await using us = opened({ url: server.url });
  expect(await us.door.json("GET", "gz", { signal })).toEqual({ a: 1 });
  const failure = await failed(us.door.json("GET", "page", { signal }));
  expect(failure.code).toBe("backend.answer");
  expect(failure.message).toBe(`the response is not JSON: <html>log in (GET ${server.url}/page: 200)`);
});

test("credentials that were sent come back in no message, nor does what is concealed", async () => {
  await using server = served(async (request) => {
    const all = `${JSON.stringify(Object.fromEntries(request.headers))} ${request.url} hidden-one`;
    return new Response(all, { status: 400, headers: { "x-request-id": "hidden-one" } });
  });
  await using us = opened({
    url: server.url,
    headers: { authorization: "Bearer sesame-open", "X-Auth-Token": "token-1" },
  });
  us.secrets.push("hidden-one");
  const failure = await failed(
    us.door.json("GET", "a?signature=abcdef", { signal, headers: { "X-Secret-Part": "part-9" } }),
  );
  const told = JSON.stringify([failure.message, failure.hint, failure.request, String(failure.cause)]);
  for (const secret of ["sesame", "token-1", "part-9", "abcdef", "hidden-one"]) expect(told).not.toContain(secret);
  expect(told).toContain("(sensitive)");
});

test("a header that cannot be sent is told by its name, and is not tried again", async () => {
  await using server = served(() => new Response());
  await using us = opened({ url: server.url, headers: { authorization: "Bearer two\nlines" } });
  const failure = await failed(us.door.json("GET", "", { signal }));
  expect(failure.code).toBe("net.request");
  expect(failure.message).toContain("authorization");
  expect(failure.message).not.toContain("two");
  expect([us.retries.length, server.asked()]).toEqual([0, 0]);
});

test("many 401 at once share one renewal, and each request is sent once more", async () => {
  let good = "old";
  let renewals = 0;
  let sent = 0;
  await using server = served(async (request) => {
    sent += 1;
    await request.text();
    return new Response("{}", { status: request.headers.get("x-token") === "new" ? 200 : 401 });
  });
  await using us = opened({
    url: server.url,
    headers: () => ({ "x-token": good }),
    renew: async () => {
      renewals += 1;
      await until(() => sent >= 5);
      good = "new";
      return true;
    },
  });
  const bodies = [1, 2, 3, 4, 5].map((nth) => us.door.json("POST", String(nth), { signal, json: { nth } }));
  expect(await Promise.all(bodies)).toEqual([{}, {}, {}, {}, {}]);
  expect([renewals, sent]).toEqual([1, 10]);
});

test("a 401 that a renewal does not mend, or that cannot be renewed, is backend.auth", async () => {
  await using server = served(() => new Response("", { status: 401 }));
  let renewals = 0;
  for (const answer of [true, false]) {
    await using us = opened({ url: server.url, renew: async () => ++renewals > 0 && answer });
    expect((await failed(us.door.json("GET", "", { signal }))).code).toBe("backend.auth");
  }
  expect([renewals, server.asked()]).toEqual([2, 3]);
});

test("a renewal and headers that use the door themselves do not wait for their own place", async () => {
  let token = "";
  await using server = served((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/token") return Response.json("fresh");
    return Response.json(1, { status: request.headers.get("x-token") === "fresh" ? 200 : 401 });
  });
  await using us = opened({
    url: server.url,
    parallelism: 1,
    headers: async ({ url }) => {
      if (token === "" && url.pathname !== "/token") await us.door.json("GET", "token", { signal });
      return { "x-token": token };
    },
    renew: async () => {
      token = String(await us.door.json("GET", "token", { signal }));
      return true;
    },
  });
  expect(await us.door.json("GET", "x", { signal })).toBe(1);
});

test("the lower of the two limits holds, and rejected callers leave their places", async () => {
  let inside = 0;
  let most = 0;
  await using server = served(async () => {
    most = Math.max(most, ++inside);
    await Bun.sleep(5);
    inside -= 1;
    return new Response("", { status: 400 });
  });
  await using us = opened({ url: server.url, parallelism: 5 }, { limits: { parallelism: 2 } });
  const calls = Array.from({ length: 9 }, () => failed(us.door.json("GET", "", { signal })));
  await Promise.all(calls);
  expect([most, server.asked()]).toEqual([2, 9]);
});

test("an abort rejects with its reason and closes the connection; so does the end of the run", async () => {
  let gone = 0;
  await using server = served(
    (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener("abort", () => {
          gone += 1;
          resolve(new Response());
        });
      }),
  );
  const call = new AbortController();
  const run = new AbortController();
  await using us = opened({ url: server.url }, { signal: run.signal });
  const first = thrown(us.door.json("GET", "", { signal: call.signal }));
  const second = thrown(us.door.json("POST", "", { signal }));
  await until(() => server.asked() === 2);
  const reasons = [new Error("one"), new Error("two")];
  call.abort(reasons[0]);
  expect(await first).toBe(reasons[0]);
  run.abort(reasons[1]);
  expect(await second).toBe(reasons[1]);
  await until(() => gone === 2);
  expect(await thrown(us.door.json("GET", "", { signal }))).toBe(reasons[1]);
  expect(us.retries).toEqual([]);
});
