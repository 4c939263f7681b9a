/** How a cell looks; the colour is its SGR number. */
export interface Style {
  readonly colour: number | undefined;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

interface Cell {
  readonly char: string;
  readonly style: Style;
}

/** Cells of one line that look the same. */
interface Run {
  readonly column: number;
  readonly text: string;
  readonly style: Style;
}

const PLAIN: Style = { colour: undefined, isBold: false, isDim: false };
const isSame = (a: Style, b: Style) => a.colour === b.colour && a.isBold === b.isBold && a.isDim === b.isDim;

/** As much of a terminal as `images` uses: lines without an end, a cursor, wrapping, erasing, colours. A character is one cell. */
export class Screen {
  readonly #columns: number;
  readonly #lines: Cell[][] = [];
  #x = 0;
  #y = 0;
  #style = PLAIN;

  constructor(columns: number) {
    this.#columns = columns;
  }

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of a terminal begin with one.
    for (const [char, mode, numbers = "", act] of text.matchAll(/\u001b\[(\?)?([\d;]*)([A-Za-z])|[\s\S]/gu)) {
      if (act === undefined) this.#put(char);
      else if (mode === undefined) this.#act(act, numbers.split(";").map(Number));
    }
  }

  /** What is on it, without the empty lines at its end. */
  get rows(): readonly (readonly Run[])[] {
    const rows = this.#lines.map((cells) => {
      const runs: Run[] = [];
      for (const [column, cell] of cells.entries()) {
        const { char, style } = cell ?? { char: " ", style: PLAIN };
        const last = runs.at(-1);
        if (last !== undefined && isSame(last.style, style)) runs.splice(-1, 1, { ...last, text: last.text + char });
        else runs.push({ column, text: char, style });
      }
      return runs.map((run, i) => (i === runs.length - 1 ? { ...run, text: run.text.trimEnd() } : run));
    });
    while (rows.at(-1)?.every(({ text }) => text === "")) rows.pop();
    return rows;
  }

  #line(): Cell[] {
    while (this.#lines.length <= this.#y) this.#lines.push([]);
    return this.#lines[this.#y] ?? [];
  }

  #put(char: string): void {
    if (char === "\r") this.#x = 0;
    else if (char === "\n") this.#y++;
    else {
      if (this.#x === this.#columns) [this.#x, this.#y] = [0, this.#y + 1];
      const line = this.#line();
      while (line.length < this.#x) line.push({ char: " ", style: PLAIN });
      line[this.#x++] = { char, style: this.#style };
    }
  }

  #act(act: string, [first = 0, ...more]: readonly number[]): void {
    if (act === "A") this.#y = Math.max(0, this.#y - Math.max(1, first));
    else if (act === "G") this.#x = Math.max(0, first - 1);
    else if (act === "J" || act === "K") {
      this.#line().splice(act === "K" && first === 2 ? 0 : this.#x);
      if (act === "J") this.#lines.splice(this.#y + 1);
    } else if (act === "m") for (const one of [first, ...more]) this.#style = styled(this.#style, one);
  }
}

function styled(style: Style, sgr: number): Style {
  if (sgr === 0) return PLAIN;
  if (sgr === 1) return { ...style, isBold: true };
  if (sgr === 2) return { ...style, isDim: true };
  if (sgr === 22) return { ...style, isBold: false, isDim: false };
  return { ...style, colour: sgr === 39 ? undefined : sgr };
}
