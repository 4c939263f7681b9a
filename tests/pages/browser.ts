import { afterAll, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type CDPSession,
  chromium,
  type Locator,
  type Page,
} from "playwright-core";
import { type LocalServer, listen, servePage } from "../../src/cli/serving.ts";

const GOLDEN = join(import.meta.dir, "golden");
/** The share of pixels that may differ from the golden file, and by how much of 255 a pixel may without counting: fonts are rendered in many ways. */
const TOLERANCE = { share: 0.03, channel: 64 } as const;

export const PHONE = { width: 390, height: 844 } as const;
export const DESK = { width: 1280, height: 720 } as const;
export const LOOKS = (["light", "dark"] as const).flatMap((scheme) =>
  [PHONE, DESK].map((viewport) => ({ scheme, viewport, name: `${scheme}-${viewport.width}` })),
);

const path =
  process.env["CHROMIUM"] ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((one) => existsSync(one));
/** Why nothing can be shown here. */
export const missing = path === undefined ? "chromium is not installed" : undefined;

let browser: Promise<Browser> | undefined;
afterAll(async () => {
  await (await browser)?.close();
  // The next file of tests starts its own.
  browser = undefined;
});

function started(): Promise<Browser> {
  if (path === undefined) throw new Error("chromium is not installed");
  browser ??= chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"],
  });
  return browser;
}

/** A page that is open in a browser, with what went wrong in it, and where it asked for something. */
export class Opened implements AsyncDisposable {
  readonly page: Page;
  readonly url: string;
  readonly #context: BrowserContext;
  readonly #server: LocalServer;
  #devtools: CDPSession | undefined;
  /** Errors of the console and of scripts, dialogs, and requests to anywhere but the page. */
  readonly faults: string[] = [];

  private constructor(page: Page, context: BrowserContext, server: LocalServer) {
    this.page = page;
    this.url = server.url;
    this.#context = context;
    this.#server = server;
    page.on("console", (said) => {
      if (said.type() === "error" || said.type() === "warning") this.faults.push(`console: ${said.text()}`);
    });
    page.on("pageerror", (error) => this.faults.push(`script: ${error.message}`));
    page.on("dialog", (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      if (request.url().split("#")[0] !== this.url && request.url() !== "data:,")
        this.faults.push(`request: ${request.url()}`);
    });
  }

  static async of(text: string, options: BrowserContextOptions = {}): Promise<Opened> {
    const server = listen(servePage(text), 0);
    const context = await (await started()).newContext({ viewport: DESK, ...options });
    const opened = new Opened(await context.newPage(), context, server);
    opened.#devtools = await context.newCDPSession(opened.page);
    await opened.#devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    await opened.page.goto(server.url);
    return opened;
  }

  /** Milliseconds of a processor that the page has taken so far. */
  async busy(): Promise<number> {
    const { metrics = [] } = (await this.#devtools?.send("Performance.getMetrics")) ?? {};
    return Math.round((metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.POSITIVE_INFINITY) * 1000);
  }

  async allow(...permissions: readonly string[]): Promise<void> {
    await this.#context.grantPermissions([...permissions], { origin: new URL(this.url).origin });
  }

  /** What axe-core finds wrong for people who use it in other ways than by eye and mouse. */
  async violations(): Promise<readonly string[]> {
    // The devtools protocol may evaluate what the page itself must not.
    await this.page.evaluate(axe.source);
    const found = await this.page.evaluate(async () => {
      const { violations } = await Reflect.get(window, "axe").run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      });
      return JSON.stringify(violations);
    });
    const all: { id: string; nodes: { target: string[]; failureSummary?: string }[] }[] = JSON.parse(found);
    return all.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target.join(" ")}: ${failureSummary}`),
    );
  }

  /** Compares what is to be seen, of the page or of a part of it, with golden/NAME.png; UPDATE_GOLDEN=1 writes the file instead. */
  async looksLike(name: string, part: Pick<Locator, "screenshot"> = this.page): Promise<void> {
    // What is out of sight gets its height when it comes near, which would move the part while its picture is taken.
    await this.page.evaluate(() => {
      for (const one of document.querySelectorAll("details")) one.style.contentVisibility = "visible";
    });
    const seen = await part.screenshot({ animations: "disabled", caret: "hide" });
    const file = Bun.file(join(GOLDEN, `${name}.png`));
    if (process.env["UPDATE_GOLDEN"] === "1") {
      await Bun.write(file, seen);
      return;
    }
    const [before, now] = [await file.bytes(), seen].map(
      (bytes) => `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`,
    );
    const share = await differing(before ?? "", now ?? "");
    if (share > TOLERANCE.share) await Bun.write(join(GOLDEN, `${name}.seen.png`), seen);
    expect(share, `${name}: UPDATE_GOLDEN=1 writes it again`).toBeLessThanOrEqual(TOLERANCE.share);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** The share of pixels in which two pictures differ; 1 where their sizes do. */
async function differing(before: string, now: string): Promise<number> {
  const page = await (await started()).newPage();
  try {
    return await page.evaluate(
      async ({ before: a, now: b, channel }) => {
        const pixels = async (url: string) => {
          const picture = new Image();
          picture.src = url;
          await picture.decode();
          const canvas = new OffscreenCanvas(picture.width, picture.height);
          const drawn = canvas.getContext("2d");
          drawn?.drawImage(picture, 0, 0);
          return drawn?.getImageData(0, 0, picture.width, picture.height);
        };
        const [one, two] = [await pixels(a), await pixels(b)];
        if (one === undefined || two === undefined || one.width !== two.width || one.height !== two.height) return 1;
        let count = 0;
        for (let i = 0; i < one.data.length; i += 4) {
          const far = [0, 1, 2].some((c) => Math.abs((one.data[i + c] ?? 0) - (two.data[i + c] ?? 0)) > channel);
          if (far) count++;
        }
        return count / (one.data.length / 4);
      },
      { before, now, channel: TOLERANCE.channel },
    );
  } finally {
    await page.close();
  }
}
