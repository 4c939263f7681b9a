import { describe, expect, test } from "bun:test";
import { pluginMarkdown, renderPlugin } from "../../../src/cli/render/plugin.ts";
import { renderRecorded, renderRun, renderRuns, renderState } from "../../../src/cli/render/state.ts";
import { none } from "../../../src/cli/render/style.ts";
import { cells } from "../../../src/cli/render/text.ts";
import { digest } from "../../../src/core/model/digest.ts";
import { backendOf, imageId } from "../../../src/core/model/name.ts";
import type { Recorded, State } from "../../../src/core/model/state.ts";
import {
  boolean,
  computed,
  integer,
  listOf,
  optional,
  required,
  string,
  table,
  withDefault,
} from "../../../src/core/model/types.ts";
import { golden } from "../../golden.ts";
import { at, HOSTILE } from "./plans.ts";
import { dangerous, RUN } from "./runs.ts";

const common = {
  backend: backendOf(at("lab/a")),
  plugin: "incus",
  want: { aliases: ["a"] },
  protect: true,
  onRemove: "delete",
} as const;
const READY: Recorded = {
  ...common,
  status: "ready",
  id: imageId("ab12cd34"),
  have: { aliases: ["debian/12"], properties: { os: "debian", release: "bookworm" }, public: false },
  digests: { sha256: digest("sha256", "8c1f4e00aa11".padEnd(64, "9")) },
  content: {
    where: "https://cloud.example.org/debian-12.qcow2",
    size: 412 * 1024 ** 2,
    digest: digest("sha256", "8c1f".padEnd(64, "0")),
    validators: { etag: '"abc"' },
  },
  retained: [{ id: imageId("old-1"), content: { where: "x" }, replaced: "2026-01-01T00:00:00Z", status: "kept" }],
};
const STATE: State = {
  version: 1,
  lineage: "l",
  serial: 3,
  images: {
    [at("lab/debian")]: READY,
    [at("lab/alpine")]: { ...common, status: "creating" },
    [at("ru/debian")]: { ...READY, status: "replacing", next: imageId("new-1") },
    [at("ru/evil")]: { ...common, plugin: HOSTILE, status: "deleting", id: imageId(HOSTILE) },
  },
};

describe("the state", () => {
  for (const columns of [40, 80, 200])
    test(`as a table of ${columns} columns`, async () => {
      const text = renderState(STATE, { style: none, columns });
      await golden(`state-${columns}.txt`, text);
      expect(text.split("\n").filter((line) => cells(line) > columns)).toEqual([]);
      expect(dangerous(text)).toEqual([]);
    });
  test("of nothing", () =>
    expect(renderState({ ...STATE, images: {} }, { style: none })).toBe("The state has no images.\n"));
  test("one address", async () => {
    const one = (address: string, row: Recorded) => renderRecorded(at(address), row, { style: none, columns: 80 });
    const rows = [one("lab/debian", READY), one("lab/alpine", { ...common, status: "creating" })];
    await golden("state-show.txt", rows.join("\n"));
    const evil = STATE.images[at("ru/evil")];
    expect(evil === undefined ? ["?"] : dangerous(one("ru/evil", evil))).toEqual([]);
  });
});

describe("the log", () => {
  test("all runs", async () => {
    const run = {
      id: "20260102T030405-1a2b3c",
      operation: "apply",
      user: "ops",
      host: "ci-1",
      started: "2026-01-02T03:04:05.123Z",
    };
    const runs = [
      { ...run, status: "succeeded" },
      { ...run, id: "2", user: HOSTILE, status: "killed" },
    ] as const;
    const text = renderRuns(runs, { style: none, columns: 80 });
    await golden("log-runs.txt", text);
    expect(dangerous(text)).toEqual([]);
    expect(renderRuns([], { style: none })).toBe("The run history is empty.\n");
  });

  test("one run, with the time since its beginning", async () => {
    let now = Date.UTC(2026, 0, 2, 3, 4, 5);
    const entries = RUN.flatMap((item, seq) => {
      if (typeof item !== "number") return [{ seq, at: new Date(now).toISOString(), event: item }];
      now += item;
      return [];
    });
    await golden("log-run.txt", renderRun(entries, { style: none, columns: 80 }));
    expect(renderRun([], { style: none })).toBe("\n");
  });
});

const SAMPLE = {
  name: "sample",
  doc: "A sample of a plugin.",
  config: {
    url: required(string(), "Where it is. A second sentence says more."),
    token: optional(string(), "Who one is.", { sensitive: true, also: ["password"] }),
  },
  image: {
    label: required(string(), "A name | with a bar and <b>HTML</b>.", { example: "debian" }),
    size: withDefault(integer({ min: 1 }), 5, "Gibibytes.", { onChange: "replace" }),
    arch: optional(string(), "For which processor.", { onChange: "refuse" }),
    disk: optional(integer(), "The disk that it is made from.", { compare: "recorded" }),
    wait: optional(boolean(), "Wait for it.", { compare: "never" }),
    mappings: optional(listOf(table({ device: required(string(), "The device.") })), "Disks."),
    created: computed(string(), "When it was made."),
  },
  origins: [{ name: "from a disk", needs: ["disk"], may: ["wait"] }],
  onRemove: ["delete", "forget", "hide"],
  originless: true,
} as const;

describe("a plugin", () => {
  for (const columns of [40, 80])
    test(`for a terminal of ${columns} columns`, async () => {
      const text = renderPlugin(SAMPLE, { style: none, columns });
      await golden(`plugin-${columns}.txt`, text);
      expect(text.split("\n").filter((line) => cells(line) > columns)).toEqual([]);
    });
  test("as a page", async () => await golden("plugin.md", pluginMarkdown(SAMPLE)));
});
