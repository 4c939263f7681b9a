import { isRecord } from "../kit/answers.ts";
import { invalid } from "./refusal.ts";

type Test = (item: unknown) => boolean;

const comparisons: Readonly<Record<string, (have: unknown, want: unknown) => boolean>> = {
  "+eq": (have, want) => have === want,
  "+neq": (have, want) => have !== want,
  "+gt": (have, want) => order(have, want) > 0,
  "+gte": (have, want) => order(have, want) >= 0,
  "+lt": (have, want) => order(have, want) < 0,
  "+lte": (have, want) => order(have, want) <= 0,
  "+contains": (have, want) => String(have).includes(String(want)),
};

/**
 * Picks and orders the items of a listing as the `X-Filter` header asks. `keys` are the filterable ones; `unordered`
 * are those of them that `+order_by` refuses. Throws the server's refusal for a filter it would not take.
 */
export function filtered<T>(
  items: readonly T[],
  header: string | undefined,
  keys: readonly string[],
  unordered: readonly string[] = [],
): readonly T[] {
  if (header === undefined || header.trim() === "") return items;
  const filter = parsed(header);
  const test = all(filter, keys);
  const kept = items.filter((item) => test(item));
  const by = filter["+order_by"];
  if (by === undefined) return kept;
  if (typeof by !== "string" || !keys.includes(by) || unordered.includes(by)) {
    throw invalid(`Cannot order by ${by}`, "X-Filter");
  }
  const sign = filter["+order"] === "desc" ? -1 : 1;
  return kept.toSorted((a, b) => sign * order(valueAt(a, by), valueAt(b, by)));
}

function parsed(header: string): Readonly<Record<string, unknown>> {
  try {
    const filter: unknown = JSON.parse(header);
    if (isRecord(filter)) return filter;
  } catch {
    // Refused below, like a filter that is no object.
  }
  throw invalid("Filter not valid JSON", "X-Filter");
}

function all(filter: Readonly<Record<string, unknown>>, keys: readonly string[]): Test {
  const tests = Object.entries(filter).map(([key, want]) => one(key, want, keys));
  return (item) => tests.every((test) => test(item));
}

function one(key: string, want: unknown, keys: readonly string[]): Test {
  if (key === "+order_by" || key === "+order") return () => true;
  if (key === "+and" || key === "+or") {
    if (!Array.isArray(want)) throw invalid(`${key} takes a list`, "X-Filter");
    const tests = want.map((part) => all(isRecord(part) ? part : {}, keys));
    return (item) => (key === "+and" ? tests.every((test) => test(item)) : tests.some((test) => test(item)));
  }
  if (!keys.includes(key)) throw invalid(`Cannot filter on ${key}`, "X-Filter");
  return (item) => compared(valueAt(item, key), want);
}

function compared(have: unknown, want: unknown): boolean {
  const asked = isRecord(want) ? want : { "+eq": want };
  return Object.entries(asked).every(([operator, value]) => {
    const compare = comparisons[operator];
    if (compare === undefined) throw invalid(`Cannot filter with ${operator}`, "X-Filter");
    if (!Array.isArray(have)) return compare(have, value);
    if (operator === "+neq") return !have.includes(value);
    return have.some((single) => compare(single, value));
  });
}

/** The value at a key with dots; undefined where the way ends. */
function valueAt(item: unknown, key: string): unknown {
  return key.split(".").reduce<unknown>((place, step) => (isRecord(place) ? place[step] : undefined), item);
}

/** Numbers by size, all else as text; times sort as text because they are all written alike. */
function order(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [String(a ?? ""), String(b ?? "")];
  return left < right ? -1 : left > right ? 1 : 0;
}
