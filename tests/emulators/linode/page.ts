import { invalid } from "./refusal.ts";

export interface Page<T> {
  readonly data: readonly T[];
  readonly page: number;
  readonly pages: number;
  readonly results: number;
}

/**
 * The page that the query asks for: `page` from 1, `page_size` from 25 to 500, default 100. A page after the last is
 * empty; what the server does there is unknown.
 */
export function paged<T>(items: readonly T[], query: URLSearchParams): Page<T> {
  const page = whole(query.get("page"), 1);
  const size = whole(query.get("page_size"), 100);
  if (page === undefined || page < 1) throw invalid("Must be 1 or greater", "page");
  if (size === undefined || size < 25 || size > 500) throw invalid("Must be 25-500", "page_size");
  return {
    data: items.slice((page - 1) * size, page * size),
    page,
    pages: Math.max(1, Math.ceil(items.length / size)),
    results: items.length,
  };
}

/** GET /images has its own order of keys, and an empty listing of it has no first page (recorded). */
export function imagesPage<T>(items: readonly T[], query: URLSearchParams): Page<T> {
  const { data, page, pages, results } = paged(items, query);
  if (results === 0) return { pages: 0, data, results, page: 0 };
  return { pages, data, results, page };
}

function whole(text: string | null, otherwise: number): number | undefined {
  if (text === null) return otherwise;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
