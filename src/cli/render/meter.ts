/** How fast something goes on, smoothed. Plain data; each measurement makes a new one. */
export interface Meter {
  /** When it was last measured, in milliseconds. */
  readonly at: number;
  readonly done: number;
  /** A second, smoothed; undefined until there are two measurements. */
  readonly rate: number | undefined;
}

/** The past counts with half its weight after about so many milliseconds. */
const HALF_LIFE = 4000;
/** Measurements closer to each other tell nothing. */
const SHORTEST = 250;

/** Takes a new count into account. A count that went back is a new attempt: it begins from there. */
export function measure(before: Meter | undefined, done: number, now: number): Meter {
  if (before === undefined || done < before.done) return { at: now, done, rate: undefined };
  const elapsed = now - before.at;
  if (elapsed < SHORTEST) return before;
  const rate = ((done - before.done) / elapsed) * 1000;
  const weight = before.rate === undefined ? 1 : 1 - 0.5 ** (elapsed / HALF_LIFE);
  return { at: now, done, rate: (before.rate ?? 0) * (1 - weight) + rate * weight };
}

/** The rate as it is now: it falls while nothing more comes. */
export function rateAt(meter: Meter | undefined, now: number): number | undefined {
  if (meter?.rate === undefined) return undefined;
  const silence = Math.max(0, now - meter.at - 1000);
  return meter.rate * 0.5 ** (silence / HALF_LIFE);
}

/** Seconds until `total`; undefined where nothing can be said. */
export function secondsLeft(
  meter: Meter | undefined,
  done: number,
  total: number | undefined,
  now: number,
): number | undefined {
  const rate = rateAt(meter, now);
  if (rate === undefined || rate < 1 || total === undefined) return undefined;
  return Math.max(0, total - done) / rate;
}
