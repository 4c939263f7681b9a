import { expect, test } from "bun:test";
import type { ApplyContext } from "../../../src/core/apply/context.ts";
import { everything } from "../../../src/core/plan/context.ts";
import { makePlan } from "../../../src/core/plan/planner.ts";
import type { Plugin } from "../../../src/core/plugin.ts";
import { Channel, ended } from "../../../src/core/stream.ts";
import { Checkout, World } from "../apply/world.ts";

// What a plan without changes does not do, by count: the time follows.

const SAID = [{ code: "config.value", message: "not this" }] as const;

/** Plans what is there already; how often the beginning of a source was read for it. */
async function reads(bytes: string, check?: Plugin["check"]): Promise<readonly [count: number, action: string]> {
  const checkout = new Checkout(new World(), "file", "lineage");
  const before = { a: { bytes: "one" } };
  await checkout.apply(before);
  let count = 0;
  const context: ApplyContext = {
    ...checkout.means({ a: { bytes } }),
    measure: async () => {
      count++;
      return {};
    },
  };
  const plugins = new Map(
    [...context.plugins].map(([name, plugin]) => [name, check === undefined ? plugin : { ...plugin, check }]),
  );
  const plan = await ended(makePlan({ ...context, plugins }, everything));
  return [count, plan.steps[0]?.action ?? "none"];
}

test("the beginning of a file is not read where its image stays as it is", async () => {
  expect(await reads("one")).toEqual([0, "keep"]);
  expect(await reads("two")).toEqual([1, "replace"]);
});

test("a rule of the plugin that asks what the file is gets to know it, in whatever way it asks", async () => {
  expect(await reads("one", (_, { size }) => (size === 0 ? SAID : []))).toEqual([0, "keep"]);
  expect((await reads("one", (_, { format }) => (format === "raw" ? SAID : [])))[0]).toBe(1);
  expect((await reads("one", (_, facts) => ("virtualSize" in facts ? SAID : [])))[0]).toBe(1);
  expect((await reads("one", (_, { ...facts }) => (facts.untouched ? SAID : [])))[0]).toBe(1);
  expect((await reads("one", (_, facts) => (Object.hasOwn(facts, "format") ? SAID : [])))[0]).toBe(1);
});

test("a channel gives everything in order, also what is sent while it is read", async () => {
  const channel = new Channel<number>();
  for (let i = 0; i < 1000; i++) channel.send(i);
  const got: number[] = [];
  for await (const one of channel) {
    got.push(one);
    if (one === 500) channel.send(1000);
    if (one === 1000) channel.close();
  }
  expect(got).toEqual(Array.from({ length: 1001 }, (_, i) => i));
});
