import { describe, expect, test } from "bun:test";
import { block, code } from "../../../src/cli/render/markdown.ts";
import { REPORTS, report } from "../../../src/cli/render/report.ts";
import { RunCollector } from "../../../src/cli/render/run-report.ts";
import { imageId } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import { golden } from "../../golden.ts";
import { played, TestClock } from "./kit.ts";
import { at, EVIL, FULL, HOSTILE, planOf, STEPS } from "./plans.ts";
import { dangerous, RUN } from "./runs.ts";

const FILES = { markdown: "md", github: "github.md", gitlab: "gitlab.json", junit: "xml", html: "html" } as const;

/** A page without its style and script, which are files of their own, and their hashes. */
const bare = (text: string): string =>
  text.replace(/<(style|script)>[\s\S]*?<\/\1>/g, "<$1>…</$1>").replace(/sha256-[A-Za-z0-9+/=]{44}/g, "<hash>");

async function ran() {
  const clock = new TestClock();
  const gathered = new RunCollector(() => clock.now());
  for await (const event of played(RUN, clock)) gathered.take(event);
  return gathered.report;
}

describe("a report", () => {
  for (const kind of REPORTS) {
    test(`${kind} of a plan`, async () => await golden(`report-plan.${FILES[kind]}`, bare(report(kind, FULL))));
    test(`${kind} of a run`, async () =>
      await golden(`report-run.${FILES[kind]}`, bare(report(kind, FULL, await ran()))));
    test(`${kind} with hostile text`, async () => {
      const text = report(kind, EVIL);
      await golden(`report-hostile.${FILES[kind]}`, bare(text));
      expect(dangerous(text)).toEqual([]);
    });
    test(`${kind} of a plan with nothing in it`, () => expect(report(kind, planOf([])).length).toBeGreaterThan(0));
  }

  test("GitLab's figures are those of its own jq", () =>
    expect(JSON.parse(report("gitlab", FULL))).toEqual({ create: 6, update: 2, delete: 4 }));

  test("says `No changes.` where there are none, and names the outcome of a run", async () => {
    const keep: Step = { action: "keep", address: at("lab/a"), id: imageId("1") };
    expect(report("markdown", planOf([keep]))).toStartWith(
      "### No changes. Your infrastructure matches the configuration.\n",
    );
    expect(report("markdown", FULL, await ran())).toStartWith("### Apply incomplete: 2 failed, 1 skipped.");
  });
});

/** What is left of Markdown when its code is taken out: there, nothing may come from a server. */
const prose = (text: string): string =>
  text.replace(/^(`{3,})[a-z]*\n[\s\S]*?\n\1$/gm, "<fence>").replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, "<code>");

describe("Markdown", () => {
  test("keeps everything from servers within code", () => {
    const text = prose(report("markdown", EVIL));
    for (const bad of ["<b>", "[x](", "tick", "|cell|", "@"]) expect(text).not.toContain(bad);
  });

  test("has as many cells in each row as in its head", async () => {
    for (const text of [report("markdown", EVIL), report("markdown", FULL, await ran())]) {
      const rows = text.split("\n").filter((line) => line.startsWith("| "));
      const cells = rows.map((row) => row.replace(/\\./g, "").split("|").length);
      expect(new Set(cells).size).toBe(1);
    }
  });

  test("every step of the fold begins with a mark that colours: + green, - red, ! for all else", () => {
    const fence = /^```diff\n([\s\S]*?)\n```$/m.exec(report("markdown", FULL))?.[1] ?? "";
    const heads = fence
      .split("\n")
      .filter((line) => /^.{0,6}\b(create|delete|update|blocked|move|replace|verify) +\w+\//.test(line));
    const colour = (word: string) => new Set(heads.filter((line) => line.includes(` ${word} `)).map((line) => line[0]));
    expect(colour("create")).toEqual(new Set(["+"]));
    expect(colour("delete")).toEqual(new Set(["-"]));
    for (const word of ["update", "replace", "blocked", "move", "verify"]) expect(colour(word)).toEqual(new Set(["!"]));
  });

  test("a fence is longer than any in its text", () => {
    expect(block("a\n````\nb", "diff")).toBe("`````diff\na\n````\nb\n`````");
    expect(code("a``b")).toBe("``` a``b ```");
    expect(code("a\\|b|c")).not.toMatch(/(?<!\\)\|/);
    expect(code(HOSTILE)).not.toContain("\n");
  });

  test("a plan that is too long for a comment is cut, and says so", () => {
    const many = Array.from(
      { length: 5000 },
      (_, i): Step => ({
        action: "delete",
        address: at(`lab/i${i}`),
        id: imageId(`id-${i}`),
        because: "undeclared",
        deletes: [{ id: imageId(`id-${i}`), why: "removed" }],
      }),
    );
    const text = report("markdown", planOf(many));
    expect(text.length).toBeLessThan(60_000);
    expect(text).toMatch(/… \d+ lines left out: see the log/);
    expect(text).toContain("4900 more are in the plan below.");
    expect(text).toEndWith("</details>\n");
  });
});

describe("JUnit", () => {
  /** Opening and closing tags in order, or the first thing that is wrong. */
  const faults = (xml: string): string[] => {
    const open: string[] = [];
    const wrong: string[] = [];
    for (const [tag, end, name, rest] of xml.matchAll(/<(\/?)([a-z-]+)([^<>]*)>/g)) {
      if (end === "/") {
        if (open.pop() !== name) wrong.push(tag);
      } else if (!rest?.endsWith("/")) open.push(name ?? "");
      if (rest !== "" && end !== "/" && !/^( [a-z]+="[^"<]*")*\/?$/.test(rest ?? "")) wrong.push(tag);
    }
    const text = xml.replace(/<[^<>]*>/g, "");
    if (/[<>]/.test(text) || /&(?!amp;|lt;|gt;|quot;|#10;)/.test(xml)) wrong.push(text);
    return [...wrong, ...open];
  };

  test("is well-formed whatever servers say", async () => {
    for (const xml of [report("junit", FULL), report("junit", EVIL), report("junit", FULL, await ran())])
      expect(faults(xml.replace(/^<\?xml[^>]*\?>/, ""))).toEqual([]);
  });

  test("counts what failed", async () => {
    const totals = (text: string) => /<testsuites name="images" ([^>]*)>/.exec(text)?.[1];
    expect(totals(report("junit", FULL))).toBe(
      `tests="${STEPS.length + 2}" failures="1" errors="2" skipped="0" time="0.000"`,
    );
    expect(totals(report("junit", planOf(STEPS), await ran()))).toBe(
      `tests="${STEPS.length}" failures="1" errors="0" skipped="0" time="42.000"`,
    );
  });
});
