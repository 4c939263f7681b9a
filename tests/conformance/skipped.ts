import type { Clause, ConformanceSpec, TestPlace } from "../../src/core/conformance.ts";

/** What a backend can do besides, as far as clauses ask it. */
interface Abilities {
  readonly download: boolean;
}

/** Clauses that cannot be asked of a place, each with the reason: they are shown as skipped. */
export function skippedClauses(
  spec: ConformanceSpec,
  place: TestPlace,
  abilities: Abilities,
): Readonly<Partial<Record<Clause, string>>> {
  const edits = Object.values(spec.lives).filter((life) => life.replaces !== true && life.with === undefined);
  const reasons: readonly (readonly [isAsked: boolean, reason: string, ...clauses: readonly Clause[]])[] = [
    [spec.bytes !== undefined, "no bytes are sent", "abort", "broken bytes", "bytes back"],
    [spec.otherBytes !== undefined, "no bytes are sent", "another lineage", "changed bytes"],
    [abilities.download, "this backend does not give images back", "bytes back"],
    [edits.length > 0, "nothing can be changed in place", "edit", "added by others"],
    [place.bad !== undefined, "this backend has no credentials", "credential"],
    [place.connections !== undefined, "connections cannot be counted here", "dispose"],
    [Object.values(place.env ?? {}).length > 0, "this backend has no secrets", "secrets"],
    [place.refuse !== undefined, "this backend cannot be made to fail", "server errors"],
    [place.plant !== undefined, "an image cannot be created from outside here", "foreign"],
    [place.meddle !== undefined, "an image cannot be changed from outside here", "drift"],
    [place.use !== undefined, "nothing can use an image here", "in use"],
  ];
  const found = reasons.filter(([isAsked]) => !isAsked);
  return Object.fromEntries(found.flatMap(([, reason, ...clauses]) => clauses.map((clause) => [clause, reason])));
}
