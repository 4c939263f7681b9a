import { median } from "./run.ts";
import type { Contender, Contest, Cost, PartialOptions, Program } from "./types.ts";

/** The runs of one side, in the order of the rounds. */
export type Runs = readonly Cost[];

/** One line of the table: a peer, and ours beside it. */
export interface Line {
  readonly peer: string;
  readonly goal: PartialOptions;
  readonly theirs: Runs;
  /** Why the peer was not measured. */
  readonly failed?: string;
}

export interface Measured {
  readonly ours: Runs;
  /** The older build, if there was one. */
  readonly before: Runs;
  readonly lines: readonly Line[];
}

interface Side {
  readonly key: string;
  readonly contender: Contender;
  readonly runs: Cost[];
  failed?: string;
}

/**
 * Runs all sides in each round, in turn: ours, before, the peers; backwards in every second round, so that whatever else the machine
 * does meets all of them. A peer that fails is left out of the rounds to come, and the others go on.
 * @param lacks why a peer cannot be had
 * @throws when ours fails
 */
export async function contend(
  contest: Contest,
  programs: readonly Program[],
  rounds: number,
  measure: (contender: Contender) => Promise<Cost>,
  lacks: (needs: readonly string[]) => string | undefined,
): Promise<Measured> {
  const sides: Side[] = [];
  for (const program of programs) {
    const contender = await contest.ours?.(program);
    if (contender !== undefined) sides.push({ key: program.name, contender, runs: [] });
  }
  const missing = new Map<string, string>();
  for (const { name, needs = [], make } of contest.peers) {
    const why = lacks(needs);
    if (why !== undefined) missing.set(name, why);
    else {
      try {
        sides.push({ key: `peer ${name}`, contender: await make(), runs: [] });
      } catch (thrown) {
        missing.set(name, reason(thrown));
      }
    }
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await once(side, measure);
  }
  const runsOf = (key: string): Runs => sides.find((side) => side.key === key)?.runs ?? [];
  const lines = contest.peers.map(({ name, goal = {} }): Line => {
    const side = sides.find(({ key }) => key === `peer ${name}`);
    const failed = missing.get(name) ?? side?.failed;
    return { peer: name, goal, theirs: side?.runs ?? [], ...(failed === undefined ? {} : { failed }) };
  });
  return { ours: runsOf("ours"), before: runsOf("before"), lines };
}

async function once(side: Side, measure: (contender: Contender) => Promise<Cost>): Promise<void> {
  if (side.failed !== undefined) return;
  try {
    await side.contender.before?.();
    side.runs.push(await measure(side.contender));
    await side.contender.after?.();
  } catch (thrown) {
    if (!side.key.startsWith("peer ")) throw thrown;
    side.failed = reason(thrown);
    side.runs.length = 0;
  }
}

export const reason = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** The medians of the wall and processor times, and the highest peak; undefined of no runs. */
export function summed(runs: Runs): Cost | undefined {
  if (runs.length === 0) return undefined;
  const peaks = runs.flatMap(({ peak }) => peak ?? []);
  return {
    ms: median(runs.map(({ ms }) => ms)),
    cpu: median(runs.map(({ cpu }) => cpu)),
    peak: peaks.length === 0 ? undefined : Math.max(...peaks),
  };
}

/** The ratio of the medians, and the least and the greatest ratio of one round. */
export interface Ratio {
  readonly of: number;
  readonly least: number;
  readonly most: number;
}

export function ratio(ours: Runs, theirs: Runs, pick: (cost: Cost) => number): Ratio | undefined {
  const [a, b] = [summed(ours), summed(theirs)];
  if (a === undefined || b === undefined || pick(b) === 0) return undefined;
  const rounds = ours.flatMap((one, i) => {
    const other = theirs[i];
    return other === undefined || pick(other) === 0 ? [] : [pick(one) / pick(other)];
  });
  return { of: pick(a) / pick(b), least: Math.min(...rounds), most: Math.max(...rounds) };
}

/** Whether what was measured keeps to the goal, and by which limit it does not. */
export function judge(
  goal: PartialOptions,
  ours: Runs,
  theirs: Runs,
): { readonly met: boolean; readonly missed: string[] } | undefined {
  const own = summed(ours);
  if (own === undefined || Object.keys(goal).length === 0) return undefined;
  const wall = ratio(ours, theirs, ({ ms }) => ms);
  const cpu = ratio(ours, theirs, (cost) => cost.cpu);
  const limits: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ["time", goal.ratio, wall?.of],
    ["CPU", goal.cpu, cpu?.of],
    ["ms", goal.ms, own.ms],
    ["peak", goal.peak, own.peak === undefined ? undefined : own.peak / 1e6],
  ];
  const asked = limits.filter(([, limit, got]) => limit !== undefined && got !== undefined);
  if (asked.length === 0) return undefined;
  const missed = asked.filter(([, limit = 0, got = 0]) => got > limit).map(([name]) => name);
  return { met: missed.length === 0, missed };
}
