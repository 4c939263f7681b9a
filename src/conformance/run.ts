import { CLAUSES, type Clause, ClauseSkipped } from "../core/conformance.ts";
import { CHECKS } from "./checks.ts";
import { type ClauseRequest, TestStage } from "./stage.ts";

/** How one clause ended. */
export interface ClauseOutcome {
  readonly clause: Clause;
  readonly how: "passed" | "failed" | "skipped" | "not asked";
  /** Why, in words; of a failure, what was found. */
  readonly why?: string;
}

/** Milliseconds that a clause may take, where the spec says none. */
const TIMEOUT = 120_000;

/** Asks the clauses one after the other, each at a place of its own. Stops at the signal. */
export async function* runClauses(
  question: ClauseRequest,
  signal: AbortSignal,
  only: readonly Clause[] = CLAUSES,
): AsyncIterable<ClauseOutcome> {
  for (const clause of CLAUSES.filter((one) => only.includes(one))) {
    signal.throwIfAborted();
    const reason = question.spec.skip?.[clause];
    yield reason === undefined ? await asked(question, clause) : { clause, how: "skipped", why: reason };
  }
}

async function asked(question: ClauseRequest, clause: Clause): Promise<ClauseOutcome> {
  const limit = question.spec.timeout ?? TIMEOUT;
  try {
    await within(limit, played(question, clause));
    return { clause, how: "passed" };
  } catch (thrown) {
    if (thrown instanceof ClauseSkipped) return { clause, how: "not asked", why: thrown.message };
    return { clause, how: "failed", why: told(thrown) };
  }
}

async function played(question: ClauseRequest, clause: Clause): Promise<void> {
  await using stage = await TestStage.open(question);
  await CHECKS[clause](stage);
}

async function within(limit: number, work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it took longer than ${limit / 1000} seconds`)), limit);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What was expected and found, with the line of the clause or the plugin, without colours. */
function told(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return Bun.stripANSI(thrown.message).trim();
}
