const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `512 B`, `4.1 GiB`: powers of 1024, one decimal. */
export function bytes(count: number): string {
  if (!Number.isFinite(count) || count < 0) return "? B";
  if (count < 1024) return `${Math.round(count)} B`;
  let value = count / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

export const rate = (bytesPerSecond: number): string => `${bytes(bytesPerSecond)}/s`;

/** Whole seconds as terraform writes them: `0s`, `1m3s`, `1h0m3s`. */
export function duration(ms: number): string {
  const all = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** Time to go, coarser the longer it is: `16s`, `4m10s`, `2h5m`, `over a day`. */
export function remaining(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds >= 86_400) return "over a day";
  const all = Math.max(0, Math.ceil(seconds));
  if (all < 60) return `${all}s`;
  if (all < 3600) return `${Math.floor(all / 60)}m${Math.floor((all % 60) / 10) * 10}s`;
  return `${Math.floor(all / 3600)}h${Math.floor((all % 3600) / 60)}m`;
}

/** Whole percent, never 100 before the end. */
export function percent(done: number, total: number): number {
  if (total <= 0) return 100;
  return Math.min(100, Math.max(0, Math.floor((done / total) * 100)));
}

/** `1 upload`, `2 uploads`, `0 copies`. */
export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
