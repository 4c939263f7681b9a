import { describe, expect, test } from "bun:test";
import { site } from "../../scripts/site.ts";
import { LOOKS, missing, Opened } from "./browser.ts";

const text = async (): Promise<string> => (await site()).get("index.html") ?? "";

/** Images that are a part of the page itself come as data. */
const faultsOf = ({ faults }: Opened): readonly string[] => faults.filter((one) => !one.startsWith("request: data:"));

describe.skipIf(missing !== undefined)("the site of the docs in Chromium", () => {
  for (const { scheme, viewport, name } of LOOKS)
    test(`axe-core finds nothing, and nothing runs out of the window: ${name}`, async () => {
      await using opened = await Opened.of(await text(), { viewport, colorScheme: scheme });
      expect(await opened.violations()).toEqual([]);
      const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide).toBeLessThanOrEqual(0);
      expect(faultsOf(opened)).toEqual([]);
    });

  test("the search, by the keyboard alone: what has the words stays, a link to what is hidden shows it, Escape ends it", async () => {
    await using opened = await Opened.of(await text());
    const { page } = opened;
    const shown = () => page.locator("section:visible").count();
    const all = await shown();
    await page.keyboard.press("/");
    await page.keyboard.type("retain min_age");
    const few = await shown();
    expect(few).toBeGreaterThan(0);
    expect(few).toBeLessThan(all / 4);
    expect(await page.locator("output").textContent()).toBe(`${few} sections`);
    expect(await page.locator("#lifecycle--keeping-older-versions").isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await shown()).toBe(all);
    await page.keyboard.type("simplestreams");
    await page.locator('nav a[href="#from-terraform"], nav a[href="#terraform"]').first().click();
    await page.locator("#terraform").waitFor({ state: "visible" });
    expect(faultsOf(opened)).toEqual([]);
  });

  test("without scripts all of it is there, and there is no search box", async () => {
    await using opened = await Opened.of(await text(), { javaScriptEnabled: false });
    const { page } = opened;
    expect(await page.locator("input").isVisible()).toBe(false);
    expect(await page.locator("section:visible").count()).toBe(await page.locator("section").count());
  });
});
