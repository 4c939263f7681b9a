import type { Command, Counts, Outcome } from "../../core/model/event.ts";
import type { Action, Plan } from "../../core/model/plan.ts";
import { pending, summary } from "../../core/model/plan.ts";
import { duration } from "./format.ts";

/** terraform's words for what goes on: people and scripts know them. */
const VERBS: Readonly<Record<Action, readonly [going: string, done: string]>> = {
  create: ["Creating", "Creation"],
  adopt: ["Importing", "Import"],
  update: ["Modifying", "Modifications"],
  replace: ["Replacing", "Replacement"],
  delete: ["Destroying", "Destruction"],
  retire: ["Retiring", "Retirement"],
  forget: ["Removing", "Removal"],
  verify: ["Verifying", "Verification"],
  keep: ["Moving", "Move"],
  block: ["Blocking", "Block"],
};

const identity = (id: string | undefined): string => (id === undefined ? "" : ` [id=${id}]`);

/** `at` is the address in whatever form the reader knows it; `id` has to be printable. */
export const starting = (at: string, action: Action, id?: string): string =>
  `${at}: ${VERBS[action][0]}...${identity(id)}`;

export const going = (at: string, action: Action, elapsed: number, id?: string): string =>
  `${at}: Still ${VERBS[action][0].toLowerCase()}... [${id === undefined ? "" : `id=${id}, `}${duration(elapsed)} elapsed]`;

export const finished = (at: string, action: Action, elapsed: number, id?: string): string =>
  `${at}: ${VERBS[action][1]} complete after ${duration(elapsed)}${identity(id)}`;

export const errored = (at: string, action: Action, elapsed: number): string =>
  `${at}: ${VERBS[action][1]} errored after ${duration(elapsed)}`;

export const refreshing = (at: string, id?: string): string => `${at}: Refreshing state...${identity(id)}`;
export const refreshed = (at: string, id?: string): string => `${at}: Refresh complete${identity(id)}`;

export const NO_CHANGES = "No changes. Your infrastructure matches the configuration.";
export const NOTHING_TO_DESTROY = "No changes. No objects need to be destroyed.";

/** `Plan: 1 to add, 0 to change, 0 to destroy.`, with imports and what is forgotten, verified or blocked where there is any. */
export function planSentence(plan: Plan): string {
  const counts = summary(plan);
  const imports = counts.import > 0 ? `${counts.import} to import, ` : "";
  const forgets = counts.forget > 0 ? `, ${counts.forget} to forget` : "";
  const verifies = counts.verify > 0 ? `, ${counts.verify} to verify` : "";
  const blocked = counts.blocked > 0 ? `, ${counts.blocked} blocked` : "";
  return `Plan: ${imports}${counts.add} to add, ${counts.change} to change, ${counts.destroy} to destroy${forgets}${verifies}${blocked}.`;
}

/** Nothing to do, and nothing hindered us from seeing that. */
export const isSettled = (plan: Plan): boolean => pending(plan).length === 0 && plan.outages.length === 0;

const NAMES: Readonly<Record<Command, string>> = {
  plan: "Plan",
  apply: "Apply",
  destroy: "Destroy",
  refresh: "Refresh",
  import: "Import",
  export: "Export",
};

/** `Apply complete! Resources: 1 added, 0 changed, 0 destroyed.`, or what was reached of it. */
export function endSentence(command: Command, outcome: Outcome, counts: Counts): string {
  const name = NAMES[command];
  const result = `Resources: ${resources(command, counts)}.`;
  const { failed, stopped, skipped } = counts;
  switch (outcome) {
    case "succeeded":
      return `${name} complete! ${result}`;
    case "failed":
      return `${name} incomplete: ${failed} failed, ${skipped} skipped. ${result}`;
    case "interrupted":
      return `${name} interrupted: ${failed} failed, ${stopped} stopped in flight, ${skipped} not begun. ${result}`;
    default:
      return outcome satisfies never;
  }
}

function resources(command: Command, { imported, added, changed, destroyed, forgotten, verified }: Counts): string {
  const forgets = (forgotten > 0 ? `, ${forgotten} forgotten` : "") + (verified > 0 ? `, ${verified} verified` : "");
  if (command === "destroy" && imported + added + changed === 0) return `${destroyed} destroyed${forgets}`;
  const imports = imported > 0 ? `${imported} imported, ` : "";
  return `${imports}${added} added, ${changed} changed, ${destroyed} destroyed${forgets}`;
}
