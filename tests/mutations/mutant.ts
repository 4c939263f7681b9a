/** One fault that a test has to notice. */
export interface Mutant {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The tests that are asked, separated by spaces. */
  readonly tests: string;
}

export const ENGINE = "tests/core/apply tests/core/plan";

export const mutant = (what: string, file: string, from: string, to: string, tests = ENGINE): Mutant => ({
  what,
  file,
  from,
  to,
  tests,
});
