import {
  type Change,
  type Deletion,
  type Drift,
  hasChanges,
  isPending,
  type Plan,
  type Step,
  summary,
} from "../../core/model/plan.ts";
import { costLines } from "./cost.ts";
import { plural } from "./format.ts";
import { inOrder, legend } from "./legend.ts";
import { isSettled, NO_CHANGES, NOTHING_TO_DESTROY, planSentence } from "./phrases.ts";
import {
  changesOf,
  detailOf,
  faceOf,
  isMove,
  markerText,
  placeOf,
  shortened,
  sourceOf,
  verificationOf,
  verificationText,
} from "./step.ts";
import type { View } from "./style.ts";
import { cells, pad, printable, wrap } from "./text.ts";
import { changeLines } from "./values.ts";

const INDENT = 6;
const WIDEST_NAME = 24;
const WIDEST_ADDRESS = 36;

/** A plan for a reader: steps that do something, drift, outages, warnings, the cost, and the sentence that scripts look for. */
export function renderPlan(plan: Plan, view: View): string {
  const sections = [
    driftSection(plan, view),
    stepSection(plan, view),
    outageSection(plan, view),
    endSection(plan, view),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** The steps alone, a block each with a blank line between them, without a sentence at the end. */
export function stepLines(steps: readonly Step[], view: View): string[] {
  const width = Math.min(WIDEST_ADDRESS, Math.max(0, ...steps.map((step) => (isMove(step) ? 0 : step.address.length))));
  return steps.flatMap((step, i) => [...(i === 0 ? [] : [""]), ...stepBlock(step, width, view)]);
}

/** What will be gone or out of our hands after `apply`, to be confirmed; "" where nothing will. */
export function confirmation(plan: Plan, view: View): string {
  const { style, columns } = view;
  const deletions = plan.steps.flatMap((step) =>
    (step.deletes ?? []).map((one) => ({ ...one, address: step.address })),
  );
  const lines = deletions.flatMap(({ address, id, why, owns }) => {
    const lead = `  ${style.remove("- delete")}  ${style.strong(address)}  `;
    return wrap(lead, `${printable(id)} (${WHY[why]})${alsoGone(owns)}`, columns, 6);
  });
  if (lines.length === 0) return "";
  const others = summary(plan).destroy - deletions.length;
  const rest = others === 0 ? "" : ` and ${plural(others, "other object")}`;
  const head = `${plural(deletions.length, "image")}${rest} will be deleted:`;
  return `${[...wrap("", style.strong(head), columns), ...lines].join("\n")}\n`;
}

const WHY: Readonly<Record<Deletion["why"], string>> = {
  removed: "removed",
  replaced: "replaced by a new image",
  superseded: "a superseded version",
  leftover: "left by an interrupted run",
};
const alsoGone = (owns: readonly string[] = []): string =>
  owns.length === 0 ? "" : `, with ${owns.map(printable).join(", ")}`;

function stepSection(plan: Plan, view: View): string[] {
  const steps = inOrder(plan);
  if (steps.length === 0) return [];
  return [...legend(steps, view), "", ...stepLines(steps, view)];
}

function stepBlock(step: Step, width: number, view: View): string[] {
  const { style, columns } = view;
  const { symbol, word, role } = faceOf(step);
  const detail = detailOf(step);
  const face = `  ${style[role](`${pad(symbol, 2)} ${pad(word, 8)}`)} ${style.strong(pad(placeOf(step), detail === "" ? 0 : width))}`;
  const fits = columns === undefined || cells(face) + 2 + cells(detail) <= columns;
  const lines =
    fits || cells(face) + 24 <= columns ? wrap(`${face}  `, detail, columns) : [face.trimEnd(), ...note(detail, view)];
  if (step.previous !== undefined && !isMove(step)) lines.push(...note(`moved from ${printable(step.previous)}`, view));
  if (step.action === "block" && step.hint !== undefined)
    lines.push(...wrap(`${" ".repeat(INDENT)}${style.hint("hint:")} `, printable(step.hint), columns));
  if ("making" in step) {
    lines.push(...note(sourceOf(step.making), view));
    const { unverified } = step.making.transfer;
    if (unverified !== undefined)
      lines.push(...wrap(`${" ".repeat(INDENT)}${style.warning("unverified:")} `, printable(unverified), columns));
  }
  const verification = verificationOf(step);
  if (verification !== undefined) lines.push(...note(verificationText(verification), view));
  if (step.after !== undefined && step.after.length > 0) lines.push(...note(`after ${step.after.join(", ")}`, view));
  const marker = markerText(step);
  if (marker !== undefined) lines.push(...note(marker, view));
  for (const text of asides(step)) lines.push(...note(text, view));
  return [...lines, ...attributeLines(changesOf(step), view, step.action === "replace"), ...additionLines(step, view)];
}

/** What others added to the image that is replaced: what the new one gets, and a line for each thing that it will not have. */
function additionLines({ carries = [], loses = [] }: Step, view: View): string[] {
  const { style, columns } = view;
  const head = note("added by others, and carried over:", view);
  const lead = `${" ".repeat(INDENT)}${style.warning("lost:")} `;
  return [
    ...(carries.length === 0 ? [] : [...head, ...attributeLines(carries, view, false)]),
    ...loses.flatMap((text) => wrap(lead, printable(text), columns, INDENT + 2)),
  ];
}

/** What a step does besides: every other image that it deletes, and what an adoption is to be known for. Printable. */
function asides(step: Step): readonly string[] {
  const deletes = (step.deletes ?? []).flatMap(({ id, why, owns }) => {
    const isNamed = "id" in step && step.id === id;
    if (isNamed)
      return owns === undefined || owns.length === 0 ? [] : [`also deletes ${owns.map(printable).join(", ")}`];
    return [`also deletes ${printable(id)} (${WHY[why]})${alsoGone(owns)}`];
  });
  if (step.action !== "adopt") return deletes;
  const kept = (step.kept ?? []).map(({ id }) => `with the kept version ${printable(id)}`);
  return [...deletes, ...kept, ...(step.uncompared === undefined ? [] : [printable(step.uncompared)])];
}

const note = (text: string, { columns }: View): string[] => wrap(" ".repeat(INDENT), text, columns, INDENT + 2);

function attributeLines(changes: readonly Change[], view: View, isReplaced: boolean): string[] {
  const width = Math.min(WIDEST_NAME, Math.max(0, ...changes.map(({ name }) => cells(name))));
  return changes.flatMap((change) => {
    const reason = isReplaced && change.forces === "replace" ? "needs a new image" : "";
    if (change.name !== "content") return changeLines(change, width, INDENT, view, reason);
    return contentLine(change, width, view, reason);
  });
}

/** The bytes: before and after are words of their own (a digest, an ETag, a size), not values of an attribute. */
function contentLine(change: Change, width: number, { style, columns }: View, reason: string): string[] {
  const words = ["before" in change ? change.before : undefined, "after" in change ? change.after : undefined].flatMap(
    (shown) => (shown?.kind === "value" ? [shortened(printable(String(shown.value)))] : []),
  );
  const lead = `${" ".repeat(INDENT)}${style.change("~")} ${pad("content", width)} = `;
  return wrap(lead, words.join(" -> ") + (reason === "" ? "" : `    ${style.replace(reason)}`), columns, INDENT + 4);
}

function driftSection({ drift }: Plan, view: View): string[] {
  if (drift.length === 0) return [];
  const head = "Changed outside of images.toml since the last run:";
  return [...wrap("", view.style.strong(head), view.columns), "", ...drift.flatMap((one) => driftLines(one, view))];
}

/** What another user changed at one address. */
export function driftLines(drift: Drift, view: View): string[] {
  const { style, columns } = view;
  const [marker, word] = drift.kind === "changed" ? [style.change("~"), "changed"] : [style.remove("-"), "vanished"];
  const head = wrap(
    `  ${marker}  ${pad(word, 8)} ${style.strong(drift.address)}  `,
    printable(drift.id),
    columns,
    INDENT + 2,
  );
  return drift.kind === "changed" ? [...head, ...attributeLines(drift.changes, view, false)] : head;
}

function outageSection({ outages }: Plan, view: View): string[] {
  const { style, columns } = view;
  return outages.flatMap(({ backend, code, message, hint, addresses }, i) => [
    ...(i === 0 ? [...wrap("", style.strong("Unavailable backends (not planned):"), columns), ""] : []),
    ...wrap(
      `  ${style.error("!")}  ${style.strong(printable(backend))}  `,
      `${printable(message)} [${code}]`,
      columns,
      INDENT,
    ),
    ...(hint === undefined ? [] : wrap(`${" ".repeat(INDENT)}${style.hint("hint:")} `, printable(hint), columns)),
    ...(addresses.length === 0
      ? []
      : note(`${plural(addresses.length, "address", "addresses")}: ${someOf(addresses)}`, view)),
  ]);
}

const someOf = (addresses: readonly string[]): string =>
  addresses.length <= 8 ? addresses.join(", ") : `${addresses.slice(0, 8).join(", ")}, … ${addresses.length - 8} more`;

function endSection(plan: Plan, view: View): string[] {
  const { style, columns } = view;
  const warnings = plan.warnings.flatMap((text) => wrap(`${style.warning("Warning:")} `, printable(text), columns, 2));
  const lines = [...warnings, ...(warnings.length > 0 ? [""] : [])];
  if (plan.mode === "refresh-only" && plan.drift.length > 0) {
    const many = plural(plan.drift.length, "image");
    return [...lines, ...wrap("", `Refresh only: ${many} to be updated in the state only.`, columns)];
  }
  const kept = plan.steps.filter((step) => !isPending(step)).length;
  const unchanged = kept > 0 ? [`${kept} unchanged`] : [];
  if (isSettled(plan)) return [...lines, plan.mode === "destroy" ? NOTHING_TO_DESTROY : NO_CHANGES, ...unchanged];
  if (!hasChanges(plan)) return [...lines, "No changes on the available backends.", ...unchanged];
  const moved = plan.steps.filter(({ previous }) => previous !== undefined).length;
  const cost = costLines(plan).flatMap((text) => wrap("", text, columns, 2));
  return [
    ...lines,
    ...cost,
    ...(cost.length > 0 ? [""] : []),
    style.strong(planSentence(plan)),
    ...(moved > 0 ? [`${moved} moved`] : []),
    ...unchanged,
  ];
}
