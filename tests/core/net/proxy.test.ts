import { expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { basic, proxyFor } from "../../../src/core/net/proxy.ts";

const chosen = (url: string, env: Record<string, string>): string | undefined => proxyFor(new URL(url), env)?.href;

test("the proxy goes by the scheme, lower case first, ALL_PROXY last", () => {
  const env = { https_proxy: "http://a:1", HTTPS_PROXY: "http://b:2", HTTP_PROXY: "c:3", ALL_PROXY: "http://d:4" };
  expect(chosen("https://x", env)).toBe("http://a:1/");
  expect(chosen("http://x", env)).toBe("http://c:3/");
  expect(chosen("http://x", { all_proxy: "https://d:4" })).toBe("https://d:4/");
  expect(chosen("http://x", { HTTPS_PROXY: "http://b:2" })).toBeUndefined();
  expect(chosen("http://x", { http_proxy: "", HTTP_PROXY: "" })).toBeUndefined();
});

test.each([
  ["*", "https://x.example/", true],
  ["x.example", "https://x.example/", true],
  ["x.example", "https://a.x.example/", true],
  [".x.example", "https://a.x.example/", true],
  ["*.x.example", "https://a.x.example/", true],
  ["X.Example", "https://a.x.EXAMPLE/", true],
  ["x.example", "https://ax.example/", false],
  ["x.example:8443", "https://x.example:8443/", true],
  ["x.example:443", "https://x.example/", true],
  ["x.example:8443", "https://x.example/", false],
  ["y, x.example z", "https://x.example/", true],
  ["10.0.0.0/8", "https://10.2.3.4/", true],
  ["10.0.0.0/8", "https://11.2.3.4/", false],
  ["10.0.0.0/99", "https://10.2.3.4/", false],
  ["127.0.0.1", "http://127.0.0.1:80/", true],
  ["0.0.1", "http://127.0.0.1:80/", false],
  ["::1", "http://[::1]:80/", true],
  ["[::1]:80", "http://[::1]/", true],
  ["fd00::/8", "http://[fd12::1]/", true],
  ["fd00::/8", "http://10.0.0.1/", false],
  ["", "https://x.example/", false],
])("NO_PROXY %p and %p", (list, url, isExempt) => {
  const env = { HTTPS_PROXY: "http://p:1", HTTP_PROXY: "http://p:1", no_proxy: list };
  expect(chosen(url, env) === undefined).toBe(isExempt);
});

test("a proxy that is no http URL is refused without showing it", () => {
  const bad = () => proxyFor(new URL("https://x"), { HTTPS_PROXY: "socks5://user:geheim@p:1" });
  expect(bad).toThrow(Failure);
  expect(bad).toThrow(/the proxy for x is not an http or https URL/);
});

test("user and password of a URL make basic authorization", () => {
  expect(basic(new URL("http://a:b%20c@p"))).toBe(`Basic ${btoa("a:b c")}`);
  expect(basic(new URL("http://100%25@p"))).toBe(`Basic ${btoa("100%:")}`);
  expect(basic(new URL("http://p"))).toBeUndefined();
});
