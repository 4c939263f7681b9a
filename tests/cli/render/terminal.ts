/**
 * As much of a terminal as a program that draws at its foot needs: lines, a cursor, wrapping, erasing. Colours and unknown sequences are
 * passed over; a character is one cell.
 */
export class Terminal {
  readonly lines: string[][] = [[]];
  columns: number;
  rows: number;
  isTTY = true;
  isCursorVisible = true;
  isWrapping = true;
  /** Whether anything was ever cut off at the edge. */
  hasCut = false;
  #x = 0;
  #y = 0;

  constructor(columns: number, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  get text(): string {
    const lines = this.lines.map((cells) =>
      Array.from(cells, (one) => one ?? " ")
        .join("")
        .trimEnd(),
    );
    while (lines.at(-1) === "") lines.pop();
    return lines.map((line) => `${line}\n`).join("");
  }

  write(text: string): boolean {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of a terminal begin with one.
    for (const [found, mode, sequence, char] of text.matchAll(/\u001b\[(\?)?([\d;]*[A-Za-z])|([\s\S])/gu)) {
      if (sequence === undefined) this.#put(char ?? found);
      else if (mode === "?") this.#mode(sequence);
      else this.#act(sequence);
    }
    return true;
  }

  #put(char: string): void {
    if (char === "\n") {
      this.#y++;
      this.#x = 0;
      while (this.lines.length <= this.#y) this.lines.push([]);
    } else if (char === "\r") this.#x = 0;
    else {
      if (this.#x >= this.columns && this.isWrapping) this.#put("\n");
      if (this.#x >= this.columns) this.hasCut = true;
      this.#line()[Math.min(this.#x, this.columns - 1)] = char;
      this.#x = Math.min(this.#x + 1, this.columns);
    }
  }

  #mode(sequence: string): void {
    if (sequence.startsWith("25")) this.isCursorVisible = sequence.endsWith("h");
    if (sequence.startsWith("7")) this.isWrapping = sequence.endsWith("h");
  }

  #act(sequence: string): void {
    const count = Number.parseInt(sequence, 10) || 0;
    switch (sequence.at(-1)) {
      case "A":
        this.#y = Math.max(0, this.#y - Math.max(1, count));
        break;
      case "G":
        this.#x = Math.max(0, count - 1);
        break;
      case "J":
        this.lines.splice(this.#y + 1);
        this.#line().splice(this.#x);
        break;
      case "K":
        if (count === 2) this.#line().splice(0);
        else this.#line().splice(this.#x);
        break;
      default:
        break;
    }
  }

  #line(): string[] {
    while (this.lines.length <= this.#y) this.lines.push([]);
    return this.lines[this.#y] ?? [];
  }
}
