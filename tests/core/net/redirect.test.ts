import { expect, test } from "bun:test";
import { maySendCredentials } from "../../../src/core/net/url.ts";
import { failed, never, opened, served } from "./kit.ts";

const signal = never;
const to = (location: string, status = 302) => new Response("moved", { status, headers: { location } });

test("within a server everything goes along, to another one only what says what is wanted", async () => {
  const tell = (request: Request) => Response.json(Object.fromEntries(request.headers));
  await using other = served((request) => (request.url.endsWith("back") ? to(`${home.url}/end`) : tell(request)));
  await using home = served((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/near") return to("/end");
    if (pathname === "/far") return to(`${other.url}/end`, 307);
    if (pathname === "/there-and-back") return to(`${other.url}/back`, 301);
    return tell(request);
  });
  await using us = opened({ url: home.url, headers: { "X-Auth-Token": "t", authorization: "Basic a" } });
  const call = { signal, headers: { Range: "bytes=5-", "If-Range": '"e"', Cookie: "c", "X-Own": "o" } };
  const all = { range: "bytes=5-", "if-range": '"e"', cookie: "c", "x-own": "o", "x-auth-token": "t" };
  expect(await us.door.json("GET", "near", call)).toMatchObject(all);
  for (const path of ["far", "there-and-back"]) {
    const seen = await us.door.json("GET", path, call);
    expect(seen).toMatchObject({ range: "bytes=5-", "if-range": '"e"' });
    expect(seen).not.toContainAnyKeys(["cookie", "x-own", "x-auth-token", "authorization"]);
  }
});

test("the answer says where it came from, without the secrets of the address", async () => {
  await using server = served(({ url }) => (url.endsWith("/a") ? to("/b?signature=geheim") : new Response("b")));
  await using us = opened({ url: server.url });
  expect((await us.door.send("GET", "a", { signal })).url).toBe(`${server.url}/b`);
});

test("what may know what was meant for another", () => {
  const may = (from: string, at: string) => maySendCredentials(new URL(from), new URL(at));
  expect(may("https://a/x", "https://a/y")).toBe(true);
  expect(may("http://a/x", "https://a/y")).toBe(true);
  expect(may("https://a/x", "http://a/y")).toBe(false);
  expect(may("https://a/x", "https://a:8443/y")).toBe(false);
  expect(may("https://a/x", "https://b.a/y")).toBe(false);
  expect(may("http://a:8080/x", "https://a/y")).toBe(false);
});

test("a signature is made anew for the address that a server sends on to within itself", async () => {
  await using server = served((request) =>
    request.url.endsWith("/a") ? to("/b", 308) : Response.json(request.headers.get("x-signed")),
  );
  await using us = opened({ url: server.url, headers: ({ url }) => ({ "x-signed": url.pathname }) });
  expect(await us.door.json("GET", "a", { signal })).toBe("/b");
});

test("circles, long ways and bad addresses are told", async () => {
  await using server = served(({ url }) => {
    const { pathname } = new URL(url);
    const nth = Number(pathname.slice(1));
    if (pathname === "/a") return to("/b");
    if (pathname === "/b") return to("/a");
    if (pathname === "/file") return to("file:///etc/passwd");
    if (pathname === "/none") return new Response("", { status: 302 });
    return nth === 0 ? new Response("there") : to(`/${nth - 1}`);
  });
  await using us = opened({ url: server.url });
  const circle = await failed(us.door.send("GET", "a", { signal }));
  expect(circle.code).toBe("net.redirect");
  const { url } = server;
  expect(circle.message).toBe(`redirected in a circle: ${url}/a -> ${url}/b -> ${url}/a (GET ${url}/a)`);
  expect(await (await us.door.send("GET", "10", { signal })).text()).toBe("there");
  expect((await failed(us.door.send("GET", "11", { signal }))).message).toContain("more than 10 times");
  for (const path of ["file", "none"])
    expect((await failed(us.door.send("GET", path, { signal }))).message).toContain("not an http or https URL");
  expect(us.retries).toEqual([]);
});

test("what changes something is not sent on", async () => {
  await using server = served(() => to("/elsewhere"));
  await using us = opened({ url: server.url });
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const failure = await failed(us.door.send(method, "", { signal }));
    expect([failure.code, failure.request?.status]).toEqual(["backend.refused", 302]);
  }
  expect(server.asked()).toBe(4);
});

test("a redirect that is asked for is an answer", async () => {
  await using server = served(() => to("/elsewhere"));
  await using us = opened({ url: server.url });
  const answer = await us.door.send("GET", "", { signal, accept: [302] });
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/elsewhere"]);
});
