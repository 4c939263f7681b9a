/** Calls code often enough for the engine to compile it. */
type WarmUp = () => Promise<void>;

const pending: WarmUp[] = [];

/**
 * Code that a run calls more and more, the engine compiles anew at some point, in the background, and takes up to 24 MB for that. Where memory
 * will be short, this comes before it is. Called once for each such code, when it is first used.
 */
export function whenMemoryGetsShort(warmUp: WarmUp): void {
  pending.push(warmUp);
}

/** Memory is about to be short: warms up what has been used by now, each once. Nothing waits for it, and nothing fails by it. */
export function warmUpAll(): void {
  for (const warmUp of pending.splice(0)) void warmUp().catch(() => undefined);
}
