import { KEPT_RUNS, KEPT_VERSIONS, type ListedRun, type Version } from "../storage.ts";
import { timeOf } from "../versions.ts";
import type { OpenJournal } from "./control.ts";
import type { Objects } from "./objects.ts";

/** Enough for any first or last line of a run. */
const END = 64 * 1024;

const journals = (objects: Objects): string => `${objects.place.key}.journal/`;
const former = (objects: Objects): string => `${objects.place.key}.versions/`;
export const partKey = (objects: Objects, run: string, part: number): string =>
  `${journals(objects)}${run}/${String(part).padStart(6, "0")}`;
export const versionKey = (objects: Objects, id: string): string => `${former(objects)}${id}`;

/** The whole journal of a run; of one that has ended it is not known how many parts there are. */
export async function readJournal(
  objects: Objects,
  { run, parts, tail }: Omit<OpenJournal, "parts"> & { readonly parts: number | undefined },
  signal: AbortSignal,
): Promise<string> {
  const texts: string[] = [];
  for (let part = 1; parts === undefined || part <= parts; part++) {
    const found = await objects.get(partKey(objects, run, part), signal);
    if (found === undefined) break;
    texts.push(found.text);
  }
  return texts.join("") + tail;
}

/** Every run, oldest first. */
export async function listRuns(
  objects: Objects,
  open: readonly OpenJournal[],
  signal: AbortSignal,
): Promise<readonly ListedRun[]> {
  const parts = await partsOf(objects, signal);
  const listed: ListedRun[] = [];
  for (const { run, parts: count, tail } of open) {
    const whole = count === 0 ? tail : ((await objects.get(partKey(objects, run, 1), signal))?.text ?? "") + tail;
    const last =
      tail === "" && count > 1 ? ((await objects.get(partKey(objects, run, count), signal))?.text ?? "") : whole;
    if (whole !== "") listed.push({ run, open: true, first: firstOf(whole), last: lastOf(last) });
  }
  for (const [run, keys] of parts) {
    if (open.some((one) => one.run === run)) continue;
    const [head, end] = [keys[0], keys.at(-1)];
    if (head === undefined || end === undefined) continue;
    const first = await objects.get(head.key, signal, head.size > END ? `bytes=0-${END - 1}` : undefined);
    const isOne = head === end && head.size <= END;
    const last = isOne ? first : await objects.get(end.key, signal, end.size > END ? `bytes=-${END}` : undefined);
    if (first !== undefined && last !== undefined)
      listed.push({ run, open: false, first: firstOf(first.text), last: lastOf(last.text) });
  }
  return listed.sort((a, b) => (a.run < b.run ? -1 : 1));
}

export async function versions(objects: Objects, signal: AbortSignal): Promise<readonly Version[]> {
  const prefix = former(objects);
  return (await objects.list(prefix, signal)).map(({ key }) => {
    const id = key.slice(prefix.length);
    return { id, at: timeOf(id) };
  });
}

export async function readVersion(objects: Objects, id: string, signal: AbortSignal): Promise<string | undefined> {
  return /^[\w-]+$/.test(id) ? (await objects.get(versionKey(objects, id), signal))?.text : undefined;
}

/** Takes away what is more than is kept; whatever cannot be, stays. */
export async function prune(objects: Objects, open: readonly OpenJournal[], signal: AbortSignal): Promise<void> {
  const runs = [...(await partsOf(objects, signal))].filter(([run]) => !open.some((one) => one.run === run));
  for (const [, keys] of runs.slice(0, -KEPT_RUNS)) {
    // The last part first: what is left of a run then is its beginning.
    for (const { key } of keys.toReversed()) await objects.delete(key, signal);
  }
  const old = (await objects.list(former(objects), signal)).slice(0, -KEPT_VERSIONS);
  for (const { key } of old) await objects.delete(key, signal);
}

/** The parts of every run, oldest first. */
export async function partsOf(objects: Objects, signal: AbortSignal, run = "") {
  const prefix = run === "" ? journals(objects) : `${journals(objects)}${run}/`;
  const found = new Map<string, { readonly key: string; readonly size: number }[]>();
  for (const one of await objects.list(prefix, signal)) {
    const [name] = one.key.slice(journals(objects).length).split("/");
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), one]);
  }
  return found;
}

const firstOf = (text: string): string => text.slice(0, Math.max(0, text.indexOf("\n")));
function lastOf(text: string): string {
  const whole = text.slice(0, Math.max(0, text.lastIndexOf("\n")));
  return whole.slice(whole.lastIndexOf("\n") + 1);
}
