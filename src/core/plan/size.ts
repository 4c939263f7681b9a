import type { Facts } from "../facts.ts";
import { DEFAULT_LIMIT, tooLarge } from "../format/limit.ts";
import type { Complaint } from "../plugin.ts";

/** An image beyond the limit of the settings: what opening it would find anyway. */
export function sizeComplaints({ source, size, virtualSize }: Facts, limit = DEFAULT_LIMIT): Complaint[] {
  if (source !== true || Math.max(size ?? 0, virtualSize ?? 0) <= limit) return [];
  const { code, message, hint } = tooLarge("the image", limit);
  return [{ code, message, ...(hint === undefined ? {} : { hint }) }];
}
