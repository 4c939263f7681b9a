import { isPending, type Plan } from "../../core/model/plan.ts";
import { html, type Known } from "./html/index.ts";
import { junit } from "./junit.ts";
import { markdown } from "./markdown.ts";
import { fileActions } from "./resource.ts";
import type { RunReport } from "./run-report.ts";

export const REPORTS = ["markdown", "gitlab", "junit", "github", "html"] as const;
export type ReportKind = (typeof REPORTS)[number];

/** Characters that a comment on a merge request may have, with room to spare; a step summary may have a million. */
const LONGEST = { markdown: 60_000, github: 1_000_000 } as const;

/**
 * A plan, or with `run` what came of it, for a pipeline: a comment, a summary, test results, the figures of a merge request, a page.
 * `redact` takes secrets out of it.
 */
export function report(kind: ReportKind, plan: Plan, run?: RunReport, known: Partial<Known> = {}): string {
  const { redact = (text) => text } = known;
  switch (kind) {
    case "markdown":
    case "github":
      return redact(markdown(plan, run, { longest: LONGEST[kind], hasAlerts: kind === "github" }));
    case "gitlab":
      return redact(gitlab(plan));
    case "junit":
      return redact(junit(plan, run));
    case "html":
      return html(plan, run, known);
    default:
      return kind satisfies never;
  }
}

/** What GitLab makes of a plan file with jq, ready made: `artifacts:reports:terraform`. */
function gitlab(plan: Plan): string {
  const actions = plan.steps.filter(isPending).flatMap((step): readonly string[] => fileActions(step));
  const count = (action: string) => actions.filter((one) => one === action).length;
  return `${JSON.stringify({ create: count("create"), update: count("update"), delete: count("delete") })}\n`;
}
