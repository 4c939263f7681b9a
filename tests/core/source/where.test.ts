import { expect, test } from "bun:test";
import { RequestIdentifier } from "../../../src/core/source/web/identity.ts";
import { fileNameOf, publicUrl, secretsIn } from "../../../src/core/source/web/where.ts";

test("a shown URL carries no secret", () => {
  expect(publicUrl("https://me:pa%40ss@x.example/a b.img?X-Amz-Signature=abcd1234&file=1&token=zzzz#f")).toBe(
    "https://x.example/a%20b.img?X-Amz-Signature&file=1&token",
  );
  expect(publicUrl("/srv/a.img")).toBe("/srv/a.img");
});
test("rights of content networks and single words are hidden; what only chooses is shown", () => {
  for (const name of ["hdnea", "hdnts", "tok", "ticket", "nonce", "SAMLRequest", "md5", "hash", "magic"]) {
    const url = `https://x.example/a.img?file=1&${name}=abcd1234efgh`;
    expect([name, publicUrl(url)]).toEqual([name, `https://x.example/a.img?file=1&${name}`]);
    expect([name, ...secretsIn(url)]).toEqual([name, "abcd1234efgh"]);
  }
  const bare = "https://x.example/a.img?Zk3vQ81mmPq7Lw";
  expect(publicUrl(bare)).toBe("https://x.example/a.img");
  expect(secretsIn(bare)).toEqual(["Zk3vQ81mmPq7Lw"]);
  const identifier = new RequestIdentifier(() => Buffer.alloc(32));
  expect(identifier.hidden(bare)).not.toBe(identifier.hidden(`${bare}x`));
  expect(identifier.hidden(bare)).toBeDefined();
  for (const url of [
    "https://x.example/a?download",
    "https://x.example/a?debian-12.qcow2",
    "https://x.example/a?v=12",
  ]) {
    expect(publicUrl(url).replace(/=$/, "")).toBe(url);
    expect(identifier.hidden(url)).toBeUndefined();
  }
});
const RIGHTS = [
  ["e", "1767225600"],
  ["t", "d41d8cd98f00b204e9800998ecf8427e"],
  ["h", "Zk3vQ81mmPq7Lw"],
  ["s", "AbCdEfGhIjKlMnOpQr"],
  ["p", "hunter2"],
  ["x", "SGVsbG8gd29ybGQh=="],
  ["id", "550e8400-e29b-41d4-a716-446655440000"],
  ["file", "1a2B3c4D5e6F7g8H9i0J"],
  ["q", "eyJhbGciOiJIUzI1NiJ9.e30.abc"],
] as const;
const PLAIN = [
  ["file", "debian-12-genericcloud-amd64.qcow2"],
  ["v", "12.04.3-1234"],
  ["t", "latest"],
  ["p", "/pub/x86_64/images"],
  ["s", "9.4"],
  ["build", "20260115.1"],
  ["arch", "x86_64"],
  ["name", "ubuntu-24.04-server-cloudimg-amd64"],
  ["id", "1234"],
  ["n", "ubuntu24"],
] as const;
test("what looks random is hidden, whatever its name; words, versions and paths are shown", () => {
  const identifier = new RequestIdentifier(() => Buffer.alloc(32));
  for (const [name, value] of RIGHTS) {
    const url = `https://x.example/a.img?${name}=${encodeURIComponent(value)}`;
    expect([value, publicUrl(url)]).toEqual([value, `https://x.example/a.img?${name}`]);
    expect([value, identifier.hidden(url) !== undefined]).toEqual([value, true]);
    if (value.length >= 12) expect(secretsIn(url)).toContain(value);
  }
  for (const [name, value] of PLAIN) {
    const url = `https://x.example/a.img?${name}=${encodeURIComponent(value)}`;
    expect([publicUrl(url), secretsIn(url), identifier.hidden(url)]).toEqual([url, [], undefined]);
  }
});
test("a URL that is signed anew is shown as before", () => {
  const signed = (at: string) => `https://x/a?X-Amz-Date=${at}&X-Amz-Expires=9&X-Amz-Signature=${at}${at}`;
  expect(publicUrl(signed("20260101"))).toBe(publicUrl(signed("20260202")));
});
test("secrets of a URL are known, in both spellings", () => {
  expect(secretsIn("https://me:pa%40ss@x/?sig=abcd1234&n=1")).toEqual(["pa%40ss", "pa@ss", "abcd1234"]);
});
test("a file name is the last segment, decoded", () => {
  expect(fileNameOf("https://x/pub/debian%2012.qcow2?x=/y")).toBe("debian 12.qcow2");
  expect(fileNameOf("https://x.example/")).toBe("x.example");
  expect(fileNameOf("/srv/images/a.img")).toBe("a.img");
  expect(fileNameOf("https://x/%E0%A4%A")).toBe("%E0%A4%A");
});
