import type { Cost, Step } from "../model/plan.ts";
import type { Content } from "../model/source.ts";

/** What the steps of a plan move. Pure; bytes count only what is known. */
export function costOf(steps: readonly Step[]): Cost {
  const making = steps.flatMap((step) =>
    step.action === "create" || step.action === "replace" ? [{ address: step.address, ...step.making }] : [],
  );
  const uploads = making.filter(({ transfer }) => transfer.how === "upload");
  const verifications = steps.flatMap((step) =>
    "verifies" in step && step.verifies?.how === "download" ? [step.verifies] : [],
  );
  const downloads = new Map([
    ...verifications.map(({ content, bytes }) => [requestOf(content), bytes ?? 0] as const),
    ...uploads.flatMap(({ content }) =>
      content === undefined || content.stat !== undefined ? [] : [[requestOf(content), content.size ?? 0] as const],
    ),
  ]);
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

/** What is fetched once a run. */
const requestOf = ({ where, identity }: Content): string => `${where} ${identity ?? ""}`;
