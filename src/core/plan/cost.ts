import type { Cost, Step } from "../model/plan.ts";

/** What the steps of a plan move. Pure; bytes count only what is known. */
export function costOf(steps: readonly Step[]): Cost {
  const making = steps.flatMap((step) =>
    step.action === "create" || step.action === "replace" ? [{ address: step.address, ...step.making }] : [],
  );
  const uploads = making.filter(({ transfer }) => transfer.how === "upload");
  const downloads = new Map(
    uploads.flatMap(({ content }) =>
      content === undefined || content.stat !== undefined
        ? []
        : [[`${content.where} ${content.identity ?? ""}`, content.size ?? 0]],
    ),
  );
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, one) => total + one, 0);
  return {
    uploads: uploads.length,
    uploadBytes: sum(uploads.map(({ transfer }) => transfer.bytes ?? 0)),
    unknown: uploads.filter(({ transfer }) => transfer.bytes === undefined).length,
    pulls: making.filter(({ transfer }) => transfer.how === "pull").length,
    unverified: making.flatMap(({ address, transfer }) => (transfer.unverified === undefined ? [] : [address])),
    downloads: downloads.size,
    downloadBytes: sum(downloads.values()),
  };
}
