import type { Plan } from "../../core/model/plan.ts";
import { bytes, plural } from "./format.ts";
import { printable } from "./text.ts";

/** What a plan costs, in a sentence, and why what is unverified is so; nothing where no bytes move. */
export function costLines(plan: Plan): string[] {
  const { uploads, uploadBytes, unknown, pulls, unverified, downloads, downloadBytes } = plan.cost;
  const through = `${unknown > 0 && uploadBytes > 0 ? "at least " : ""}${bytes(uploadBytes)} through this host`;
  const parts = [
    ...(uploads > 0 ? [plural(uploads, "upload")] : []),
    ...(uploads > 0 && (unknown === 0 || uploadBytes > 0) ? [through] : []),
    ...(unknown > 0 ? [`${unknown} of unknown size`] : []),
    ...(downloads > 0
      ? [`${plural(downloads, "download")} to this host${downloadBytes > 0 ? ` (${bytes(downloadBytes)})` : ""}`]
      : []),
    ...(pulls > 0 ? [`${plural(pulls, "pull")} by a backend`] : []),
  ];
  if (parts.length === 0 && unverified.length === 0) return [];
  const what = parts.length === 0 ? "no transfer" : parts.join(", ");
  return [`This plan: ${what}${unverified.length === 0 ? "" : `; ${reasons(plan)}`}`];
}

function reasons({ steps, cost: { unverified } }: Plan): string {
  const whys = new Map(
    steps.flatMap((step) => ("making" in step ? [[step.address, step.making.transfer.unverified] as const] : [])),
  );
  const distinct = new Set(unverified.map((address) => printable(whys.get(address) ?? "unverified")));
  const shown = [...distinct].slice(0, 3).join("; ");
  return `${plural(unverified.length, "image")} unverified: ${shown}${distinct.size > 3 ? "; …" : ""}`;
}
