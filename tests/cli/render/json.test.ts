import { describe, expect, test } from "bun:test";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { diagnostics } from "../../../src/cli/render/diagnostic.ts";
import { diagnosticLine, versionLine } from "../../../src/cli/render/envelope.ts";
import { json } from "../../../src/cli/render/json.ts";
import { Failure } from "../../../src/core/failure.ts";
import { golden } from "../../golden.ts";
import { kept, played, TestClock } from "./kit.ts";
import { at, EVIL, HOSTILE, planOf, STEPS } from "./plans.ts";
import { ATTACK, DESTROYED, dangerous, PLANNING, RUN } from "./runs.ts";
import { line as schema, TYPES } from "./stream-schema.ts";

const ajv = new Ajv({ allErrors: false, strict: false });
formats["default"](ajv);
const isLine = ajv.compile(schema);

interface Line {
  readonly "@message": string;
  readonly "@level": string;
  readonly type: string;
  readonly hook?: { readonly bytes?: number; readonly resource: { readonly address: string } };
}

/** Every line parsed, and valid by the schema. */
function parsed(text: string): Line[] {
  expect(text).toEndWith("\n");
  return text
    .trimEnd()
    .split("\n")
    .map((one) => {
      const value: Line = JSON.parse(one);
      expect(isLine(value) ? [] : [one, ajv.errorsText(isLine.errors)]).toEqual([]);
      return value;
    });
}

const plugin = (backend: string) => ({ lab: "incus", ru: "vkcs", lin: "linode" })[backend];

async function streamed(script: typeof RUN): Promise<string> {
  const [clock, out] = [new TestClock(), kept()];
  await json({ version: "0.1.0", plugin, clock })(played(script, clock), out);
  expect([clock.running, out.diagnostics.text]).toEqual([0, ""]);
  return out.data.text;
}

describe("terraform's stream", () => {
  const scripts = { apply: RUN, plan: PLANNING, destroy: DESTROYED };
  for (const [name, script] of Object.entries(scripts))
    test(`of ${name}: every line is valid, the first is the version`, async () => {
      const text = await streamed(script);
      await golden(`json-${name}.ndjson`, text);
      expect(parsed(text)[0]).toMatchObject({ type: "version", images: "0.1.0", ui: "1.2" });
    });

  test("between them the runs show every type of line", async () => {
    const all = await Promise.all([RUN, PLANNING].map(streamed));
    const seen = new Set(all.flatMap(parsed).map(({ type }) => type));
    expect(TYPES.filter((type) => !seen.has(type))).toEqual([]);
  });

  test("the sentences stand literally", async () => {
    const messages = parsed(await streamed([...PLANNING, ...RUN])).map((one) => one["@message"]);
    expect(messages).toContain('image.debian["lab"]: Plan to create');
    expect(messages).toContain('image.debian["ru"]: Drift detected (update)');
    expect(messages).toContain(
      "Plan: 2 to import, 6 to add, 2 to change, 7 to destroy, 2 to forget, 1 to verify, 1 blocked.",
    );
    expect(messages).toContain('image.debian["lab"]: Creating...');
    expect(messages).toContain('image.debian["lab"]: Still creating... [10s elapsed]');
    expect(messages).toContain('image.broken["ru"]: Creation errored after 11s');
    expect(parsed(await streamed(DESTROYED)).at(-1)?.["@message"]).toBe("Destroy complete! Resources: 1 destroyed.");
  });

  test("the progress of a transfer comes at most once a second", async () => {
    const script: (typeof RUN)[number][] = [{ type: "step.started", address: at("lab/a"), action: "create" }];
    script.push({ type: "transfer.started", address: at("lab/a"), phase: "upload", attempt: 1 });
    for (let i = 0; i < 1000; i++)
      script.push(10, { type: "transfer.progress", address: at("lab/a"), phase: "upload", done: i });
    const told = parsed(await streamed(script)).filter(({ type }) => type === "transfer_progress");
    expect(told).toHaveLength(10);
  });

  test("hostile text is whole in the data, and nothing that a terminal would act on", async () => {
    const text = (await streamed(ATTACK)) + (await streamed([{ type: "plan.done", plan: EVIL }]));
    expect(dangerous(text)).toEqual([]);
    const lines = parsed(text);
    expect(JSON.stringify(lines)).toContain(JSON.stringify(HOSTILE).slice(1, -1));
    expect(lines.flatMap((one) => dangerous(one["@message"]))).toEqual([]);
  });

  test("text that looks like an escape stays as it is", async () => {
    const note = String.raw`a \u{41} \\u0041 \n`;
    const text = await streamed([{ type: "step.note", address: at("lab/a"), text: note }]);
    expect(parsed(text).at(-1)?.["@message"]).toBe(`image.a["lab"]: ${note}`);
  });

  test("a replacement says why, and an image that moved where it was", async () => {
    const text = await streamed([{ type: "plan.done", plan: planOf(STEPS) }]);
    const found = parsed(text).filter(({ type }) => type === "planned_change");
    expect(found).toContainEqual(
      expect.objectContaining({ change: expect.objectContaining({ action: "replace", reason: "cannot_update" }) }),
    );
    const moved = expect.objectContaining({ addr: 'image.former["lab"]' });
    expect(found).toContainEqual(
      expect.objectContaining({ change: expect.objectContaining({ action: "move", previous_resource: moved }) }),
    );
  });
});

