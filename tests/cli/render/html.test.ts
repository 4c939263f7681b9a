import { describe, expect, test } from "bun:test";
import { html } from "../../../src/cli/render/html/index.ts";
import { RunCollector } from "../../../src/cli/render/run-report.ts";
import { Secrets } from "../../../src/core/config/secrets.ts";
import { markup, page } from "../../../src/core/html.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { backendName, imageId } from "../../../src/core/model/name.ts";
import type { Step } from "../../../src/core/model/plan.ts";
import type { State } from "../../../src/core/model/state.ts";
import { fails } from "../../pages/markup.ts";
import { played, TestClock } from "./kit.ts";
import { at, EVIL, edit, FULL, planOf } from "./plans.ts";
import { RUN } from "./runs.ts";

const ATTACKS = [
  "<script>alert(1)</script>",
  "</style><img src=x onerror=alert(1)>",
  '" onmouseover="alert(1)',
  "' autofocus onfocus='alert(1)",
  "javascript:alert(1)",
  "]]><!--",
  "a\u202eb\u0000",
];

const NONE = {
  added: 1,
  changed: 0,
  destroyed: 0,
  imported: 0,
  forgotten: 0,
  verified: 0,
  failed: 0,
  stopped: 0,
  skipped: 0,
};

async function ran(events: readonly (Event | number)[] = RUN) {
  const clock = new TestClock();
  const gathered = new RunCollector(() => clock.now());
  for await (const event of played(events, clock)) gathered.take(event);
  return gathered.report;
}

