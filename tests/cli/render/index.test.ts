import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseRenderer, type JsonOption } from "../../../src/cli/render/index.ts";
import { ansi, chooseStyle, none } from "../../../src/cli/render/style.ts";
import { Failure } from "../../../src/core/failure.ts";
import { Kept, played, TestClock } from "./kit.ts";
import { DESTROYED } from "./runs.ts";

describe("colours", () => {
  const cases: readonly (readonly [Record<string, string>, boolean, boolean, boolean])[] = [
    [{}, true, false, true],
    [{}, false, false, false],
    [{}, true, true, false],
    [{ NO_COLOR: "1" }, true, false, false],
    [{ NO_COLOR: "" }, true, false, true],
    [{ TERM: "dumb" }, true, false, false],
    [{ FORCE_COLOR: "1" }, false, false, true],
    [{ FORCE_COLOR: "0" }, true, false, false],
    [{ FORCE_COLOR: "1", NO_COLOR: "1" }, true, false, false],
    [{ FORCE_COLOR: "1" }, true, true, false],
  ];
  for (const [env, isTTY, noColor, wanted] of cases)
    test(JSON.stringify({ env, isTTY, noColor }), () =>
      expect(chooseStyle(env, isTTY, { noColor })).toBe(wanted ? ansi : none),
    );
});

const directory = await mkdtemp(join(tmpdir(), "images-render-"));
afterAll(async () => await rm(directory, { recursive: true }));

async function run(json: JsonOption, env: Record<string, string> = {}, columns: number | undefined = 80) {
  const clock = new TestClock();
  const [data, diagnostics] = [new Kept(columns), new Kept(columns)];
  const redact = (text: string) => text.replaceAll("77", "(sensitive)");
  const renderer = chooseRenderer({ json, env, talk: diagnostics, version: "0.1.0", style: none, clock, redact });
  await renderer(played(DESTROYED, clock), { data, diagnostics });
  return { data: data.text, talk: diagnostics.text };
}

describe("who draws", () => {
  const drawsBars = (talk: string) => talk.includes("\u001b[?25l");
  test("a terminal gets bars", async () => expect(drawsBars((await run({ to: "nowhere" })).talk)).toBe(true));
  test("a pipe, CI, a dumb terminal and IMAGES_NO_PROGRESS get lines", async () => {
    const all = [
      await run({ to: "nowhere" }, { CI: "true" }),
      await run({ to: "nowhere" }, { TERM: "dumb" }),
      await run({ to: "nowhere" }, { IMAGES_NO_PROGRESS: "1" }),
    ];
    for (const { talk, data } of all) {
      expect(talk).toBe("lab/a: Destroying... [id=77]\nlab/a: Destruction complete after 3s\n");
      expect(data).toBe("\nDestroy complete! Resources: 1 destroyed.\n");
    }
  });
  test("--json: only JSON, on stdout", async () => {
    const { data, talk } = await run({ to: "stdout" });
    expect(talk).toBe("");
    for (const line of data.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("@level");
  });
  test("--json=FILE: both at once, the file private and without secrets", async () => {
    const path = join(directory, "out.ndjson");
    const { data, talk } = await run({ to: "file", path }, { CI: "1" });
    expect([talk, data].join("")).toContain("Destroy complete!");
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).type)).toEqual([
      "version",
      "log",
      "apply_start",
      "apply_complete",
      "change_summary",
    ]);
    expect(lines.join("")).toContain("(sensitive)");
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");
  });
  test("a file that cannot be written is a failure with a hint", async () => {
    const path = join(directory, "missing", "out.ndjson");
    const thrown = await run({ to: "file", path }).catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(Failure);
    expect(thrown).toMatchObject({
      code: "cli.output",
      hint: "check the disk and the permissions, or choose another path",
    });
  });
});
