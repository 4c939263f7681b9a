// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import fc from "fast-check";

// TOML documents that are valid, in many spellings, for property tests.

const bare = fc.stringMatching(/^[A-Za-z0-9_-]{1,6}$/);
const key = fc.oneof(
  { weight: 4, arbitrary: bare },
  fc.constantFrom('"ü x"', "'q.r'", '"\\u0041b"', '"𝒳"', "''", '"__proto__"', "constructor"),
);
const space = fc.constantFrom("", " ", "  ", "\t");
const comment = fc.constantFrom("", "", "", " # note", "# ünï \"quoted' [x]", "#");
const newline = fc.constantFrom("\n", "\n", "\n", "\r\n", "\n\n", "\n  # between\n");

const leaf = fc.constantFrom(
  "1",
  "-17",
  "0x1F",
  "1_000",
  "3.5",
  "1e3",
  "true",
  "false",
  '"text"',
  '"a \\"quoted\\" # no comment"',
  "'C:\\path'",
  '"ü𝒳日本"',
  '"""\nlong\r\n ]}, text"""',
  "'''x''y'''''",
  '""""a"" """',
  '""',
  "''",
  '"${var.x} and $${y}"',
  "07:32:00",
);

const { value } = fc.letrec<{ value: string; list: string; table: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3, depthSize: "small" }, { weight: 4, arbitrary: leaf }, tie("list"), tie("table")),
  list: fc
    .tuple(
      fc.array(fc.tuple(space, tie("value"), space), { maxLength: 4 }),
      fc.constantFrom("", ",", ", # end\n"),
      newline,
    )
    .map(([items, end, line]) => {
      const inner = items.map((parts) => parts.join("")).join(items.length > 2 ? `,${line}` : ",");
      return `[${inner}${items.length > 0 ? end : ""}]`;
    }),
  table: fc
    .uniqueArray(fc.tuple(bare, space, tie("value")), { maxLength: 3, selector: ([name]) => name })
    .map((pairs) => `{ ${pairs.map(([name, gap, one]) => `${name}${gap}=${gap}${one}`).join(", ")} }`),
}));

const pair = fc.tuple(fc.array(key, { minLength: 1, maxLength: 2 }), space, value, comment);
const body = fc.uniqueArray(pair, { maxLength: 4, selector: ([keys]) => unquoted(keys[0] ?? "") });
const unquoted = (name: string): string =>
  name === '"\\u0041b"' ? "Ab" : name.replace(/^(["'])(.*)\1$/, (_, __, inner: string) => inner);

const table = fc.tuple(fc.boolean(), space, fc.option(key, { nil: undefined }), body, newline);

/** Any valid document; headers are made unique by their number. */
export const documents: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom("", "# top\n\n"), body, fc.array(table, { maxLength: 4 }), newline)
  .map(([top, first, tables, end]) => {
    const pairs = (rows: typeof first, line: string) =>
      rows.map(([keys, gap, one, note]) => `${gap}${keys.join(".")}${gap}=${gap}${one}${note}${line}`).join("");
    const rest = tables.map(([many, gap, sub, rows, line], i) => {
      const path = sub === undefined ? `table-${i}` : `table-${i}${gap}.${gap}${sub}`;
      return `${gap}${many ? `[[${gap}${path}${gap}]]` : `[${path}]`}${line}${pairs(rows, line)}`;
    });
    return `${top}${pairs(first, end)}${rest.join("")}`;
  });
