import { expect, test } from "bun:test";
import { digest } from "../../../src/core/model/digest.ts";
import type { Content } from "../../../src/core/model/source.ts";
import { type Comparison, compareContent } from "../../../src/core/source/content.ts";

const a = digest("sha256", "a".repeat(64));
const b = digest("sha256", "b".repeat(64));
const other = digest("sha512", "c".repeat(128));
const stat = { size: 5, mtime: "1", inode: "7" };
const url = "https://x/a.img";

const cases: readonly (readonly [string, Content, Content, Comparison["kind"]])[] = [
  ["the same digest", { where: url, digest: a }, { where: url, digest: a }, "same"],
  ["the same digest elsewhere", { where: url, digest: a }, { where: "https://y/b.img", digest: a }, "same"],
  ["another digest", { where: url, digest: a }, { where: url, digest: b }, "changed"],
  [
    "a touched file with the same bytes",
    { where: "/a", digest: a, stat },
    { where: "/a", digest: a, stat: { ...stat, mtime: "2" } },
    "same",
  ],
  [
    "another digest, the same validators",
    { where: url, digest: a, validators: { etag: '"1"' } },
    { where: url, digest: b, validators: { etag: '"1"' } },
    "changed",
  ],
  [
    "the same etag, digest only known of the download",
    { where: url, digest: a, validators: { etag: '"1"', length: 5 } },
    { where: url, validators: { etag: 'W/"1"', length: 5 } },
    "same",
  ],
  ["another etag", { where: url, validators: { etag: '"1"' } }, { where: url, validators: { etag: '"2"' } }, "changed"],
  [
    "no etag, another time",
    { where: url, validators: { modified: "Mon" } },
    { where: url, validators: { modified: "Tue" } },
    "changed",
  ],
  [
    "the same length alone proves nothing",
    { where: url, validators: { length: 5 } },
    { where: url, validators: { length: 5 } },
    "unknown",
  ],
  [
    "another length",
    { where: url, validators: { length: 5, etag: '"1"' } },
    { where: url, validators: { length: 6, etag: '"1"' } },
    "changed",
  ],
  ["another place without digests", { where: url }, { where: "https://y/a.img" }, "changed"],
  ["the same place, nothing known", { where: url }, { where: url }, "same"],
  ["the same place, no longer any validator", { where: url, digest: a }, { where: url }, "unknown"],
  ["digests of other kinds", { where: url, digest: a }, { where: url, digest: other }, "unknown"],
  ["another member", { where: url, digest: a }, { where: url, digest: a, transform: "x" }, "changed"],
  ["an alias that moved", { where: "images:a", resolved: "1" }, { where: "images:a", resolved: "2" }, "changed"],
  ["an alias that stayed", { where: "images:a", resolved: "1" }, { where: "images:a", resolved: "1" }, "same"],
];

for (const [name, before, now, kind] of cases)
  test(name, () => {
    expect(compareContent(before, now).kind).toBe(kind);
    expect(compareContent(now, before).kind).toBe(kind);
  });

test("a changed content says what it was, what it is and why", () => {
  expect(compareContent({ where: url, digest: a }, { where: url, digest: b })).toEqual({
    kind: "changed",
    before: "sha256:aaaaaaaaaaaa…",
    after: "sha256:bbbbbbbbbbbb…",
    why: "the bytes have changed",
  });
  expect(
    compareContent({ where: url, validators: { etag: '"1"' } }, { where: url, validators: { etag: '"2"' } }),
  ).toMatchObject({ before: 'etag "1"', after: 'etag "2"', why: expect.stringContaining("bytes may be the same") });
});