describe("markup", () => {
  test("escapes what is put in, and nothing of its own", () => {
    expect(markup`<a title="${`<">'&`}">${[markup`<b>${"x<"}</b>`, undefined, 7]}</a>`.toString()).toBe(
      '<a title="&lt;&quot;&gt;&#39;&amp;"><b>x&lt;</b>7</a>',
    );
    expect(markup`${"a\u202eb\u0007\n\t\u{e0041}\ud800"}`.toString()).toBe("a\\u202eb\\u0007\n\t\\u{e0041}\\ud800");
  });

  test("a page allows its own style and script by their hashes, and nothing else", () => {
    const text = page({ title: "</title><script>", style: "b{}", script: "1", body: markup`` });
    const hash = (one: string) => new Bun.CryptoHasher("sha256").update(one).digest("base64");
    expect(text).toContain(
      `content="default-src &#39;none&#39;; style-src &#39;sha256-${hash("b{}")}&#39;; script-src &#39;sha256-${hash("1")}&#39;; img-src data:; base-uri &#39;none&#39;; form-action &#39;none&#39;"`,
    );
    expect(text).toContain("<title>&lt;/title&gt;&lt;script&gt;</title>");
  });
});

describe("a report as a page", () => {
  test("is well-formed, and holds no markup from elsewhere", async () => {
    for (const text of [
      html(FULL, undefined),
      html(EVIL, undefined),
      html(FULL, await ran()),
      html(planOf([]), undefined),
    ])
      expect(fails(text)).toEqual([]);
    for (const attack of ATTACKS) {
      const evil: Step = { action: "block", address: at("lab/x"), because: "refused", text: attack, hint: attack };
      const update: Step = {
        action: "update",
        address: at("lab/y"),
        id: imageId(attack),
        changes: [edit(attack, { [attack]: attack }, { b: attack })],
      };
      const text = html(planOf([evil, update], { warnings: [attack] }), undefined);
      expect(fails(text)).toEqual([]);
      expect(text.match(/<script/g)).toHaveLength(1);
    }
  });

  test("names no other place: no request is made, and no address of a server is a link", async () => {
    const text = html(FULL, await ran());
    expect([...text.matchAll(/ (?:src|href|action|srcset|poster|data)="([^"]*)"/g)].map(([, to]) => to)).toSatisfy(
      (all: readonly (string | undefined)[]) => all.every((to) => to === "data:," || to?.startsWith("#step-")),
    );
    expect(text).not.toMatch(/@import|url\(/);
  });

  test("shows blocked ones first, then what deletes, then the rest", () => {
    const text = html(FULL, undefined);
    const order = [...text.matchAll(/<details class="step" id="step-([^"]+)"( open)?>/g)].map(([, address, open]) => [
      decodeURIComponent(address ?? ""),
      open === " open",
    ]);
    expect(order).toEqual([
      ["lab/taken", true],
      ["ru/snapshot", true],
      ["lin/debian", true],
      ["lin/moved", true],
      ["ru/rolling", true],
      ["out/old", true],
      ["lab/debian", false],
      ["lab/alpine", false],
      ["lab/found", false],
      ["ru/imported", false],
      ["ru/debian", false],
      ["lin/pinned", false],
      ["ru/legacy", false],
      ["lab/gone", false],
      ["lab/renamed", false],
    ]);
  });

  test("has images down, backends across, and says where nothing was looked at", () => {
    const text = html(FULL, undefined);
    const head = /<thead><tr><th scope="col">Image<\/th>(.*?)<\/tr>/.exec(text)?.[1];
    expect(
      head
        ?.replace(/<[^>]*>/g, " ")
        .split(/\s+/)
        .filter(Boolean),
    ).toEqual(["lab", "lin", "out", "ru"]);
    expect(text).toContain('<tr><th scope="row">a</th><td class="same">–</td><td class="blocked">not reached</td>');
    expect(text).toContain('<a class="replace" href="#step-lin%252Fdebian">± replace</a>');
  });

  test("has the summary as chips, and the bytes of each backend", () => {
    const text = html(FULL, undefined)
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ");
    for (const chip of ["1 blocked", "7 to destroy", "6 to add", "2 to change", "2 to import", "2 unchanged"])
      expect(text).toContain(chip);
    expect(text).toContain("lab 1 image, 412.0 MiB 1 image, 3.0 MiB");
    expect(text).toContain("lin 2 images, 712.0 MiB –");
  });

  test("tells the age of what is there, whichever way a backend writes its time", async () => {
    const plan = planOf(
      ["a", "b", "c", "d"].map((name): Step => ({ action: "keep", address: at(`x/${name}`), id: imageId(name) })),
      {
        observed: {
          [at("x/a")]: { have: { created_at: "2025-12-23T03:04:05Z" } },
          [at("x/b")]: { have: { created_at: Date.UTC(2026, 0, 1, 3, 4, 5) / 1000 } },
          [at("x/c")]: { have: { created: "2020-01-02T03:04:05" } },
          [at("x/d")]: { have: { created_at: "yesterday" } },
        },
      },
    );
    const text = html(plan, undefined);
    expect([...text.matchAll(/<span class="soft">([^<]*)<\/span>/g)].map(([, age]) => age)).toEqual([
      "10 days old",
      "1 day old",
      "6 years old",
    ]);
    const row = {
      backend: "x",
      plugin: "local",
      want: {},
      protect: false,
      onRemove: "delete",
      status: "ready",
    } as const;
    const made = {
      ...row,
      backend: backendName("x"),
      id: imageId("new"),
      have: { created_at: "2026-01-02T03:04:06Z" },
    };
    const state: State = { version: 1, lineage: "l", serial: 1, images: { [at("x/a")]: made, [at("x/d")]: made } };
    const ages = (page: string) => [...page.matchAll(/<span class="soft">([^<]*)<\/span>/g)].map(([, age]) => age);
    // A plan has seen what it changes; of the rest, and after an apply, the state knows.
    expect(
      ages(html({ ...plan, observed: { [at("x/a")]: plan.observed[at("x/a")] ?? {} } }, undefined, { state })),
    ).toEqual(["10 days old", "new"]);
    expect(ages(html(plan, await ran(), { state }))).toEqual(["new", "1 day old", "6 years old", "new"]);
    const table = text.slice(text.indexOf('id="ages"'));
    expect([...table.matchAll(/<code>([^<]*)/g)].map(([, address]) => address)).toEqual(["x/c", "x/a", "x/b"]);
  });

  test("draws an apply with its phases: those underneath an upload have their own time", async () => {
    const address = at("lab/debian");
    const report = await ran([
      { type: "run.started", run: "r", command: "apply", at: "2026-01-02T03:04:05.000Z" },
      500,
      { type: "step.started", address, action: "create" },
      { type: "transfer.started", address, phase: "download", attempt: 1 },
      500,
      { type: "transfer.done", address, phase: "download", done: 10, ms: 500 },
      { type: "transfer.started", address, phase: "upload", attempt: 1 },
      4000,
      {
        type: "transfer.done",
        address,
        phase: "upload",
        done: 3000,
        ms: 4000,
        under: [
          { phase: "download", done: 2048, after: 0, ms: 3000 },
          { phase: "convert", done: 3000, after: 100, ms: 3800 },
        ],
      },
      { type: "transfer.started", address, phase: "wait", attempt: 1 },
      1000,
      { type: "step.done", address, action: "create", ms: 5500 },
      { type: "run.done", outcome: "succeeded", counts: NONE, ms: 6000 },
    ]);
    expect(report?.timeline).toEqual([
      {
        address,
        action: "create",
        from: 500,
        to: 6000,
        phases: [
          { phase: "download", from: 500, to: 4000, done: 2048 },
          { phase: "convert", from: 1100, to: 4900, done: 3000 },
          { phase: "upload", from: 1000, to: 5000, done: 3000 },
          { phase: "wait", from: 5000, to: 6000, done: 0 },
        ],
      },
    ]);
    const text = html(FULL, report);
    for (const bar of ['"download" x="83"', '"convert" x="183"', '"upload" x="167"', '"wait" x="833"'])
      expect(text).toContain(`<rect class=${bar}`);
    expect(text).toContain("download 3.5 s (2.0 KiB), convert 3.8 s (2.9 KiB), upload 4.0 s (2.9 KiB), wait 1.0 s");
  });

  test("hides secrets in the spelling that they have there", () => {
    const secrets = new Secrets({ directory: ".", env: {} });
    secrets.maskSecret(`to<k>e'n"&`);
    const plan = planOf([], { warnings: [`got to<k>e'n"& at https://x/?a=1&token=abcdef`] });
    // Words of the style and of the script: their hashes have to hold.
    for (const word of ["open", "none", "details"]) secrets.maskSecret(word);
    const shown = html(plan, undefined, { redact: (text) => secrets.redact(text) });
    for (const [, kind, text = ""] of shown.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g))
      expect(shown).toContain(
        `${kind}-src &#39;sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}&#39;`,
      );
    expect(shown).not.toContain("to&lt;k");
    expect(shown).not.toContain("abcdef");
  });

  test("prints all of it: a rule for paper opens what is folded", () => {
    expect(html(FULL, undefined)).toMatch(/@media print[\s\S]*details::details-content \{ content-visibility: visible/);
  });
});
