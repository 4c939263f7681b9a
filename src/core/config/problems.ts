import type { Code, Problem } from "../failure.ts";
import type { FilePosition } from "../model/position.ts";

interface ProblemFacts {
  readonly at?: FilePosition | undefined;
  readonly hint?: string | undefined;
}

/** A place with what must not be shown of the lines around it: secrets that were written out. */
export interface FramePosition extends FilePosition {
  readonly hide?: readonly FilePosition[];
}

/** What is found to be wrong with a configuration, gathered so that all of it can be reported at once. */
export class Problems {
  readonly #found = new Map<string, Problem>();
  readonly #files: string[] = [];
  readonly #hidden: FilePosition[] = [];
  #count = 0;

  /** Files in the order in which their problems are reported. */
  file(name: string): void {
    if (!this.#files.includes(name)) this.#files.push(name);
  }

  error(code: Code, message: string, facts: ProblemFacts = {}): void {
    this.add({ code, message, ...known(facts) });
  }

  warn(code: Code, message: string, facts: ProblemFacts = {}): void {
    this.add({ code, message, severity: "warning", ...known(facts) });
  }

  /** A secret stands here: no frame of any problem may show it. */
  hide(at: FilePosition): void {
    this.#hidden.push(at);
  }

  /** The same of the same place is reported once: an image on three backends has its error in one line. */
  add(problem: Problem): void {
    const { at, message } = problem;
    const key = `${at?.file}\0${at?.line}\0${at?.column}\0${message}`;
    if (this.#found.has(key)) return;
    this.#found.set(key, problem);
    if (problem.severity !== "warning") this.#count++;
  }

  /** How many are reported so far, warnings aside. */
  get count(): number {
    return this.#count;
  }

  /** The same with the warnings. */
  get reported(): number {
    return this.#found.size;
  }

  get errors(): readonly Problem[] {
    return this.#sorted().filter(({ severity }) => severity !== "warning");
  }

  get warnings(): readonly Problem[] {
    return this.#sorted().filter(({ severity }) => severity === "warning");
  }

  #masked(problem: Problem): Problem {
    const hide = this.#hidden.filter(({ file }) => file === problem.at?.file);
    if (problem.at === undefined || hide.length === 0) return problem;
    const at: FramePosition = { ...problem.at, hide };
    return { ...problem, at };
  }

  /** By place; those without one come first. */
  #sorted(): Problem[] {
    const rank = (at: FilePosition | undefined): number => (at === undefined ? -1 : this.#files.indexOf(at.file));
    const found = [...this.#found.values()].map((problem) => this.#masked(problem));
    return found.sort(
      (a, b) =>
        rank(a.at) - rank(b.at) || (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0),
    );
  }
}

const known = ({ at, hint }: ProblemFacts): { readonly at?: FilePosition; readonly hint?: string } => ({
  ...(at === undefined ? {} : { at }),
  ...(hint === undefined ? {} : { hint }),
});

/** Names another place, as seen from this one: the line, and the file where it is another. */
export const elsewhere = (other: FilePosition, here: FilePosition): string =>
  other.file === here.file ? `line ${other.line}` : `${other.file}:${other.line}`;
