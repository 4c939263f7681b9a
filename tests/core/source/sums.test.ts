import { expect, test } from "bun:test";
import fc from "fast-check";
import { Failure } from "../../../src/core/failure.ts";
import { digest } from "../../../src/core/model/digest.ts";
import { parseSums, Sums } from "../../../src/core/source/verify/sums.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const LONG = "c".repeat(128);
const WHERE = "https://x/SHA256SUMS";
const findSum = (text: string, algorithm: string | undefined, paths: readonly string[], where: string) => {
  const sums = new Sums(text, algorithm, where);
  const found = sums.find(paths) ?? sums.only();
  if (found === undefined) throw sums.missing(paths);
  return found;
};
const find = (text: string, path = "/pub/a.img", algorithm: string | undefined = "sha256") =>
  findSum(text, algorithm, [path], WHERE);
const failure = (act: () => unknown): Failure => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
};

const good: readonly (readonly [string, string])[] = [
  ["GNU, text", `${A}  a.img\n${B}  b.img\n`],
  ["GNU, binary", `${B} *b.img\n${A} *a.img\n`],
  ["GNU with a directory", `${A}  ./pub/a.img\n`],
  ["GNU, CRLF and upper case", `${A.toUpperCase()}  a.img\r\n`],
  ["BSD", `SHA256 (b.img) = ${B}\nSHA256 (a.img) = ${A}\n`],
  ["BSD as openssl writes it", `SHA256(a.img)= ${A}\n`],
  ["BSD with the other name of the digest", `SHA2-256(a.img)= ${A}\n`],
  ["BSD with several digests", `MD5 (a.img) = ${"0".repeat(32)}\nSHA256 (a.img) = ${A}\nSHA512 (a.img) = ${LONG}\n`],
  ["one digest alone", `${A}\n`],
  ["one digest of the standard input", `${A}  -\n`],
  ["one digest with its algorithm", `sha256:${A}\n`],
  [
    "comments and signature armour around",
    `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# a.img: 5 bytes\n${A}  a.img\n`,
  ],
  ["the directory decides between two of the same name", `${B}  arm64/a.img\n${A}  pub/a.img\n`],
  ["twice the same", `${A}  x/a.img\n${A}  y/a.img\n`],
];
for (const [name, text] of good) test(name, () => expect(find(text)).toBe(digest("sha256", A)));

test("escaped names are read as they were", () => {
  expect(parseSums(`\\${A}  a\\nb\\\\c\n`)).toEqual([{ hex: A, algorithm: undefined, name: "a\nb\\c" }]);
});
test("the first path that is known is taken", () => {
  expect(findSum(`${A}  b.img`, "sha256", ["/m1/a.img", "/m2/b.img"], WHERE)).toBe(digest("sha256", A));
});

test("a missing entry lists what is there", () => {
  const told = failure(() => find(`${A}  b.img\n${B}  c.img\n`));
  expect(told.code).toBe("source.sums");
  expect(told.message).toBe(`${WHERE} has no digest of a.img; it has: b.img, c.img`);
});
test("the only entry is taken, whatever its name: other bytes do not match it", () => {
  expect(find(`${A}  b.img\n`)).toBe(digest("sha256", A));
  expect(find(`${A}  b.img\n${A}  c.img\n${LONG}  d.img\n`)).toBe(digest("sha256", A));
});
test("one space between digest and name", () => {
  expect(find(`${A} a.img\n${B} b.img\n`)).toBe(digest("sha256", A));
});
test("sha224 is known by its length and by its name", () => {
  const short = "d".repeat(56);
  for (const text of [`${short}  a.img\n`, `SHA224 (a.img) = ${short}\n`, `SHA2-224(a.img)= ${short}\n`])
    expect(find(text, "/a.img", "sha224")).toBe(digest("sha224", short));
});
test("without an algorithm the strongest is taken, never md5 or sha1", () => {
  const strong = (text: string) => findSum(text, undefined, ["/a.img"], WHERE);
  const bsd = `MD5 (a.img) = ${"0".repeat(32)}\nSHA256 (a.img) = ${A}\nSHA512 (a.img) = ${LONG}\n`;
  expect(strong(bsd)).toBe(digest("sha512", LONG));
  expect(strong(`${LONG}  b.img\n${A}  a.img\n`)).toBe(digest("sha256", A));
  const told = failure(() => strong(`${"0".repeat(32)}  a.img\n${"1".repeat(40)}  a.img\n`));
  expect([told.message, told.hint]).toEqual([
    `${WHERE} contains no sha256, sha512 or other strong digests, but sha1 and md5`,
    `write \`checksum = "sha1:${WHERE}"\`, or use the other sums file`,
  ]);
});
test("the hint names the strongest that there is", () => {
  const told = failure(() => find(`${"0".repeat(32)}  a.img\n${LONG}  a.img\n${"1".repeat(40)}  a.img\n`));
  expect(told.message).toBe(`${WHERE} contains no sha256 digests, but sha512 and sha1 and md5`);
  expect(told.hint).toStartWith(`write \`checksum = "sha512:${WHERE}"\``);
});
test("a missing entry: the hint says how to name it", () => {
  expect(failure(() => find(`${A}  b.img\n${B}  c.img\n`)).hint).toBe(
    `choose the entry: checksum = { sums = "sha256:${WHERE}", name = "…" }`,
  );
});
test("two digests of the same name are refused", () => {
  expect(failure(() => find(`${A}  x/a.img\n${B}  y/a.img\n`)).message).toBe(
    `${WHERE} has several digests for a.img: x/a.img, y/a.img`,
  );
});
test("another kind of digest is named", () => {
  const told = failure(() => find(`${LONG}  a.img\n`));
  expect([told.message, told.hint]).toEqual([
    `${WHERE} contains no sha256 digests, but sha512`,
    `write \`checksum = "sha512:${WHERE}"\`, or use the other sums file`,
  ]);
});
test("a chosen name with directories is that of an entry with the same ones, and of no other", () => {
  const sums = new Sums(`${A}  a/x.img\n${B}  ./b/x.img\n`, undefined, WHERE);
  expect(sums.find(["b/x.img"], true)).toBe(digest("sha256", B));
  expect(sums.find(["c/x.img"], true)).toBeUndefined();
});
test("no digests at all", () => {
  expect(failure(() => find("<html>404</html>")).message).toBe(`${WHERE} contains no digests`);
  expect(failure(() => find("", "/a", "crc32")).message).toBe("unknown algorithm crc32");
});
test("any text is read or refused", () => {
  const line = fc.oneof(fc.string(), fc.constantFrom(`${A}  a`, `SHA256 (a) = ${A}`, A, "\\", `SHA1 (x) = ${A}`));
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const sum of parseSums(lines.join("\n"))) expect(sum.hex).toMatch(/^[0-9a-f]+$/);
    }),
  );
});
