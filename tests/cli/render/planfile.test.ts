import { describe, expect, test } from "bun:test";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import fc from "fast-check";
import { digestOf, fromPlanFile, toPlanFile, toStateFile } from "../../../src/cli/render/planfile.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { Config } from "../../../src/core/model/declaration.ts";
import { backendOf, imageId, imageOf } from "../../../src/core/model/name.ts";
import type { Plan, Step } from "../../../src/core/model/plan.ts";
import type { State } from "../../../src/core/model/state.ts";
import { isTable } from "../../../src/core/model/value.ts";
import { golden } from "../../golden.ts";
import { planFile as schema } from "./planfile-schema.ts";
import { add, at, EVIL, edit, FULL, planOf, STEPS } from "./plans.ts";

const place = { file: "/x/images.toml", line: 1, column: 1 };
const SECRET = "hunter2-the-secret";

const lifecycle = { protect: false, onRemove: "delete", ignoreChanges: [], existing: false } as const;
const CONFIG: Config = {
  file: "/x/images.toml",
  directory: "/x",
  settings: { name: "images", state: "/x/images.state.json", parallelism: 8 },
  policy: { require: [] },
  backends: (["lab", "ru"] as const).map((name) => ({
    name: backendOf(at(`${name}/x`)),
    plugin: name === "lab" ? "incus" : "/x/plugins/vkcs.ts",
    settings: { token: "env:TOKEN" },
    limits: {},
    mark: true,
    at: place,
  })),
  resources: [at("ru/debian"), at("lab/debian")].map((address) => ({
    address,
    backend: backendOf(address),
    image: imageOf(address),
    want: { min_disk_gb: 4, password: "env:PASSWORD" },
    written: ["min_disk_gb", "password"],
    lifecycle,
    state: "present",
    adopt: false,
    digests: false,
    at: place,
    places: {},
  })),
  moved: [],
  removed: [],
  imports: [],
  digest: "f".repeat(64),
};
const STATE: State = {
  version: 1,
  lineage: "11111111-2222-4333-8444-555555555555",
  serial: 7,
  images: {
    [at("ru/debian")]: {
      backend: backendOf(at("ru/debian")),
      plugin: "vkcs",
      status: "ready",
      want: { min_disk_gb: 2 },
      have: { min_disk_gb: 2, visibility: "private", password: SECRET },
      id: imageId("5b3e0c1a-2222-4222-8222-0123456789ab"),
      protect: false,
      onRemove: "delete",
    },
    [at("lab/same")]: {
      backend: backendOf(at("lab/same")),
      plugin: "incus",
      status: "ready",
      want: {},
      have: { public: false },
      id: imageId("88bb"),
      protect: false,
      onRemove: "delete",
    },
  },
};
const LEAKY: Plan = {
  ...FULL,
  observed: {
    ...FULL.observed,
    [at("ru/debian")]: {
      have: { min_disk_gb: 2, visibility: "public", password: SECRET },
      want: { min_disk_gb: 4, password: SECRET },
    },
  },
};
const shelf = { version: "0.1.0", config: CONFIG, state: STATE };
const written = (plan: Plan): string => JSON.stringify(toPlanFile(plan, shelf), undefined, 2);

describe("a plan as a file", () => {
  test("has terraform's shape", async () => {
    const text = written(FULL);
    await golden("planfile.json", `${text}\n`);
    const ajv = new Ajv({ strict: false });
    formats["default"](ajv);
    const isPlanFile = ajv.compile(schema);
    for (const plan of [FULL, EVIL, planOf([]), planOf(STEPS)]) {
      expect(isPlanFile(JSON.parse(written(plan))) ? "" : ajv.errorsText(isPlanFile.errors)).toBe("");
      expect(
        isPlanFile(JSON.parse(JSON.stringify(toPlanFile(plan, { version: "1" }))))
          ? ""
          : ajv.errorsText(isPlanFile.errors),
      ).toBe("");
    }
  });

  test("comes back as it was", () => {
    for (const plan of [FULL, EVIL, planOf([]), planOf(STEPS, { mode: "refresh-only" })])
      expect(fromPlanFile(JSON.stringify(toPlanFile(plan, { version: "1" })))).toEqual(
        JSON.parse(JSON.stringify(plan)),
      );
  });

  test("holds no sensitive value, nor a backend's settings", () => {
    const text = written(LEAKY);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("env:");
    expect(JSON.stringify(toStateFile({ ...STATE, images: {} }, "1"))).not.toContain(SECRET);
  });

  test("what holds the plan up is said at the top", () => {
    const facts = (plan: Plan) => JSON.parse(written(plan));
    expect(facts(FULL)).toMatchObject({ applyable: false, complete: false, errored: true });
    expect(facts(planOf([]))).toMatchObject({ applyable: false, complete: true, errored: false });
    const [block] = STEPS.filter(({ action }) => action === "block");
    expect(facts(planOf(block === undefined ? [] : [block]))).toMatchObject({ applyable: false, errored: true });
  });

  test("GitLab's own jq expression counts it right", async () => {
    const expression =
      '([.resource_changes[]?.change.actions?]|flatten)|{"create":(map(select(.=="create"))|length),"update":(map(select(.=="update"))|length),"delete":(map(select(.=="delete"))|length)}';
    const counted = async (text: string): Promise<unknown> => {
      if (Bun.which("jq") === null) {
        const all = JSON.parse(text).resource_changes.flatMap(
          (one: { change: { actions: string[] } }) => one.change.actions,
        );
        const count = (action: string) => all.filter((one: string) => one === action).length;
        return { create: count("create"), update: count("update"), delete: count("delete") };
      }
      const jq = Bun.spawn(["jq", "-c", expression], { stdin: new Blob([text]), stdout: "pipe" });
      return JSON.parse(await new Response(jq.stdout).text());
    };
    expect(await counted(written(FULL))).toEqual({ create: 6, update: 2, delete: 7 });
    expect(await counted(written(planOf([])))).toEqual({ create: 0, update: 0, delete: 0 });
  });

  test("two thousand images come back as well", () => {
    const steps = Array.from(
      { length: 2000 },
      (_, i): Step => ({
        action: "create",
        address: at(`lab/i${i}`),
        changes: [add("a", "b")],
        because: "declared",
        making: { transfer: { how: "none" } },
      }),
    );
    expect(fromPlanFile(written(planOf(steps))).steps).toHaveLength(2000);
  });
});

