import { Failure } from "../failure.ts";

export interface MemberOptions {
  /** The file that is wanted; without a name, the first regular one. */
  readonly name?: string | undefined;
  /** The most bytes that it may have. Default: 1 TiB. */
  readonly limit?: number | undefined;
  /** The reader is done with a piece before it requests the fourth after it: the file goes round in few buffers. */
  readonly lent?: boolean | undefined;
}

const plainName = (name: string): string => name.replace(/^(?:\.?\/)+/, "");
/** `./disk.raw`, `/disk.raw` and `disk.raw` are the same. */
export const sameName = (one: string, other: string): boolean => plainName(one) === plainName(other);

/** What is named is a link: its file may have gone by already when the link comes. */
export const isLink = (name: string, target: string): Failure =>
  new Failure("source.member", `${JSON.stringify(name)} is a link to ${JSON.stringify(target)} in the archive`, {
    hint: `use member = ${JSON.stringify(target)}`,
  });

/** No such file; `seen` are the ones that there are. */
export function missing(name: string | undefined, seen: readonly string[]): Failure {
  if (name === undefined) return new Failure("source.member", "there is no file in the archive");
  const names = seen.map((one) => JSON.stringify(one)).join(", ");
  return new Failure("source.member", `there is no file ${JSON.stringify(name)} in the archive`, {
    hint: seen.length === 0 ? "the archive has no files" : `the archive has ${names}`,
  });
}
