import { describe, expect, test } from "bun:test";
import { html } from "../../src/cli/render/html/index.ts";
import { RunCollector } from "../../src/cli/render/run-report.ts";
import type { Event } from "../../src/core/model/event.ts";
import { imageId } from "../../src/core/model/name.ts";
import type { Step } from "../../src/core/model/plan.ts";
import { played, TestClock } from "../cli/render/kit.ts";
import { at, EVIL, edit, FULL, planOf } from "../cli/render/plans.ts";
import { RUN } from "../cli/render/runs.ts";
import { LOOKS, missing, Opened, PHONE } from "./browser.ts";

/** An apply of two images, with all phases. */
const PHASES: readonly (Event | number)[] = [
  { type: "step.started", address: at("lin/debian"), action: "replace" },
  { type: "transfer.started", address: at("lin/debian"), phase: "download", attempt: 1 },
  2000,
  { type: "transfer.done", address: at("lin/debian"), phase: "download", done: 4_000_000, ms: 2000 },
  { type: "transfer.started", address: at("lin/debian"), phase: "upload", attempt: 1 },
  9000,
  {
    type: "transfer.done",
    address: at("lin/debian"),
    phase: "upload",
    done: 300 * 1024 ** 2,
    ms: 9000,
    under: [
      { phase: "download", done: 412 * 1024 ** 2, after: 0, ms: 6000 },
      { phase: "convert", done: 300 * 1024 ** 2, after: 500, ms: 8000 },
    ],
  },
  { type: "transfer.started", address: at("lin/debian"), phase: "wait", attempt: 1 },
  4000,
  { type: "transfer.done", address: at("lin/debian"), phase: "wait", done: 0, ms: 4000 },
  { type: "step.done", address: at("lin/debian"), action: "replace", ms: 15_000 },
];

async function pageOfRun(): Promise<string> {
  const clock = new TestClock();
  const gathered = new RunCollector(() => clock.now());
  const [start, ...rest] = RUN;
  const events = [...(start === undefined ? [] : [start]), ...PHASES, ...rest];
  for await (const event of played(events, clock)) gathered.take(event);
  const ages = {
    [at("lin/debian")]: { have: { created: "2025-11-20T03:04:05" } },
    [at("lab/same")]: { have: { created_at: 1_735_787_045 } },
  };
  return html({ ...FULL, observed: { ...FULL.observed, ...ages } }, gathered.report);
}

describe.skipIf(missing !== undefined)("the page of a plan and of an apply in Chromium", () => {
  for (const { scheme, viewport, name } of LOOKS) {
    test(`looks as it did: ${name}`, async () => {
      await using opened = await Opened.of(await pageOfRun(), { viewport, colorScheme: scheme });
      await opened.looksLike(`report-${name}`);
      const timeline = opened.page.getByRole("region", { name: "Timeline" });
      await opened.looksLike(`report-timeline-${name}`, timeline);
      expect(opened.faults).toEqual([]);
    });

    test(`axe-core finds nothing: ${name}`, async () => {
      await using opened = await Opened.of(await pageOfRun(), { viewport, colorScheme: scheme });
      expect(await opened.violations()).toEqual([]);
      await opened.page.getByRole("button", { name: "Expand all" }).click();
      expect(await opened.violations()).toEqual([]);
      expect(opened.faults).toEqual([]);
    });

    test(`nothing is wider than the screen: ${name}`, async () => {
      await using opened = await Opened.of(html(EVIL, undefined), { viewport, colorScheme: scheme });
      await opened.page.getByRole("button", { name: "Expand all" }).click();
      const [inside, outside] = await opened.page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ]);
      expect(inside).toBe(outside ?? 0);
    });
  }

  test("the keyboard alone goes from a cell of the matrix to its difference, and folds it", async () => {
    await using opened = await Opened.of(await pageOfRun());
    const { page } = opened;
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
      expect(outline).not.toBe("none");
      if ((await page.evaluate(() => document.activeElement?.getAttribute("href"))) === "#step-ru%252Fdebian") break;
    }
    const step = page.locator("[id='step-ru%2Fdebian']");
    expect(await step.getAttribute("open")).toBeNull();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.parentElement?.id === "step-ru%2Fdebian");
    expect(await step.getAttribute("open")).toBe("");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("[id='step-ru%2Fdebian']")?.getAttribute("open") === null);
    expect(opened.faults).toEqual([]);
  });

  test("without a script everything is there, and folds", async () => {
    await using opened = await Opened.of(await pageOfRun(), { javaScriptEnabled: false, viewport: PHONE });
    const { page } = opened;
    expect(await page.getByRole("button").count()).toBe(0);
    await page.locator("[id='step-ru%2Fdebian'] > summary").click();
    await page.locator("[id='step-ru%2Fdebian']").getByText("min_disk_gb").first().waitFor();
    expect(opened.faults).toEqual([]);
  });

  test("on paper every difference is open, with and without a script", async () => {
    for (const javaScriptEnabled of [true, false]) {
      await using opened = await Opened.of(await pageOfRun(), { javaScriptEnabled });
      await opened.page.emulateMedia({ media: "print" });
      for (const one of await opened.page.locator("details.step pre").all())
        expect((await one.boundingBox())?.height ?? 0).toBeGreaterThan(10);
      expect(await opened.page.getByRole("button").count()).toBe(0);
      expect((await opened.page.pdf()).length).toBeGreaterThan(10_000);
    }
  });

  test("strings of servers run nothing and ask for nothing", async () => {
    const attacks = [
      "<script>alert(1)</script>",
      "<img src=x onerror=alert(1)>",
      '" onmouseover="alert(1)',
      "javascript:alert(1)",
    ];
    const steps = attacks.flatMap((attack, n): Step[] => [
      { action: "block", address: at(`lab/b${n}`), because: "refused", text: attack, hint: attack },
      {
        action: "update",
        address: at(`lab/u${n}`),
        id: imageId(attack),
        changes: [edit(attack, attack, { [attack]: attack })],
      },
    ]);
    for (const plan of [planOf(steps, { warnings: attacks }), EVIL]) {
      await using opened = await Opened.of(html(plan, undefined));
      await opened.page.getByRole("button", { name: "Expand all" }).click();
      for (const one of await opened.page.locator("summary, pre, p").all()) await one.hover();
      expect(await opened.page.locator("script").count()).toBe(1);
      expect(await opened.page.locator("img, [onmouseover], a[href^='javascript']").count()).toBe(0);
      expect(opened.faults).toEqual([]);
    }
  });

  test("a plan of 1,000 images takes less than a second of a processor", async () => {
    const steps = Array.from(
      { length: 1000 },
      (_, n): Step => ({
        action: "update",
        address: at(`b${n % 4}/image-${n}`),
        id: imageId(`${n}`),
        changes: [edit("tags", ["a", "b"], ["a", `c${n}`]), edit("description", "x", "y")],
      }),
    );
    await using opened = await Opened.of(html(planOf(steps), undefined));
    const busy = await opened.busy();
    console.log(`1,000 changes: ${busy} ms of a processor`);
    expect(busy).toBeLessThan(1000);
  });
});