const GOOD = JSON.parse(JSON.stringify(toPlanFile(FULL, { version: "1" })));

/** The file with its plan changed, and the digest made to fit again. */
function forged(change: (plan: Record<string, unknown>) => unknown): string {
  const plan = change(GOOD.images.plan);
  const file = { ...GOOD, images: { ...GOOD.images, plan } };
  return JSON.stringify({ ...file, images: { ...file.images, digest: digestOf(file) } });
}

const refusal = (text: string): { message: string; hint: string | undefined } => {
  try {
    fromPlanFile(text);
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === "plan.file") return { message: thrown.message, hint: thrown.hint };
    throw thrown;
  }
  throw new Error("was taken");
};

/** Every way in which one place of a document can be another: a value changed, a key or item gone, a key more. */
function* edits(value: unknown, path: readonly (string | number)[] = []): Generator<readonly [string, unknown]> {
  const at = path.join(".");
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      yield [`${at}.${i} gone`, value.toSpliced(i, 1)];
      for (const [what, other] of edits(item, [...path, i])) yield [what, value.with(i, other)];
    }
    return yield [`${at} longer`, [...value, "more"]];
  }
  if (!isTable(value)) return yield [`${at} changed`, typeof value === "boolean" ? !value : `${String(value)}x`];
  for (const [key, item] of Object.entries(value)) {
    const { [key]: _, ...rest } = value;
    yield [`${at}.${key} gone`, rest];
    for (const [what, other] of edits(item, [...path, key])) yield [what, { ...value, [key]: other }];
  }
  yield [`${at} with a key more`, { ...value, more: 1 }];
}

const SOME: ReadonlySet<string> = new Set(["verify", "delete", "block"]);

test("the seal covers everything: no place of a plan file can be changed, taken out or added to", () => {
  const sealed = JSON.parse(
    JSON.stringify(toPlanFile(planOf(STEPS.filter(({ action }) => SOME.has(action))), { version: "1" })),
  );
  let count = 0;
  for (const [what, file] of edits(sealed)) {
    count++;
    const taken = () => fromPlanFile(JSON.stringify(file));
    expect(taken, what).toThrow(Failure);
  }
  expect(count).toBeGreaterThan(300);
  // Laid out otherwise, it is the same plan.
  expect(fromPlanFile(JSON.stringify(sealed, undefined, 4))).toEqual(sealed.images.plan);
}, 300_000);

