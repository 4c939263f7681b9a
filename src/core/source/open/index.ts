/** Sources as a run asks for them: looked at while planning, opened while applying. */

export { measureSource } from "./measure.ts";
export { Sources } from "./open.ts";
export { isPlannedFile, type SeenSource, seenWithTree, withTree } from "./tree.ts";
export { unchangedNow } from "./unchanged.ts";
