import { Failure } from "../../failure.ts";
import type { Web } from "../web/index.ts";

/** Where one small file can be had: mirrors of it, in the order in which they are asked. */
interface FileLocations {
  readonly where: string;
  readonly elsewhere?: readonly string[];
}

export const allOf = ({ where, elsewhere = [] }: FileLocations): readonly string[] => [where, ...elsewhere];

/** What is wrong here, whatever the mirror. */
const OURS: readonly string[] = ["source.key", "source.netrc", "config.secret"];

/**
 * What the first of several places gives: one that has nothing, or nothing that holds, is named to the user, and the next is asked.
 * None is waited for as long as there are others; where all have failed, those that may still answer are asked once more, with patience.
 * `attempt` gets the place, and whether to be quick. @throws Failure as the first one did, which names the others
 */
export async function firstOf<T>(
  places: readonly string[],
  web: Web,
  signal: AbortSignal,
  attempt: (place: string, isQuick: boolean) => Promise<T>,
): Promise<T> {
  const failed = new Map<string, Failure>();
  const ask = async (place: string, isQuick: boolean, isLast: boolean): Promise<{ readonly value: T } | undefined> => {
    try {
      return { value: await attempt(place, isQuick) };
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof Failure) || OURS.includes(thrown.code)) throw thrown;
      failed.set(place, thrown);
      if (!isLast) web.note(`${thrown.message}; trying the next location`);
      return undefined;
    }
  };
  const isAlone = places.length === 1;
  for (const [i, place] of places.entries()) {
    const found = await ask(place, !isAlone, i === places.length - 1);
    if (found !== undefined) return found.value;
  }
  const rest = isAlone ? [] : places.filter((place) => failed.get(place)?.retry === true);
  for (const place of rest) {
    const found = await ask(place, false, true);
    if (found !== undefined) return found.value;
  }
  throw all([...failed.values()]);
}

function all(failed: readonly Failure[]): Failure {
  const [first] = failed;
  if (first === undefined) return new Failure("source.missing", "there is no location to ask");
  if (failed.length === 1) return first;
  const { code, hint, cause, retry, request } = first;
  const messages = failed.map(({ message }) => message).join("; ");
  return new Failure(code, `none of ${failed.length} locations could be used: ${messages}`, {
    hint,
    cause,
    retry,
    request,
  });
}
