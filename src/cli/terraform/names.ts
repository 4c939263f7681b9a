import { isName } from "../../core/model/name.ts";

/** An instance that wants a name: the words that lead to it, and its backend. */
interface Unnamed {
  readonly path: readonly string[];
  readonly backend: string;
}

/**
 * Names for images, in their order: the words that lead to each (`base-debian-a`), with its backend where they do not tell it apart, or
 * where another image has that name. An address that exists already keeps its name.
 */
export function imageNames(wanted: readonly Unnamed[], existing: ReadonlySet<string>): readonly string[] {
  const taken = new Set([...existing].map((address) => address.slice(address.indexOf("/") + 1)));
  const given = new Set<string>();
  const short = wanted.map(({ path }) => nameOf(path));
  return wanted.map(({ backend, path }, i) => {
    const name = short[i] ?? "";
    const longer = nameOf([...path, backend]);
    const ways = short.filter((other) => other === name).length === 1 ? [name, longer] : [longer];
    for (const way of inTurn(ways, longer)) {
      const isOurs = existing.has(`${backend}/${way}`);
      if (given.has(way) || (taken.has(way) && !isOurs)) continue;
      given.add(way);
      return way;
    }
    return name;
  });
}

function* inTurn(ways: readonly string[], name: string): Generator<string> {
  yield* ways;
  for (let i = 2; ; i++) yield `${name.slice(0, LONGEST - 4)}-${i}`;
}

const LONGEST = 63;

/** Words as one name. */
export function nameOf(words: readonly string[]): string {
  const text = words
    .join("-")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .replace(/-+$/, "")
    .slice(0, LONGEST);
  return isName(text) ? text : "image";
}
