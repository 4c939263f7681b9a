/** Whether this signal is aborted, now or within some seconds. */
export async function aborted(signal: AbortSignal): Promise<boolean> {
  if (!signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 5_000);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
  return signal.aborted;
}
