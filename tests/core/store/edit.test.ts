import { describe, expect, test } from "bun:test";
import type { Address } from "../../../src/core/model/name.ts";
import type { State } from "../../../src/core/model/state.ts";
import { changesBetween } from "../../../src/core/store/changes.ts";
import { applyMoved, stateList, stateMove, stateRemove } from "../../../src/core/store/edit.ts";
import { at, failureOf, row } from "./help.ts";

const state = (...names: Address[]): State => ({
  version: 1,
  lineage: "l",
  serial: 4,
  images: Object.fromEntries(names.map((name) => [name, row(name.split("/")[0] ?? "", name)])),
});
const [la, lb, lc, pa, pb] = [at("lab", "a"), at("lab", "b"), at("lab", "c"), at("prod", "a"), at("prod", "b")];
const all = state(pb, la, lb, pa);
const failing = (work: () => unknown) => failureOf((async () => work())());

test("list: sorted, by globs, a bare name is a backend", () => {
  expect(stateList(all)).toEqual([la, lb, pa, pb]);
  expect(stateList(all, ["*/a"])).toEqual([la, pa]);
  expect(stateList(all, ["lab", "prod/b"])).toEqual([la, lb, pb]);
  expect(stateList(all, ["l*"])).toEqual([la, lb]);
  expect(stateList(all, ["none/*"])).toEqual([]);
});

test("remove takes rows out and says which; a glob that fits nothing is told with the nearest address", async () => {
  const { state: after, removed } = stateRemove(all, ["lab", "prod/a"]);
  expect([Object.keys(after.images), removed]).toEqual([[pb], [la, lb, pa]]);
  expect(await failing(() => stateRemove(all, ["lab", "prod/c"]))).toMatchObject({
    code: "state.address",
    hint: "did you mean prod/a?",
  });
  expect(stateRemove(all, []).removed).toEqual([]);
});

describe("move", () => {
  test("an address, and its backend with it", () => {
    const { state: after, renamed } = stateMove(all, "lab/b", "ru/x");
    expect(Object.keys(after.images).sort()).toEqual(["lab/a", "prod/a", "prod/b", "ru/x"]);
    expect(after.images[at("ru", "x")]).toEqual({ ...row("ru", "lab/b") });
    expect([...renamed]).toEqual([[at("ru", "x"), lb]]);
  });
  test("a whole backend", () => {
    const { state: after, renamed } = stateMove(all, "lab", "ru");
    expect(Object.keys(after.images).sort()).toEqual(["prod/a", "prod/b", "ru/a", "ru/b"]);
    expect(renamed.size).toBe(2);
  });
  test.each([
    ["lab/x", "lab/y", "the state has no lab/x"],
    ["lab/a", "lab/b", "the state already has lab/b"],
    ["lab/a", "lab/a", "the state already has lab/a"],
    ["lab", "prod", "the state already has prod/a"],
    ["ru", "prod", "the state has no ru"],
    ["lab", "prod/a", 'invalid address "lab"'],
    ["lab/a", "prod", 'invalid address "prod"'],
    ["lab/a", "prod/a/b", 'invalid address "prod/a/b"'],
    ["lab", "-x", 'invalid address "-x"'],
  ])("%s to %s: %s", async (from, to, message) => {
    expect(await failing(() => stateMove(all, from, to))).toMatchObject({
      code: message.startsWith("invalid") ? "cli.usage" : "state.address",
      message,
    });
  });
});

describe("[[moved]]", () => {
  const place = { file: "images.toml", line: 1, column: 1 };
  const moved = (...pairs: [Address, Address][]) => pairs.map(([from, to]) => ({ from, to, at: place }));
  const run = (has: Address[], ...pairs: [Address, Address][]) => {
    const { state: after, renamed, problems } = applyMoved(state(...has), moved(...pairs));
    return {
      has: Object.keys(after.images).sort(),
      renamed: Object.fromEntries<string>(renamed),
      told: problems.map((one) => one.message),
    };
  };
  const cases: readonly [string, Address[], [Address, Address][], Address[], Record<string, string>, string[]][] = [
    ["renames", [la], [[la, pa]], [pa], { [pa]: la }, []],
    [
      "follows a chain",
      [la],
      [
        [lb, lc],
        [la, lb],
      ],
      [lc],
      { [lc]: la },
      [],
    ],
    [
      "goes on from the middle of a chain",
      [lb],
      [
        [la, lb],
        [lb, lc],
      ],
      [lc],
      { [lc]: lb },
      [],
    ],
    ["has nothing to do for what does not exist", [pb], [[la, lb]], [pb], {}, []],
    ["has nothing to do a second time", [lb], [[la, lb]], [lb], {}, []],
    [
      "takes the same entry twice as one",
      [la],
      [
        [la, lb],
        [la, lb],
      ],
      [lb],
      { [lb]: la },
      [],
    ],
    [
      "lets a place be taken that is left at once",
      [la, lb],
      [
        [lb, lc],
        [la, pa],
      ],
      [lc, pa],
      { [lc]: lb, [pa]: la },
      [],
    ],
    ["does not overwrite", [la, lb], [[la, lb]], [la, lb], {}, ["lab/a cannot become lab/b: the state already has it"]],
    [
      "does not merge",
      [la, lb],
      [
        [la, lc],
        [lb, lc],
      ],
      [la, lb],
      {},
      ["lab/a and lab/b would both become lab/c"],
    ],
    [
      "does not merge along a chain",
      [la, lb],
      [
        [la, lb],
        [lb, lc],
      ],
      [la, lb],
      {},
      ["lab/a and lab/b would both become lab/c"],
    ],
    [
      "does not go round",
      [la],
      [
        [la, lb],
        [lb, la],
      ],
      [la],
      {},
      ["moving lab/a leads back to itself"],
    ],
    ["does not go to itself", [la], [[la, la]], [la], {}, ["moving lab/a leads back to itself"]],
    [
      "does not split",
      [la],
      [
        [la, lb],
        [la, lc],
      ],
      [lb],
      { [lb]: la },
      ["lab/a is moved to lab/b and to lab/c"],
    ],
  ];
  test.each(cases)("%s", (_, before, pairs, has, renamed, told) => {
    expect(run(before, ...pairs)).toEqual({ has, renamed, told });
  });
  test("the row knows its new backend, and problems their place", () => {
    expect(applyMoved(state(la), moved([la, pa])).state.images[pa]).toEqual(row("prod", "lab/a"));
    expect(applyMoved(state(la, lb), moved([la, lb])).problems[0]?.at).toEqual(place);
  });
});

test("what leads from one state to another, for one durable write", () => {
  const after = stateMove(all, "lab/a", "lab/c").state;
  expect(new Map(changesBetween(all.images, after.images))).toEqual(
    new Map([
      [la, undefined],
      [lc, row("lab", "lab/a")],
    ]),
  );
  expect(changesBetween(all.images, all.images).size).toBe(0);
});
