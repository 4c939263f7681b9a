import { backendOf, imageOf } from "../../core/model/name.ts";
import type { Plan, Step } from "../../core/model/plan.ts";
import { stepLines } from "./plan.ts";
import type { RunReport, StepResult } from "./run-report.ts";
import { none } from "./style.ts";
import { printable, printableLines } from "./text.ts";

/** Text for XML 1.0: characters that it cannot hold, even as a reference, are shown instead. */
const xml = (text: string): string =>
  printableLines(text)
    .map((line) => printable(line).replace(/[\ufffe\uffff]/g, "\ufffd"))
    .join("\n")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");

interface Case {
  readonly backend: string;
  readonly image: string;
  readonly seconds: number;
  readonly kind: "passed" | "failure" | "error" | "skipped";
  readonly body: string;
}

/** One test case an address: blocked and failed ones are failures, those of a backend that was not reached are errors. */
export function junit(plan: Plan, run: RunReport | undefined): string {
  const cases = [...plan.steps.map((step) => caseOf(step, run)), ...plan.outages.flatMap(outageCases)];
  const count = (kind: Case["kind"]) => cases.filter((one) => one.kind === kind).length;
  const time = ((run?.ms ?? 0) / 1000).toFixed(3);
  const totals = `tests="${cases.length}" failures="${count("failure")}" errors="${count("error")}" skipped="${count("skipped")}" time="${time}"`;
  const name = run === undefined ? "images plan" : `images ${run.command ?? "apply"}`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="images" ${totals}>`,
    `  <testsuite name="${name}" timestamp="${xml(plan.made)}" ${totals}>`,
    ...cases.map(
      ({ backend, image, seconds, body }) =>
        `    <testcase classname="${xml(backend)}" name="${xml(image)}" time="${seconds.toFixed(3)}">${body}</testcase>`,
    ),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function caseOf(step: Step, run: RunReport | undefined): Case {
  const fared = run?.steps.get(step.address);
  const seconds = fared !== undefined && "ms" in fared ? fared.ms / 1000 : 0;
  const place = { backend: backendOf(step.address), image: imageOf(step.address), seconds };
  if (fared !== undefined && fared.result !== "done") return { ...place, ...trouble(fared) };
  if (step.action === "block") {
    const text = `${step.text}${step.hint === undefined ? "" : `\nhint: ${step.hint}`}`;
    return { ...place, kind: "failure", body: element("failure", `plan.${step.because}`, step.text, text) };
  }
  const isKept = step.action === "keep" && step.previous === undefined;
  const out = isKept ? "" : `<system-out>${xml(stepLines([step], { style: none }).join("\n"))}</system-out>`;
  return { ...place, kind: "passed", body: out };
}

function trouble(fared: Exclude<StepResult, { result: "done" }>): Pick<Case, "kind" | "body"> {
  if (fared.result === "skipped") return { kind: "skipped", body: `<skipped message="${xml(fared.because)}"/>` };
  const { code, message, hint, where } = fared.failure;
  const text = [message, ...(where === undefined ? [] : [where]), ...(hint === undefined ? [] : [`hint: ${hint}`])];
  return { kind: "failure", body: element("failure", code, message, text.join("\n")) };
}

function outageCases({ backend, code, message, hint, addresses }: Plan["outages"][number]): Case[] {
  const text = `${message}${hint === undefined ? "" : `\nhint: ${hint}`}`;
  const body = element("error", code, message, text);
  const images = addresses.length === 0 ? ["(backend)"] : addresses.map(imageOf);
  return images.map((image) => ({ backend, image, seconds: 0, kind: "error", body }));
}

const element = (name: "failure" | "error", type: string, message: string, text: string): string =>
  `<${name} type="${xml(type)}" message="${xml(message)}">${xml(text)}</${name}>`;
