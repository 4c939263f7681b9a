import { describe, expect, test } from "bun:test";
import { availableParallelism, loadavg } from "node:os";
import { address, backendName, imageName } from "../../src/core/model/name.ts";
import { LOOKS, missing, Opened, PHONE } from "./browser.ts";
import { entryOf, FEW, pageOf } from "./stores.ts";

const URL = "https://mirror.example.org/";
const ATTACKS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '" onmouseover="alert(1)" autofocus onfocus="alert(1)',
  "javascript:alert(1)",
  "</style></script><svg onload=alert(1)>",
  "\u202egnp.exe\u0000",
];

describe.skipIf(missing !== undefined)("the page of a store in Chromium", () => {
  for (const { scheme, viewport, name } of LOOKS) {
    test(`looks as it did: ${name}`, async () => {
      await using opened = await Opened.of(pageOf(FEW, URL), { viewport, colorScheme: scheme });
      await opened.page.locator("#image-debian-0 > summary").click();
      await opened.page.mouse.move(0, 0);
      await opened.looksLike(`store-${name}`);
      expect(opened.faults).toEqual([]);
    });

    test(`axe-core finds nothing: ${name}`, async () => {
      await using opened = await Opened.of(pageOf(FEW, URL), { viewport, colorScheme: scheme });
      expect(await opened.violations()).toEqual([]);
      for (const one of await opened.page.locator("summary").all()) await one.click();
      expect(await opened.violations()).toEqual([]);
      expect(opened.faults).toEqual([]);
    });

    test(`nothing is wider than the screen: ${name}`, async () => {
      const entries = [
        ...FEW,
        entryOf(9, { name: "a-name-as-long-as-names-may-be-".repeat(4), attributes: { aliases: ["x".repeat(127)] } }),
      ];
      await using opened = await Opened.of(pageOf(entries, URL), { viewport, colorScheme: scheme });
      for (const one of await opened.page.locator("summary").all()) await one.click();
      const { inside, outside } = await opened.page.evaluate(() => ({
        inside: document.documentElement.scrollWidth,
        outside: document.documentElement.clientWidth,
      }));
      expect(inside).toBe(outside);
    });
  }

  test("the keyboard alone finds an image, opens it, and copies its digest and its commands", async () => {
    await using opened = await Opened.of(pageOf(FEW));
    const { page } = opened;
    await opened.allow("clipboard-read", "clipboard-write");
    const focused = async () =>
      await page.evaluate(() => {
        const { activeElement: one } = document;
        if (one === null) return "";
        if (getComputedStyle(one).outlineStyle === "none") return "not to be seen";
        return one.getAttribute("aria-label") ?? `${one.tagName} ${one.id || (one.textContent ?? "").slice(0, 20)}`;
      });
    const tabTo = async (wanted: string) => {
      for (let presses = 0; presses < 40; presses++) {
        await page.keyboard.press("Tab");
        const now = await focused();
        expect(now).not.toBe("not to be seen");
        if (now.startsWith(wanted)) return;
      }
      throw new Error(`${wanted} was not reached`);
    };
    await tabTo("INPUT words");
    await page.keyboard.type("debian/0");
    await page.waitForFunction(() => document.getElementById("count")?.textContent === "1 of 5 shown");
    await tabTo("SUMMARY debian-0");
    await page.keyboard.press("Enter");
    // The buttons come with the event that tells that it was opened.
    await page.waitForFunction(() => document.querySelector("details[open] button") !== null);
    await tabTo("A debian-0.qcow2");
    await tabTo("Copy the sha256 of debian-0");
    await page.keyboard.press("Enter");
    const copied = async () => await page.evaluate(async () => await navigator.clipboard.readText());
    await page.waitForFunction(() => document.activeElement?.textContent === "Copied");
    expect(await copied()).toBe(FEW[0]?.disk.sha256 ?? "");
    await tabTo("Copy the command that downloads debian-0");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.activeElement?.textContent === "Copied");
    expect(await copied()).toBe(
      `curl -fLO ${opened.url}files/debian-0.qcow2 && echo "${FEW[0]?.disk.sha256}  debian-0.qcow2" | sha256sum -c`,
    );
    expect(opened.faults).toEqual([]);
  });

  test("behind plain http, where a page has no clipboard, the buttons copy too, and keep the focus", async () => {
    await using opened = await Opened.of(pageOf(FEW));
    const { page } = opened;
    await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await page.reload();
    await page.locator("#image-debian-0 > summary").click();
    await page.getByRole("button", { name: "Copy the sha256 of debian-0" }).press("Enter");
    await page.waitForFunction(() => document.activeElement?.textContent === "Copied");
    await page.locator("#words").press("Control+V");
    expect(await page.locator("#words").inputValue()).toBe(FEW[0]?.disk.sha256 ?? "");
    expect(opened.faults).toEqual([]);
  });

  test("filters by system, architecture and format together, and an address of an image opens it", async () => {
    await using opened = await Opened.of(pageOf(FEW));
    const { page } = opened;
    const shown = async () => await page.locator("details.i:visible > summary > b").allInnerTexts();
    await page.getByRole("combobox", { name: "Architecture", exact: true }).selectOption("arm64");
    expect((await shown()).map((text) => text.split("\n")[0])).toEqual(["fedora-3", "ubuntu-1"]);
    await page.getByRole("combobox", { name: "System", exact: true }).selectOption("Fedora");
    await page.getByRole("combobox", { name: "Format", exact: true }).selectOption("qcow2");
    expect((await shown()).map((text) => text.split("\n")[0])).toEqual(["fedora-3"]);
    await page.evaluate(() => {
      location.hash = "#image-rocky-4";
    });
    await page.waitForFunction(() => document.activeElement?.parentElement?.id === "image-rocky-4");
    expect(await page.locator("#image-rocky-4").getAttribute("open")).toBe("");
    expect(opened.faults).toEqual([]);
  });

  test("without a script all of it can be read, and nothing is shown that needs one", async () => {
    await using opened = await Opened.of(pageOf(FEW), { javaScriptEnabled: false, viewport: PHONE });
    const { page } = opened;
    await page.locator("#image-debian-0 > summary").click();
    for (const text of [FEW[0]?.disk.sha256 ?? "", "curl -fLO https://MIRROR/files/debian-0.qcow2", "kept by retain"])
      await page.locator("#image-debian-0").getByText(text).first().waitFor();
    expect(await page.getByRole("search").isVisible()).toBe(false);
    expect(await page.getByRole("button").count()).toBe(0);
    expect(opened.faults).toEqual([]);
  });

  test("strings of images run nothing, hide nothing and ask for nothing", async () => {
    const entries = ATTACKS.flatMap((attack, n) => {
      const attributes = { description: attack, os: attack, release: attack, architecture: attack, aliases: [attack] };
      const owner = address(backendName("store"), imageName("x"));
      const mark = { file: attack, owner, content: attack, retained: attack };
      return [entryOf(n, { name: `x${n}`, attributes }), entryOf(n + 10, { name: `x${n}`, attributes, mark })];
    });
    await using opened = await Opened.of(pageOf(entries));
    const { page } = opened;
    for (const one of await page.locator("summary").all()) {
      await one.click();
      await one.hover();
    }
    expect(await page.locator("script").count()).toBe(1);
    expect(await page.locator("main img, main svg, [onmouseover], [onfocus], a[href^='javascript']").count()).toBe(0);
    expect(await page.locator("main").textContent()).toContain("\\u202egnp.exe\\u0000");
    expect(opened.faults).toEqual([]);
  });

  test("even markup that came in would run nothing: the policy of the page forbids it", async () => {
    await using opened = await Opened.of(pageOf(FEW));
    const broken = await opened.page.evaluate(async () => {
      const found: string[] = [];
      document.addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      const box = document.createElement("div");
      box.innerHTML = `<img src="https://example.org/x.png" onerror="window.ran = true"><p style="color: red" onclick="window.ran = true">x</p><iframe src="https://example.org/"></iframe><link rel="stylesheet" href="https://example.org/x.css">`;
      document.body.append(script, box);
      box.querySelector("p")?.click();
      await fetch("https://example.org/").catch(() => undefined);
      while (new Set(found).size < 7) await new Promise((again) => requestAnimationFrame(again));
      return { ran: Reflect.get(window, "ran") === true, found: [...new Set(found)].sort() };
    });
    expect(broken).toEqual({
      ran: false,
      found: [
        "connect-src",
        "frame-src",
        "img-src",
        "script-src-attr",
        "script-src-elem",
        "style-src-attr",
        "style-src-elem",
      ],
    });
  });

  test("5,000 images can be used and searched within a second, by the page's own clock", async () => {
    const text = pageOf(Array.from({ length: 5000 }, (_, n) => entryOf(n)));
    const runs: (Awaited<ReturnType<typeof measured>> & { readonly busy: number })[] = [];
    const isFast = () => runs.some(({ usable, filter, largest }) => usable < 1000 && filter < 200 && largest < 1000);
    while (runs.length < 2 || (!isFast() && runs.length < 6)) {
      await using opened = await Opened.of(text, { viewport: PHONE });
      const { page } = opened;
      const busy = await opened.busy();
      await page.locator("#words").fill("debian 4995");
      expect(await page.locator("#count").textContent()).toBe("1 of 5000 shown");
      expect(await page.locator("details.i:visible").count()).toBe(1);
      runs.push({ ...(await page.evaluate(measured)), busy });
      expect(opened.faults).toEqual([]);
    }
    console.log(`5,000 images, ${(text.length / 1e6).toFixed(1)} MB, in ms: ${JSON.stringify(runs)}`);
    // A machine with more work than processors shows the page late, whatever the page is; what it takes of a processor says the same there.
    const isOverloaded = (loadavg()[0] ?? 0) > availableParallelism();
    if (!isFast()) console.log("the machine is overloaded: only the time of a processor counts");
    expect(isFast() || isOverloaded).toBe(true);
    expect(Math.min(...runs.map(({ busy }) => busy))).toBeLessThan(1000);
    expect(Math.max(...runs.map(({ shift }) => shift))).toBeLessThan(0.1);
  });
});

