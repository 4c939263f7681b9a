import { type JSONPath, visit } from "jsonc-parser/lib/esm/main.js";

/** Where a value is in a JSON text. Lines and columns count from 1. */
interface Spot {
  readonly line: number;
  readonly column: number;
}

/**
 * Where in `text` the value at `path` stands, or the innermost one around it that is there. Where the text is no JSON: where it
 * stops being it.
 */
export function locate(text: string, path: readonly (string | number)[]): Spot {
  const { broken, found } = walk(text, path);
  return spotOf(text, broken ?? found);
}

/** Where the text stops being JSON; undefined when it is JSON. */
export function brokenAt(text: string): Spot | undefined {
  const { broken } = walk(text, []);
  return broken === undefined ? undefined : spotOf(text, broken);
}

function spotOf(text: string, offset: number): Spot {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: [...before.slice(start)].length + 1 };
}

/** Deeper than any state, and far from where the parser's recursion ends. */
const DEPTH = 256;

class TooDeep extends Error {}

/** One pass over a JSON text: the first place where it breaks, and the last value on the way along the path (of equal keys the last counts). */
function walk(
  text: string,
  path: readonly (string | number)[],
): { readonly broken: number | undefined; readonly found: number } {
  let broken: number | undefined;
  let found = 0;
  let depth = 0;
  const seen = (offset: number, at: JSONPath) => {
    if (at.length <= path.length && at.every((part, i) => part === path[i])) found = offset;
  };
  const begin = (offset: number, at: JSONPath) => {
    seen(offset, at);
    depth += 1;
    if (depth <= DEPTH) return;
    broken ??= offset;
    throw new TooDeep();
  };
  const end = () => {
    depth -= 1;
  };
  try {
    visit(
      text,
      {
        onObjectBegin: (offset, _length, _line, _column, at) => begin(offset, at()),
        onArrayBegin: (offset, _length, _line, _column, at) => begin(offset, at()),
        onLiteralValue: (_value, offset, _length, _line, _column, at) => seen(offset, at()),
        onObjectEnd: end,
        onArrayEnd: end,
        onError: (_error, offset) => {
          broken ??= offset;
        },
      },
      { disallowComments: true },
    );
  } catch (thrown) {
    if (!(thrown instanceof TooDeep)) throw thrown;
  }
  return { broken, found };
}

/** The path of the first key that an object of the JSON text has twice: parsers differ in which of the two counts. */
export function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let found: string | undefined;
  visit(text, {
    onObjectBegin: () => {
      open.push(new Set());
    },
    onObjectProperty: (key, _offset, _length, _line, _column, at) => {
      const keys = open.at(-1);
      if (keys?.has(key)) found ??= [...at(), key].join(".");
      keys?.add(key);
    },
    onObjectEnd: () => {
      open.pop();
    },
  });
  return found;
}
