import { expect, test } from "bun:test";
import { lines } from "../../../src/cli/render/lines.ts";
import { ansi } from "../../../src/cli/render/style.ts";
import { golden } from "../../golden.ts";
import { kept, played, TestClock } from "./kit.ts";
import { ATTACK, DESTROYED, dangerous, PLANNING, RUN } from "./runs.ts";

async function drawn(script: typeof RUN, options: Omit<NonNullable<Parameters<typeof lines>[0]>, "clock"> = {}) {
  const [clock, out] = [new TestClock(), kept()];
  await lines({ clock, ...options })(played(script, clock), out);
  expect(clock.running).toBe(0);
  return { talk: out.diagnostics.text, data: out.data.text };
}

test("a run, line by line; the sentence at the end goes to stdout", async () => {
  const { talk, data } = await drawn(RUN);
  await golden("lines-apply.txt", talk);
  expect(data).toBe("\nApply incomplete: 2 failed, 1 skipped. Resources: 1 added, 0 changed, 1 destroyed.\n");
});

test("in colour it says the same", async () => {
  const coloured = await drawn(RUN, { style: ansi });
  await golden("lines-apply-colour.txt", coloured.talk);
  expect(Bun.stripANSI(coloured.talk)).toBe((await drawn(RUN)).talk);
});

test("a destroy ends in terraform's words", async () => {
  const { talk, data } = await drawn(DESTROYED);
  expect(talk).toBe("lab/a: Destroying... [id=77]\nlab/a: Destruction complete after 3s\n");
  expect(data).toBe("\nDestroy complete! Resources: 1 destroyed.\n");
});

test("planning says what it waits for and which backend failed, and leaves the plan to the command", async () => {
  const { talk, data } = await drawn(PLANNING);
  await golden("lines-plan.txt", talk);
  expect(data).toBe("");
});

test("text from servers cannot act on a terminal, nor pass for a line of ours", async () => {
  const { talk } = await drawn(ATTACK);
  await golden("lines-hostile.txt", talk);
  expect(dangerous(talk)).toEqual([]);
  expect(talk).not.toMatch(/^Plan:/m);
});

test("an error in the stream comes through, and the clock is given back", async () => {
  const clock = new TestClock();
  const broken = async function* () {
    yield* played(RUN.slice(0, 2), clock);
    throw new Error("broken");
  };
  await expect(lines({ clock })(broken(), kept())).rejects.toThrow("broken");
  expect(clock.running).toBe(0);
});