/** Milliseconds since the navigation began, and what Lighthouse judges a page by: first and largest paint, shifts, and blocked time. */
async function measured() {
  const entries = (type: string) =>
    new Promise<readonly PerformanceEntry[]>((found) => {
      const observer = new PerformanceObserver((list) => found(list.getEntries()));
      observer.observe({ type, buffered: true });
      requestAnimationFrame(() => requestAnimationFrame(() => found([])));
    });
  const [largest, shifts, tasks] = await Promise.all(
    ["largest-contentful-paint", "layout-shift", "longtask"].map(entries),
  );
  const first = performance.getEntriesByName("first-contentful-paint")[0];
  const sum = (all: readonly PerformanceEntry[] | undefined, of: (one: PerformanceEntry) => number) =>
    (all ?? []).reduce((total, one) => total + of(one), 0);
  return {
    usable: Math.round(performance.getEntriesByName("usable")[0]?.startTime ?? Number.POSITIVE_INFINITY),
    filter: Math.round(performance.getEntriesByName("filter")[0]?.duration ?? Number.POSITIVE_INFINITY),
    paint: Math.round(first?.startTime ?? Number.POSITIVE_INFINITY),
    largest: Math.round(largest?.at(-1)?.startTime ?? 0),
    shift: sum(shifts, (one) => Number(Reflect.get(one, "value"))),
    blocked: Math.round(sum(tasks, ({ duration }) => Math.max(0, duration - 50))),
  };
}