describe("a file that is no plan is refused with a reason and a way out", () => {
  const good = JSON.stringify(toPlanFile(FULL, { version: "1" }));
  const cases: readonly (readonly [string, string, string])[] = [
    ["not JSON", "{", "not a plan: it is not JSON"],
    ["empty", "", "not a plan: it is not JSON"],
    ["a list", "[]", "not a plan: expected a table"],
    ["null", "null", "not a plan: expected a table"],
    ["terraform's", '{"format_version":"1.2"}', "this plan was made by another tool: it has no `images` object"],
    [
      "a newer one",
      good.replace('"plan_version":1', '"plan_version":2'),
      "this plan was written by a newer version of images (plan_version 2)",
    ],
    [
      "an edited one",
      good.replace('"serial":7', '"serial":8'),
      "the plan file was edited: its digest does not match its contents",
    ],
    [
      "one with a key twice, of which this program reads the second",
      good.replace('"resource_changes":', '"resource_changes":[],"resource_changes":'),
      "the plan file was edited: resource_changes is in it more than once",
    ],
    [
      "one with a key twice further down",
      good.replace('"serial":7', '"serial":8,"serial":7'),
      "the plan file was edited: images.plan.basis.serial is in it more than once",
    ],
    [
      "nested too deeply",
      `{"images":{"plan_version":1,"plan":${"[".repeat(5000)}${"]".repeat(5000)}}}`,
      "not a plan: it is nested too deeply",
    ],
  ];
  for (const [name, text, message] of cases)
    test(name, () => {
      expect(refusal(text).message).toBe(message);
      expect(refusal(text).hint).toBeString();
    });

  test("a forged one is told where it is wrong", () => {
    const wrong = (change: (plan: Record<string, unknown>) => unknown) => refusal(forged(change)).message;
    const first = (more: object) => (plan: Record<string, unknown>) => {
      const steps: unknown = plan["steps"];
      return { ...plan, steps: Array.isArray(steps) ? [{ ...steps[0], ...more }, ...steps.slice(1)] : [] };
    };
    expect(wrong(first({ address: "../../etc" }))).toBe(
      "not a plan: images.plan.steps[0].address: expected BACKEND/IMAGE",
    );
    expect(wrong(first({ action: "explode" }))).toStartWith("not a plan: images.plan.steps[0].action: expected ");
    expect(wrong(first({ extra: 1 }))).toBe("not a plan: images.plan.steps[0].extra: unknown key");
    expect(wrong(first({ address: "ru/debian" }))).toBe("not a plan: images.plan.steps: ru/debian has two of them");
    expect(wrong(({ cost, ...rest }) => rest)).toBe("not a plan: images.plan: cost is missing");
    expect(wrong((plan) => ({ ...plan, observed: { "lab/x": { have: JSON.parse('{"__proto__":1}') } } }))).toBe(
      "not a plan: images.plan.observed.lab/x.have.__proto__: not a name",
    );
    expect(wrong(() => [])).toBe("not a plan: images.plan: expected a table");
  });
});

/** How many files and plans are tried: three times as many where FUZZ_RUNS is set, as in CI. */
const RUNS = process.env["FUZZ_RUNS"] === undefined ? 500 : 1500;

describe("fuzzed", () => {
  const good = JSON.stringify(toPlanFile(FULL, { version: "1" }));
  /** Every place in a JSON document, as a path. */
  const places = (value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] => {
    if (Array.isArray(value)) return [path, ...value.flatMap((one, i) => places(one, [...path, i]))];
    if (isTable(value)) return [path, ...Object.entries(value).flatMap(([key, one]) => places(one, [...path, key]))];
    return [path];
  };
  const put = (value: unknown, [head, ...rest]: readonly (string | number)[], into: unknown): unknown => {
    if (head === undefined) return into;
    if (Array.isArray(value)) return value.map((one, i) => (i === head ? put(one, rest, into) : one));
    return isTable(value) ? { ...value, [head]: put(value[head], rest, into) } : value;
  };
  const where = fc.constantFrom(...places(JSON.parse(JSON.stringify(FULL))).filter((path) => path.length > 0));

  test(`${RUNS} texts with bytes changed, lost or doubled: a plan or a plan.file failure`, () => {
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(40), fc.string({ maxLength: 12 }), (start, length, text) => {
        const mutant = good.slice(0, start) + text + good.slice(start + length);
        try {
          expect(JSON.parse(JSON.stringify(fromPlanFile(mutant)))).toEqual(JSON.parse(JSON.stringify(FULL)));
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown;
          expect([thrown.code, typeof thrown.hint]).toEqual(["plan.file", "string"]);
        }
      }),
      { numRuns: RUNS },
    );
  }, 300_000);

  test(`${RUNS} plans with one value replaced, and a digest that fits: still a plan, or a plan.file failure`, () => {
    fc.assert(
      fc.property(where, fc.jsonValue({ maxDepth: 2 }), (path, value) => {
        const text = forged((plan) => put(plan, path, value));
        try {
          const plan = fromPlanFile(text);
          for (const step of plan.steps) expect(step.address.split("/")).toHaveLength(2);
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown;
          expect([thrown.code, typeof thrown.hint]).toEqual(["plan.file", "string"]);
        }
      }),
      { numRuns: RUNS },
    );
  }, 300_000);
});

test("a replacement by request, an edit, an import: reasons and paths as terraform has them", () => {
  const step: Step = {
    action: "replace",
    address: at("lab/a"),
    id: imageId("1"),
    changes: [edit("region", "a", "b", "replace")],
    because: ["requested"],
    order: "delete-first",
    making: { transfer: { how: "none" } },
  };
  const { resource_changes: changes } = JSON.parse(written(planOf([step])));
  expect(changes[0]).toMatchObject({
    address: 'image.a["lab"]',
    index: "lab",
    provider_name: "images/incus",
    action_reason: "replace_by_request",
    change: { actions: ["delete", "create"], replace_paths: [["region"]] },
  });
});
