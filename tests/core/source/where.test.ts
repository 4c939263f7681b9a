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
