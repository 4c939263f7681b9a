// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "toml";
import { type AST, parseTOML } from "toml-eslint-parser";
import { type Node, valueIn } from "../../../src/core/config/node.ts";
import { readToml } from "../../../src/core/config/read.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { FilePosition } from "../../../src/core/model/position.ts";
import { documents } from "./documents.ts";

const at = ({ line, column, width }: FilePosition): string => `${line}:${column}+${width}`;

/** Every key and value of a document and where they stand, as `path key value`. */
function places(node: Node, path = ""): string[] {
  if (node.kind === "list")
    return node.items.flatMap((item, i) => [`${path}[${i}] ${at(item.at)}`, ...places(item, `${path}[${i}]`)]);
  if (node.kind !== "table") return [];
  return [...node.entries].flatMap(([key, entry]) => [
    `${path}.${key} ${at(entry.key)} ${at(entry.value.at)}`,
    ...places(entry.value, `${path}.${key}`),
  ]);
}

describe("places", () => {
  test("headers, keys and values, also in tables, lists and dotted keys", () => {
    const text = [
      "title = 'x' # comment",
      "[a.b]",
      "  c.d = [1, { e = true }]",
      "",
      "[[list]]",
      "[[list]]",
      'k = """one',
      'two"""',
    ].join("\n");
    expect(places(readToml(text, "f"))).toEqual([
      ".title 1:1+5 1:9+3",
      ".a 2:2+1 2:2+1",
      ".a.b 2:4+1 2:1+5",
      ".a.b.c 3:3+1 3:3+1",
      ".a.b.c.d 3:5+1 3:9+17",
      ".a.b.c.d[0] 3:10+1",
      ".a.b.c.d[1] 3:13+12",
      ".a.b.c.d[1].e 3:15+1 3:19+4",
      ".list 5:3+4 5:1+8",
      ".list[0] 5:1+8",
      ".list[1] 6:1+8",
      ".list[1].k 7:1+1 7:5+6",
    ]);
  });

  test("columns count characters, with a byte order mark, CRLF and tabs", () => {
    const text = '\ufeffa = "ü𝒳日本"\r\n\t"𝒳" = { q = 1 }\r\n';
    expect(places(readToml(text, "f"))).toEqual([".a 1:1+1 1:5+6", ".𝒳 2:2+3 2:8+9", ".𝒳.q 2:10+1 2:14+1"]);
  });

  test("a table that is defined after its children stands at its own header", () => {
    expect(places(readToml("[a.b]\n[a]\nc=1\n", "f"))).toEqual([
      ".a 1:2+1 2:1+3",
      ".a.b 1:4+1 1:1+5",
      ".a.c 3:1+1 3:3+1",
    ]);
  });

  test("variables in a string, also after escapes and in long strings", () => {
    const node = readToml('a = "\\t${var.x}-$${y}"\nb = """\n  ${env.Z}"""\nc = "\\u0024{var.x}"', "f");
    const marks = node.kind === "table" ? [...node.entries.values()].map(({ value }) => value) : [];
    expect(marks.map((value) => (value.kind === "text" ? value.marks?.map(at) : []))).toEqual([
      ["1:8+8", "1:17+5"],
      ["3:3+8"],
      undefined,
    ]);
  });

  test("dates are text as written where they have a time zone", () => {
    expect(valueIn(readToml("a = 2026-01-02T03:04:05+01:00\nb = 2026-01-02", "f"))).toEqual({
      a: "2026-01-02T03:04:05+01:00",
      b: "2026-01-02",
    });
  });
});

/** The same list from the other parser. */
function otherPlaces(text: string): Set<string> {
  const found = new Set<string>();
  const lines = text.split("\n");
  const span = ({ loc }: AST.HasLocs): string => {
    const line = (lines[loc.start.line - 1] ?? "").replace(/\r$/, "");
    const end = loc.end.line === loc.start.line ? loc.end.column : line.length;
    const count = (part: string) => [...part].length;
    return `${loc.start.line}:${count(line.slice(0, loc.start.column)) + 1}+${Math.max(1, count(line.slice(loc.start.column, end)))}`;
  };
  const visit = (node: AST.TOMLNode): void => {
    if (node.type === "TOMLKeyValue") {
      for (const key of node.key.keys) found.add(span(key));
      visit(node.value);
    } else if (node.type === "TOMLTable") {
      for (const key of node.key.keys) found.add(span(key));
      found.add(span({ loc: { start: node.loc.start, end: headerEnd(node, lines) }, range: node.range }));
      node.body.forEach(visit);
    } else if (node.type === "TOMLTopLevelTable" || node.type === "TOMLInlineTable") {
      found.add(span(node));
      node.body.forEach(visit);
    } else if (node.type === "TOMLArray") {
      found.add(span(node));
      node.elements.forEach(visit);
    } else if (node.type === "TOMLValue") found.add(span(node));
  };
  visit(parseTOML(text).body[0]);
  return found;
}

/** The bracket that closes a header: that parser's tables reach over their bodies. */
function headerEnd(node: AST.TOMLTable, lines: readonly string[]): AST.Position {
  const { line, column } = node.key.loc.end;
  const close = node.kind === "array" ? "]]" : "]";
  return { line, column: (lines[line - 1] ?? "").indexOf(close, column) + close.length };
}

describe("against the parsers", () => {
  test("the values are those of toml, the places those of toml-eslint-parser", () => {
    fc.assert(
      fc.property(documents, (text) => {
        const node = readToml(text, "f");
        expect(valueIn(node)).toEqual(JSON.parse(JSON.stringify(parse(text))));
        const others = otherPlaces(text);
        const ours = places(node).flatMap((line) => line.match(/\d+:\d+\+\d+/g) ?? []);
        expect(ours.filter((place) => !others.has(place))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

const mistake = (text: string): string => {
  try {
    readToml(text, "images.toml");
    return "taken";
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    const { at: where, message, hint } = thrown;
    return `${where?.line}:${where?.column}+${where?.width} ${message}${hint === undefined ? "" : ` (${hint})`}`;
  }
};

test.each([
  ["a = \n", "1:5+1 unexpected end of line (expected a value after =)"],
  ["a = hello", '1:5+1 unexpected "h" (strings are written in quotes)'],
  ["a = ./store", '1:5+1 unexpected "." (strings are written in quotes)'],
  ["[image.x\n", "1:9+1 unexpected end of line (a table header ends with ])"],
  ["a = 1\nb", "2:2+1 unexpected end of file (after a key comes = and a value)"],
  ['a = "ü𝒳\n', "1:8+1 unexpected end of line (the quotes are not closed)"],
  ["a = 'ü𝒳' b = 2", '1:10+1 unexpected "b" (write each key on its own line)'],
  ["ü = 1", '1:1+1 unexpected "ü" (quote keys with characters other than letters, digits, _ and -)'],
  ["\ufeffa = 1\r\na = 2", "2:1+1 a is defined more than once"],
  ["[image.x]\n\n[image.x]\n", "3:1+9 image.x is defined more than once (it is first defined in line 1)"],
  ["token = 90071992547409931", "1:9+17 this number is too large (write it in quotes as a string)"],
  [`a = ${"[".repeat(600)}`, "1:55+1 lists and tables are nested too deeply"],
  ['a = "C:\\windows"', "1:8+9 invalid escape sequence (escape a backslash as \\\\, or use single quotes)"],
])("syntax: %p", (text, told) => expect(mistake(text)).toBe(told));
