import { CLAUSES, type Clause, ClauseSkipped } from "../core/conformance.ts";
import { CHECKS } from "./checks.ts";
import { remedyOf } from "./remedies.ts";
import { type ClauseRequest, CommandFailed, TestStage } from "./stage.ts";

/** How one clause ended. */
export interface ClauseOutcome {
  readonly clause: Clause;
  readonly how: "passed" | "failed" | "skipped" | "not asked";
  /** Why, in words; of a failure, what was found. */
  readonly why?: string;
  /** Of a failure: what the clause expects, what to do, and where the documentation says more. */
  readonly remedy?: string;
}

/** Milliseconds that a clause may take, where the spec says none. */
const TIMEOUT = 120_000;

/** Runs the clauses one after the other, each at a place of its own. Stops at the signal. */
export async function* runClauses(
  request: ClauseRequest,
  signal: AbortSignal,
  only: readonly Clause[] = CLAUSES,
): AsyncIterable<ClauseOutcome> {
  for (const clause of CLAUSES.filter((one) => only.includes(one))) {
    signal.throwIfAborted();
    const reason = request.spec.skip?.[clause];
    yield reason === undefined ? await outcomeOf(request, clause) : { clause, how: "skipped", why: reason };
  }
}

async function outcomeOf(request: ClauseRequest, clause: Clause): Promise<ClauseOutcome> {
  const limit = request.spec.timeout ?? TIMEOUT;
  try {
    await within(limit, runClause(request, clause));
    return { clause, how: "passed" };
  } catch (thrown) {
    if (thrown instanceof ClauseSkipped) return { clause, how: "not asked", why: thrown.message };
    const isCommand = thrown instanceof CommandFailed;
    return { clause, how: "failed", why: messageOf(thrown), remedy: remedyOf(clause, isCommand) };
  }
}

async function runClause(request: ClauseRequest, clause: Clause): Promise<void> {
  await using stage = await TestStage.open(request);
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
function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return Bun.stripANSI(thrown.message).trim();
}
