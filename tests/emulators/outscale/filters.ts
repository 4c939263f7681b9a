import { type Kind, refusals, wellFormed } from "./refusal.ts";

type Scalar = string | number | boolean;

export interface Filter<T> {
  /** @throws Refused when the wanted values cannot be of this filter */
  readonly check?: (wanted: readonly unknown[], name: string) => void;
  readonly fits: (item: T, wanted: readonly unknown[]) => boolean;
}

export type Filters<T> = Readonly<Record<string, Filter<T>>>;
type Read<T> = (item: T) => Scalar | undefined | readonly (Scalar | undefined)[];

/** Fits when one of the item's values is one of the wanted; `*` in a wanted text stands for anything. */
export function values<T>(read: Read<T>): Filter<T> {
  return { fits: (item, wanted) => list(read(item)).some((value) => wanted.some((one) => isLike(value, one))) };
}

/** As `values`, for ids: those of another form are refused, unknown ones fit nothing. */
export function ids<T>(kind: Kind, read: Read<T>): Filter<T> {
  return { ...values(read), check: (wanted, name) => wellFormed(kind, wanted.map(String), name) };
}

/** As `values`, for moments; a wanted day stands for all its moments. */
export function dates<T>(read: (item: T) => readonly string[]): Filter<T> {
  return { fits: (item, wanted) => read(item).some((date) => wanted.some((one) => isSameDate(date, String(one)))) };
}

export function since<T>(read: (item: T) => string): Filter<T> {
  return { fits: (item, [from]) => Date.parse(read(item)) >= Date.parse(String(from)) };
}

export function until<T>(read: (item: T) => string): Filter<T> {
  return { fits: (item, [to]) => Date.parse(read(item)) <= Date.parse(String(to)) };
}

interface Tagged {
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** The three filters by tags that most lists have. */
export const tagFilters = {
  TagKeys: values((item: Tagged) => item.Tags.map((tag) => tag.Key)),
  TagValues: values((item: Tagged) => item.Tags.map((tag) => tag.Value)),
  Tags: values((item: Tagged) => item.Tags.map((tag) => `${tag.Key}=${tag.Value}`)),
} as const;

/** Items that fit every filter; a filter without values is as good as none. */
export function select<T>(items: Iterable<T>, wanted: object | undefined, filters: Filters<T>): readonly T[] {
  const given = Object.entries(wanted ?? {}).map(([name, value]) => {
    const filter = filters[name];
    if (filter === undefined) throw refusals.internal(`The filter ${name} is not emulated.`);
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    filter.check?.(list, name);
    return { filter, list };
  });
  return [...items].filter((item) => given.every(({ filter, list }) => list.length === 0 || filter.fits(item, list)));
}

type Values = ReturnType<Read<unknown>>;

function list(value: Values): readonly (Scalar | undefined)[] {
  return typeof value === "object" ? value : [value];
}

function isLike(value: Scalar | undefined, wanted: unknown): boolean {
  if (typeof value !== "string" || typeof wanted !== "string" || !wanted.includes("*")) return value === wanted;
  const pattern = wanted.split("*").map((part) => part.replaceAll(/[\\^$.|?*+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`, "s").test(value);
}

function isSameDate(date: string, wanted: string): boolean {
  return wanted.includes("T") ? Date.parse(date) === Date.parse(wanted) : date.startsWith(wanted);
}
