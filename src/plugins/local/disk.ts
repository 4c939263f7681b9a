// What the system says when files are worked with.

export const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error && "code" in thrown ? thrown.code : undefined;

export const isFull = (thrown: unknown): boolean => codeOf(thrown) === "ENOSPC" || codeOf(thrown) === "EDQUOT";

/** For a catch: what is not there comes to `value`, everything else is thrown on. */
export const whenMissing =
  <T>(value: T) =>
  (thrown: unknown): T => {
    if (codeOf(thrown) === "ENOENT") return value;
    throw thrown;
  };