describe("diagnostics", () => {
  const file = '# images\n[image.ü]\nbackend = "lab"\nflavour = "ö"\n';
  const failure = new Failure("config.invalid", "images.toml has 2 problems", {
    hint: "see docs/images.toml.md",
    problems: [
      {
        code: "config.key",
        message: 'unknown key "flavour"',
        hint: "did you mean format?",
        at: { file: "images.toml", line: 4, column: 1, width: 7 },
      },
      {
        code: "config.secret",
        message: "a secret must be a reference (env:, file:, cmd:), not a literal",
        at: { file: "images.toml", line: 3, column: 11 },
        severity: "warning",
      },
    ],
  });

  test("a configuration failure has ranges in bytes and the line itself, but for a secret's", async () => {
    const found = diagnostics(failure, () => file);
    await golden("diagnostics.json", `${JSON.stringify(found, undefined, 2)}\n`);
    parsed(versionLine("1", 0) + found.map((one) => diagnosticLine(one, 0)).join(""));
    const { range, snippet } = found[1] ?? {};
    expect(Buffer.from(file).subarray(range?.start.byte, range?.end.byte).toString()).toBe("flavour");
    expect(snippet?.context).toBe("[image.ü]");
    expect(found[2]?.snippet).toBeUndefined();
  });

  test("a line that may hold a secret is not quoted", () => {
    const told = (text: string, more: object = {}) => {
      const problem = { code: "config.value", message: "x", at: { file: "f", line: 1, column: 1, ...more } } as const;
      return diagnostics(new Failure("config.invalid", "y", { problems: [problem] }), () => text)[1]?.snippet?.code;
    };
    expect(told('token = "hunter2"')).toBeUndefined();
    expect(told("settings = { api-key = 'hunter2' }")).toBeUndefined();
    expect(told('note = "hunter2"', { hide: [{ file: "f", line: 1, column: 8 }] })).toBeUndefined();
    expect(told('token = "env:TOKEN"')).toBe('token = "env:TOKEN"');
  });

  test("a bug, and a failure with a request and causes, are valid too", () => {
    const request = { method: "PUT", url: "https://u:p@h.example/v2/x?sig=1#f", status: 503, id: "req-1" };
    const thrown = [
      new Error(HOSTILE, { cause: new TypeError("deeper") }),
      "only text",
      new Failure("backend.busy", "busy", { address: "lab/a", request, cause: new Error("socket closed") }),
    ];
    const lines = thrown.flatMap((one) => diagnostics(one)).map((one) => diagnosticLine(one, 0));
    parsed(lines.join(""));
    expect(lines.join("")).not.toContain("sig=1");
    expect(lines.join("")).not.toContain("u:p@");
  });
});
