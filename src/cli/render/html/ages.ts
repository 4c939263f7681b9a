import { type Markup, markup } from "../../../core/html.ts";
import type { Address } from "../../../core/model/name.ts";
import type { Plan } from "../../../core/model/plan.ts";
import type { State } from "../../../core/model/state.ts";
import { plural } from "../format.ts";

/** Under what names backends report when an image was made: RFC 3339, or seconds since 1970. */
const NAMES = ["created_at", "created", "creation_date"] as const;
const DAY = 24 * 3600 * 1000;

interface Age {
  readonly made: Date;
  readonly ms: number;
  readonly text: string;
}

/** How old the image at an address was when the plan was made; undefined where the backend does not report it. */
export type AgeOf = (address: Address) => Age | undefined;

/**
 * Ages by what the plan saw of images that change, and the state knows of all others; after an apply the state knows better, which then
 * has the new images.
 */
export function agesOf(plan: Plan, state: State | undefined, isRun: boolean): AgeOf {
  return (address) => {
    const row = state?.images[address];
    const known = row !== undefined && "have" in row ? row.have : undefined;
    const seen = plan.observed[address]?.have;
    const have = (isRun ? known : seen) ?? known ?? seen;
    const made = NAMES.map((name) => dateOf(have?.[name])).find((date) => date !== undefined);
    if (made === undefined) return undefined;
    const ms = Math.max(0, Date.parse(plan.made) - made.getTime());
    return { made, ms, text: textOf(ms) };
  };
}

function dateOf(value: unknown): Date | undefined {
  if (typeof value !== "string" && (typeof value !== "number" || value <= 0)) return undefined;
  // Linode and Outscale leave the zone out: it is UTC.
  const text = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+$/.test(value) ? `${value}Z` : value;
  const date = new Date(typeof text === "number" ? text * 1000 : text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function textOf(ms: number): string {
  const days = Math.floor(ms / DAY);
  if (days >= 730) return `${plural(Math.floor(days / 365), "year")} old`;
  if (days >= 1) return `${plural(days, "day")} old`;
  return ms >= DAY / 24 ? `${plural(Math.floor(ms / (DAY / 24)), "hour")} old` : "new";
}

/** The images that are there, the oldest first. */
export function ageTable(plan: Plan, ageOf: AgeOf): Markup | undefined {
  const all = plan.steps.flatMap(({ address }) => {
    const age = ageOf(address);
    return age === undefined ? [] : [{ address, age }];
  });
  if (all.length === 0) return undefined;
  const rows = all
    .toSorted((a, b) => b.age.ms - a.age.ms)
    .map(
      ({
        address,
        age,
      }) => markup`<tr><th scope="row"><code>${address}</code></th><td>${age.text}</td><td><time datetime="${age.made.toISOString()}">${age.made.toISOString().slice(0, 16).replace("T", " ")} UTC</time></td></tr>
`,
    );
  return markup`<h2 id="ages">Age of images</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="ages"><table><thead><tr><th scope="col">Image</th><th scope="col">Age</th><th scope="col">Created</th></tr></thead><tbody>
${rows}</tbody></table></div>`;
}
