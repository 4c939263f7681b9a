/** One fault that a test has to notice. */
export interface Mutant {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The tests that are asked, separated by spaces. */
  readonly tests: string;
}

const apply = (...names: readonly string[]): string =>
  names.map((name) => `tests/core/apply/${name}.test.ts`).join(" ");

/** All but the longest, which looks at bytes. */
const ENGINE = `${apply("additions", "arrived", "order", "progress", "site", "slots", "worlds")} tests/core/plan`;
export const BYTES = apply("evidence");

export const mutant = (what: string, file: string, from: string, to: string, tests = ENGINE): Mutant => ({
  what,
  file,
  from,
  to,
  tests,
});
