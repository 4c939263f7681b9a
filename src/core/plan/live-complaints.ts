import type { ChecksLive } from "../abilities.ts";
import { asFailure } from "../failure.ts";
import type { Resource } from "../model/declaration.ts";
import type { Backend, Complaint, ReadContext } from "../plugin.ts";

/** What only the backend can tell of a wish; if it cannot be asked, nothing stands against it. */
export async function liveComplaints(
  backend: Backend & ChecksLive,
  { address, want }: Resource,
  reading: ReadContext,
): Promise<readonly Complaint[]> {
  try {
    return await backend.checkLive(want, reading);
  } catch (thrown) {
    reading.signal.throwIfAborted();
    reading.note(`${address}: could not be checked: ${asFailure(thrown).message}`);
    return [];
  }
}
