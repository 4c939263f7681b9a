import { renderPlan } from "../../../src/cli/render/plan.ts";
import { ansi } from "../../../src/cli/render/style.ts";
import { FULL } from "../render/plans.ts";
import { WIDE } from "../render/wide.ts";

// Draws a plan on the terminal that it runs in.
const plan = process.argv[2] === "wide" ? WIDE : FULL;
process.stdout.write(renderPlan(plan, { style: ansi, columns: process.stdout.columns }));
