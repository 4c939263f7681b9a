// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Lines } from "../../../src/core/config/lines.ts";
import { type Node, valueIn } from "../../../src/core/config/node.ts";
import { readPlain } from "../../../src/core/config/plain-toml.ts";
import { readWhole } from "../../../src/core/config/read.ts";
import { documents } from "./documents.ts";

/** All that is known of a document: values, places, and the places of variables. */
function known(node: Node): unknown {
  if (node.kind === "list") return { at: node.at, items: node.items.map(known) };
  if (node.kind !== "table") return { ...node };
  return { at: node.at, entries: [...node.entries].map(([key, entry]) => [key, entry.key, known(entry.value)]) };
}

const plain = (text: string) => readPlain(text, new Lines(text, "f"));
const whole = (text: string) => known(readWhole(text, new Lines(text, "f")));

/** What is read in one go is what the package reads; what the package refuses is not read. */
function agree(text: string): boolean {
  const quick = plain(text);
  if (quick !== undefined) expect(known(quick)).toEqual(whole(text));
  return quick !== undefined;
}

test("documents of all kinds are read as the package reads them", () => {
  fc.assert(
    fc.property(documents, (text) => {
      agree(text);
    }),
    { numRuns: 150 },
  );
});

const LINES = [
  "[a]",
  "[a.b]",
  "[a.b.c]",
  "[[a]]",
  "[[a.b]]",
  '["a"]',
  "[b]",
  "a = 1",
  "a.b = 2",
  "a.b.c = 3",
  "b.c = 'x'",
  "c = { d = 1 }",
  "c.d = 4",
  "c.e = 5",
  "b = []",
  "b = [{}]",
  "[c]",
  "[c.d]",
  "[[b]]",
];

test("tables that are opened twice, implied, dotted or closed: what one takes the other takes", () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...LINES), { maxLength: 5 }), (lines) => {
      if (agree(lines.join("\n"))) taken++;
    }),
    { numRuns: 3000 },
  );
  expect(taken).toBeGreaterThan(300);
});

test("documents with a mistake somewhere: what one takes the other takes", () => {
  const noise = fc.constantFrom(
    "",
    '"',
    "'",
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    "=",
    "\n",
    "\r",
    "\0",
    "\t",
    "\x7f",
    "#",
    "0",
    ".",
    "é",
  );
  fc.assert(
    fc.property(documents, fc.double({ min: 0, max: 1, noNaN: true }), noise, fc.nat(3), (text, where, put, cut) => {
      const at = Math.floor(where * text.length);
      agree(text.slice(0, at) + put + text.slice(at + cut));
    }),
    { numRuns: 600 },
  );
});

test.each([
  '[settings]\nname = \'x\' # so\n[backend.st]\nplugin = "local"\n[image.i0]\nbackends = [ "st", # one\n ]\nsource = { file = "a" }\n',
  '[image."a b".on.st]\r\nmin = -3\r\nok = true\r\ntags = ["${var.x}", "b"]\r\n',
  'a = """\nlong ${var.x}"""\nb = "\\t"\nc = 1.5\nd = 2026-01-02 03:04:05Z\n[[e]]\n[[e]]\nf.g = 0\nf.h = +1\n',
])("is read in one go: %j", (text) => expect(agree(text)).toBe(true));

test.each([
  "a = 1\na = 2",
  "[a]\n[a]",
  "a = 01",
  "a = truex",
  "a = 1 b = 2",
  "a = [1 2]",
  "a = { b = 1, }",
  "[a",
  "a",
  "__proto__ = 1",
])("is left to the package: %j", (text) => expect(plain(text)).toBeUndefined());

test("a file of very many images is read in one go", () => {
  const text = Array.from(
    { length: 1000 },
    (_, i) => `[image.i${i}]\nbackends = ["st"]\nsource = "../${i}.img"\n`,
  ).join("");
  const node = plain(text);
  expect(node === undefined ? undefined : Object.keys(Object(valueIn(node)).image)).toHaveLength(1000);
});
