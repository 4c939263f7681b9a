import { refusals } from "./refusal.ts";

export interface PageRequest {
  readonly NextPageToken?: string;
  readonly ResultsPerPage?: number;
}

const MOST = 1000;

/**
 * One page of a list, with the token of the next one when there is more. A token knows the size of its pages.
 *
 * @throws Refused when the size is not 1 to 1000, or the token was not made here
 */
export function page<T>(
  items: readonly T[],
  request: PageRequest,
  usual: number,
): { readonly items: readonly T[]; readonly token: { readonly NextPageToken?: string } } {
  const asked = request.ResultsPerPage;
  if (asked !== undefined && (asked < 1 || asked > MOST)) {
    throw refusals.badValue("ResultsPerPage must be between 1 and 1000.");
  }
  const known = request.NextPageToken === undefined ? undefined : read(request.NextPageToken);
  const start = known?.start ?? 0;
  const size = asked ?? known?.size ?? Math.min(usual, MOST);
  const rest = items.length > start + size ? { NextPageToken: write({ start: start + size, size }) } : {};
  return { items: items.slice(start, start + size), token: rest };
}

interface Token {
  readonly start: number;
  readonly size: number;
}

const write = ({ start, size }: Token): string => Buffer.from(`page:${start}:${size}`).toString("base64");

function read(token: string): Token {
  const [, start, size] = /^page:(\d+):(\d+)$/.exec(Buffer.from(token, "base64").toString()) ?? [];
  if (start === undefined || size === undefined) throw refusals.badValue("NextPageToken is not a token of this list.");
  return { start: Number(start), size: Number(size) };
}
