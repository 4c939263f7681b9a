import { type Markup, markup } from "../../../core/html.ts";
import { backendOf } from "../../../core/model/name.ts";
import type { Plan } from "../../../core/model/plan.ts";
import { costLines } from "../cost.ts";
import { bytes, plural } from "../format.ts";

interface Moved {
  uploads: number;
  uploaded: number;
  pulls: number;
  pulled: number;
  unknown: number;
}

/** What each backend gets, and which way. */
export function bytesTable(plan: Plan): Markup | undefined {
  const all = new Map<string, Moved>();
  for (const step of plan.steps) {
    if (!("making" in step) || step.making.transfer.how === "none") continue;
    const { how, bytes: size } = step.making.transfer;
    const backend = backendOf(step.address);
    const one = all.get(backend) ?? { uploads: 0, uploaded: 0, pulls: 0, pulled: 0, unknown: 0 };
    if (how === "upload") one.uploads++;
    else one.pulls++;
    if (size === undefined) one.unknown++;
    else if (how === "upload") one.uploaded += size;
    else one.pulled += size;
    all.set(backend, one);
  }
  if (all.size === 0) return undefined;
  const most = Math.max(1, ...[...all.values()].map(({ uploaded, pulled }) => uploaded + pulled));
  const rows = [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([backend, one]) => row(backend, one, most));
  return markup`<h2 id="bytes">Bytes per backend</h2>
${costLines(plan).map((line) => markup`<p>${line}</p>`)}
<div class="scroll" tabindex="0" role="region" aria-labelledby="bytes"><table><thead><tr><th scope="col">Backend</th><th scope="col" class="number">Through this host</th><th scope="col" class="number">Pulled by the backend</th><th scope="col" class="number">Size unknown</th><th scope="col" class="wide">Share</th></tr></thead><tbody>
${rows}</tbody></table></div>`;
}

function row(backend: string, { uploads, uploaded, pulls, pulled, unknown }: Moved, most: number): Markup {
  const amount = (count: number, size: number) =>
    count === 0 ? "–" : `${plural(count, "image")}${size === 0 ? "" : `, ${bytes(size)}`}`;
  const share = (size: number) => Math.round((size / most) * 1000);
  return markup`<tr><th scope="row">${backend}</th><td class="number">${amount(uploads, uploaded)}</td><td class="number">${amount(pulls, pulled)}</td><td class="number">${unknown === 0 ? "–" : unknown}</td><td><svg viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true"><rect class="upload" x="0" y="4" width="${share(uploaded)}" height="16"/><rect class="download" x="${share(uploaded)}" y="4" width="${share(pulled)}" height="16"/></svg></td></tr>
`;
}
