import { type Mutant, mutant } from "./mutant.ts";

const DECIDE = "src/core/plan/decide.ts";
const PLAN = "tests/core/plan";
const decision = (what: string, from: string, to: string, file = DECIDE): Mutant => mutant(what, file, from, to, PLAN);

/** One address to one step. */
export const DECISION_MUTANTS: readonly Mutant[] = [
  decision(
    "what another state has marked since is managed",
    'if (have !== undefined && input.ownership === "taken") return taken(address, have);',
    "",
  ),
  decision(
    "an unmanaged image in the way is passed over",
    "if (have !== undefined && rival !== undefined) return contested(input, rival);",
    "",
  ),
  decision(
    "of two images that could be it one is chosen",
    "if (input.ambiguous.length > 1) return ambiguous(address, input.ambiguous);",
    "",
  ),
  decision(
    "an interrupted creation of another run is passed over",
    "if (have === undefined && input.incomplete !== undefined) return incomplete(address, input.incomplete);",
    "",
  ),
  decision(
    "a protected image is replaced",
    "  if (want.resource.lifecycle.protect) {\n    const text = `replacement",
    "  if (false) {\n    const text = `replacement",
  ),
  decision(
    "an origin that cannot be reached is found by apply",
    'unreachable(address, want) ?? takenId(input, want, undefined, "")',
    'takenId(input, want, undefined, "")',
  ),
  decision(
    "an interrupted replace is compared with its new record",
    'return known.status === "replacing" ? known.former : undefined;',
    "return undefined;",
  ),
  decision(
    "a changed validator blocks a protected image",
    "if (isContentAlone && want.resource.lifecycle.protect)",
    "if (false)",
  ),
  decision(
    "bytes are not compared before a replace for a changed validator",
    "isContentAlone ? ({ unlessSame: true } as const) : {}",
    "{}",
  ),
  decision(
    "protect alone is no change",
    "known !== undefined && (known.protect !== lifecycle.protect ||",
    "known !== undefined && (false ||",
  ),
  decision("on_remove alone is no change", "|| known.onRemove !== lifecycle.onRemove)", ")"),
  decision(
    "an image that is removed from the file is deleted although it is protected",
    "if (lifecycle === undefined ? known?.protect === true : lifecycle.protect)",
    "if (false)",
    "src/core/plan/unwanted.ts",
  ),
  decision(
    "kept versions are deleted before their time",
    "filter((one) => age(one) >= minAge)",
    "filter(() => true)",
    "src/core/plan/deletions.ts",
  ),
  decision(
    "an image that is protected on the backend is deleted",
    "if (kept.has(id))",
    "if (false)",
    "src/core/plan/deletions.ts",
  ),
  decision(
    "what the backend ends of an interrupted run while the next is planned blocks it",
    "if (!isFinished(there, known)) return { leftovers: [...leftovers, there.id] };",
    "if (!isFinished(there, known)) return undefined;",
    "src/core/plan/same-bytes.ts",
  ),
];
