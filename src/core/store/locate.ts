/** Where a value stands in a JSON text. Lines and columns count from 1. */
export interface Spot {
  readonly line: number;
  readonly column: number;
}

/**
 * Where in `text` the value at `path` stands, or the innermost one around it that is there. Where the text is no JSON: where it
 * stops being it.
 */
export function locate(text: string, path: readonly (string | number)[]): Spot {
  return spotOf(text, new Walk(text, path).run());
}

/** Where the text stops being JSON; undefined when it is JSON. */
export function brokenAt(text: string): Spot | undefined {
  const walk = new Walk(text, []);
  walk.run();
  return walk.broken === undefined ? undefined : spotOf(text, walk.broken);
}

function spotOf(text: string, offset: number): Spot {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: [...before.slice(start)].length + 1 };
}

const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that JSON does not allow in a string.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
/** Deeper than any state, and far from where recursion ends. */
const DEPTH = 256;

class Stop extends Error {}

/** One pass over a JSON text: finds where it breaks, and the value at a path. */
class Walk {
  broken: number | undefined;
  readonly #text: string;
  readonly #path: readonly (string | number)[];
  #at = 0;
  #found = 0;

  constructor(text: string, path: readonly (string | number)[]) {
    this.#text = text;
    this.#path = path;
  }

  run(): number {
    try {
      this.#skip();
      this.#value(0, true);
      this.#skip();
      if (this.#at < this.#text.length) this.#stop();
      return this.#found;
    } catch (error) {
      if (error instanceof Stop) return this.#at;
      throw error;
    }
  }

  /** `on`: everything on the way down to here was on the path. */
  #value(depth: number, on: boolean): void {
    if (on) this.#found = this.#at;
    if (depth > DEPTH) this.#stop();
    const first = this.#text[this.#at];
    if (first === "{") this.#items("}", depth, on, () => this.#key());
    else if (first === "[") this.#items("]", depth, on, (i) => i);
    else if (this.#take(STRING) === undefined && !this.#take(LITERAL)) this.#stop();
  }

  #items(end: string, depth: number, on: boolean, name: (i: number) => string | number): void {
    this.#at++;
    this.#skip();
    if (this.#is(end)) return;
    for (let i = 0; ; i++) {
      const key = name(i);
      this.#value(depth + 1, on && depth < this.#path.length && this.#path[depth] === key);
      this.#skip();
      if (this.#is(end)) return;
      if (!this.#is(",")) this.#stop();
      this.#skip();
    }
  }

  #key(): string {
    const written = this.#take(STRING) ?? this.#stop();
    this.#skip();
    if (!this.#is(":")) this.#stop();
    this.#skip();
    return String(JSON.parse(written));
  }

  #is(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #skip(): void {
    this.#take(SPACE);
  }

  #stop(): never {
    this.broken = this.#at;
    throw new Stop();
  }
}
