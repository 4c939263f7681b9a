/** Calls code often enough for the engine to compile it. */
type WarmUp = () => Promise<void>;

const pending: WarmUp[] = [];

/**
 * The engine compiles code that is called often once more, in the background, and takes up to 24 MB for that. Where memory will be short, this
 * has to come before it is. To be called once for each such code, when it is first used.
 */
export function whenMemoryGetsShort(warmUp: WarmUp): void {
  pending.push(warmUp);
}

/** Memory is about to be short: warms up what has been used by now, each once. Nothing waits for it, and nothing fails by it. */
export function warmUpAll(): void {
  for (const warmUp of pending.splice(0)) void warmUp().catch(() => undefined);
}
