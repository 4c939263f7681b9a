import { Failure } from "images";
import type { LinodeClient } from "./client.ts";
import { inMB } from "./rules.ts";
import type { LinodeEvent } from "./wire.ts";

// Why an image was not made: the API takes it away, and tells the reason in an event of the account.

/** What failed events say of images, by their ids. `since`: a time as the API writes it. Without the right to see events, nothing. */
export async function failuresSince(
  client: LinodeClient,
  since: string | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const created = since === undefined ? {} : { created: { "+gte": since } };
  const actions = { "+or": [{ action: "image_upload" }, { action: "disk_imagize" }] };
  const events = await client.events({ ...actions, ...created }, signal).catch((thrown: unknown) => {
    if (thrown instanceof Failure && /^backend\.(?:auth|denied|refused)$/.test(thrown.code)) return [];
    throw thrown;
  });
  const latest = new Map<string, LinodeEvent>();
  for (const event of events) {
    const id = imageOf(event);
    if (id !== undefined && !latest.has(id)) latest.set(id, event);
  }
  return new Map(
    [...latest].flatMap(([id, { status, message }]) => (status === "failed" ? [[id, message ?? ""] as const] : [])),
  );
}

/** Events name images by their number, and only private ones are uploaded or made of disks. */
function imageOf({ action, entity, secondary_entity }: LinodeEvent): string | undefined {
  const id = (action === "disk_imagize" ? secondary_entity : entity)?.id;
  return typeof id === "number" || typeof id === "string" ? `private/${id}` : undefined;
}

/** @param most bytes of the largest image that the account may have */
export function creationFailure(id: string, message: string | undefined, most: number): Failure {
  const why = message === undefined ? "and no event says why" : message === "" ? "without a word" : message;
  const text =
    message === undefined || message === ""
      ? `${id} disappeared before it was available, ${why}`
      : `Linode could not create ${id}: ${why}`;
  return new Failure("backend.unmade", text, { hint: hintFor(message ?? "", inMB(most)) });
}

function hintFor(message: string, most: number): string {
  if (/decompress/i.test(message))
    return `Linode accepts gzip-compressed raw disks of at most ${most} MB: check that the source is a bootable disk image of that size`;
  if (/expired/i.test(message)) return "an upload must finish within a day: apply again over a faster connection";
  if (/cancel/i.test(message)) return "the upload was cancelled: apply again";
  if (/too large|size|\d+ ?MB|>/i.test(message))
    return `the limit is ${most} MB: shrink the disk or its content; if Linode raised the limit of the account, set max_image_mb in the backend`;
  return "see the events of the account: linode-cli events list, or Cloud Manager";
}
