import { Writable } from "node:stream";
import { MultiBar, type SingleBar } from "cli-progress";
import type { TextSink } from "./renderer.ts";
import { cells } from "./text.ts";

const UP = (rows: number): string => (rows > 0 ? `\u001b[${rows}A` : "");
const CLEAR_BELOW = "\u001b[J";
const WRAP = { on: "\u001b[?7h", off: "\u001b[?7l" } as const;
/** Terminals that know it show everything between the two at once; the others pass over it. */
const AT_ONCE = { begin: "\u001b[?2026h", end: "\u001b[?2026l" } as const;

/** Nothing but `paint()` draws: the timer of the bars never gets its turn. */
const NEVER = 1 / 1_000_000;

/**
 * The foot of a terminal: rows that are drawn again and again, and lines that scroll away above them. Disposing gives the terminal
 * back as it was: no rows, all lines written, the cursor visible, wrapping on.
 */
export class Screen implements Disposable {
  static readonly #open = new Set<Screen>();
  readonly #stream: Foot;
  readonly #bars: MultiBar;
  readonly #slots: SingleBar[] = [];
  #rows: readonly string[] = [];
  /** Cells of each row as it was last drawn, and how wide the terminal was then. */
  #drawn: readonly number[] = [];
  #columns: number;
  #isActive = false;

  constructor(sink: TextSink) {
    this.#stream = new Foot(sink);
    this.#columns = this.#stream.columns;
    this.#bars = new MultiBar({
      stream: this.#stream,
      format: (_options, _params, { row }: { readonly row: number }) => this.#rows[row] ?? "",
      fps: NEVER,
      // A line above the rows overwrites the first of them, so that an unchanged one has to be drawn again too.
      forceRedraw: true,
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
      emptyOnZero: true,
    });
    this.#bars.on("redraw-pre", () => this.#clear());
    Screen.#open.add(this);
  }

  /** Puts lines above the rows of a screen that is open just now, at once; false where none is, and the stream is free. */
  static interject(lines: readonly string[]): boolean {
    for (const screen of Screen.#open) {
      screen.log(lines);
      screen.paint(screen.#rows);
    }
    return Screen.#open.size > 0;
  }

  get columns(): number {
    return this.#stream.columns;
  }

  /** Rows that may be shown without pushing everything else off the terminal. */
  get height(): number {
    return Math.min(12, Math.max(1, this.#stream.rows - 4));
  }

  /** Lines that stay, above the rows. They come with the next `paint`. */
  log(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${line}\n`).join("");
    if (this.#isActive) this.#bars.log(`${WRAP.on}${text}${WRAP.off}`);
    else this.#stream.direct(text);
  }

  paint(rows: readonly string[]): void {
    this.#stream.atOnce(() => {
      this.#rows = rows;
      while (this.#slots.length < rows.length) {
        this.#slots.push(this.#bars.create(1, 0, { row: this.#slots.length }));
        this.#isActive = true;
      }
      for (const bar of this.#slots.splice(rows.length)) this.#bars.remove(bar);
      if (this.#isActive) this.#bars.update();
      this.#drawn = rows.map(cells);
      this.#columns = this.columns;
    });
  }

  [Symbol.dispose](): void {
    Screen.#open.delete(this);
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#stream.atOnce(() => {
      this.#bars.update();
      this.#bars.stop();
    });
  }

  /**
   * Called with the cursor where the first row begins, as far as the bars know. A terminal that became narrower has broken the rows
   * into more of them.
   */
  #clear(): void {
    const broken = this.#drawn.reduce((sum, width) => sum + Math.max(0, Math.ceil(width / this.columns) - 1), 0);
    this.#stream.write((this.columns < this.#columns ? UP(broken) : "") + CLEAR_BELOW);
    this.#columns = this.columns;
  }
}

/** A sink as the stream that the bars and node:readline want, with everything of one drawing written at once. */
class Foot extends Writable {
  readonly isTTY = true;
  readonly #sink: TextSink;
  #held: string[] | undefined;

  constructor(sink: TextSink) {
    super({ decodeStrings: false });
    this.#sink = sink;
  }

  get columns(): number {
    return Math.max(20, this.#sink.columns ?? 80);
  }

  get rows(): number {
    return this.#sink.rows ?? 24;
  }

  /** Past the queue of the stream: nothing of ours is waiting there. */
  direct(text: string): void {
    this.#sink.write(text);
  }

  atOnce(draw: () => void): void {
    this.#held = [];
    try {
      draw();
    } finally {
      const text = this.#held.join("");
      this.#held = undefined;
      if (text !== "") this.#sink.write(`${AT_ONCE.begin}${text}${AT_ONCE.end}`);
    }
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    const text = String(chunk);
    if (this.#held === undefined) this.#sink.write(text);
    else this.#held.push(text);
    done();
  }
}
