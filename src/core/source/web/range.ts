import type { Validators } from "../../model/source.ts";

/** A Content-Range: `first` and `last` are undefined where the range was refused (`bytes *\/100`). */
interface Range {
  readonly first?: number;
  readonly last?: number;
  readonly total?: number;
}

/** Undefined for none, and for one that makes no sense. */
export function rangeOf(header: string | null): Range | undefined {
  const match = /^bytes +(?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)$/i.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, first, last, total] = match;
  const whole = total === "*" || total === undefined ? {} : { total: Number(total) };
  if (first === undefined || last === undefined) return whole;
  const range = { first: Number(first), last: Number(last), ...whole };
  if (range.last < range.first || (whole.total !== undefined && range.last >= whole.total)) return undefined;
  return range;
}

/** What has come of a file before. */
interface Begun {
  readonly offset: number;
  readonly total: number | undefined;
  readonly validators: Validators;
  /** A digest shows in the end whether the parts belong together. */
  readonly isProven?: boolean;
}

interface RangeAnswer {
  readonly status: number;
  readonly range: Range | undefined;
  readonly length: number | undefined;
  readonly validators: Validators;
}

/** What to do with the answer to a request for what is missing. */
type RangeVerdict =
  /** The body goes on where we are. */
  | { readonly kind: "append"; readonly total: number | undefined }
  /** The body is the file from its beginning: what has come before is compared, not stored again. */
  | { readonly kind: "whole"; readonly total: number | undefined }
  /** There is nothing missing. */
  | { readonly kind: "complete" }
  /** The answer is of no use: ask for the whole file. */
  | { readonly kind: "again"; readonly why: string };

/** Judges an answer to `Range: bytes=OFFSET-` (or, for offset 0, to a plain GET). */
export function judge(begun: Begun, { status, range, length, validators }: RangeAnswer): RangeVerdict {
  const { offset, total } = begun;
  if (status === 206) {
    if (range?.first === undefined) return again("a partial response without a range");
    if (range.first !== offset) return again(`requested bytes from ${offset}, got bytes from ${range.first}`);
    if (total !== undefined && range.total !== undefined && range.total !== total)
      return again(`the length was ${total} bytes and is now ${range.total}`);
    if (isOther(begun.validators, validators)) return again("the part belongs to another version of the file");
    if (begun.isProven !== true && isUnsaid(begun.validators, validators))
      return again("the part does not say which version of the file it belongs to");
    return { kind: "append", total: range.total ?? total };
  }
  if (status === 416) {
    if (offset > 0 && range?.total === offset && (total === undefined || total === offset)) return { kind: "complete" };
    return again("the server refuses the missing part");
  }
  return { kind: "whole", total: length };
}

/** Both name a version, and not the same. A weak ETag says nothing of single bytes, so only its difference counts. */
function isOther(before: Validators, now: Validators): boolean {
  if (before.etag !== undefined && now.etag !== undefined) return bare(before.etag) !== bare(now.etag);
  return before.modified !== undefined && now.modified !== undefined && before.modified !== now.modified;
}

/** The server has said which version the file is of, and says nothing of the part: it may not have looked at `If-Range`. */
const isUnsaid = (before: Validators, now: Validators): boolean =>
  (before.etag !== undefined || before.modified !== undefined) &&
  (before.etag === undefined || now.etag === undefined) &&
  (before.modified === undefined || now.modified === undefined);

/** What to send as If-Range: a strong ETag, else a date; undefined where nothing can tell one version from another. */
export function ifRange({ etag, modified }: Validators): string | undefined {
  if (etag !== undefined && !etag.startsWith("W/")) return etag;
  return modified;
}

const again = (why: string): RangeVerdict => ({ kind: "again", why });
const bare = (etag: string): string => etag.replace(/^W\//, "");
