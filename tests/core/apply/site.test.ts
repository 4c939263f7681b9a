import { expect, test } from "bun:test";
import { apply } from "../../../src/core/apply/apply.ts";
import { runStep } from "../../../src/core/apply/step.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { imageId } from "../../../src/core/model/name.ts";
import { Channel } from "../../../src/core/stream.ts";
import { AT, Checkout, World } from "./world.ts";

// What apply deletes stands in the plan, or was made by the run: anything else is refused, whatever the state says.

test("a step without its deletions deletes nothing", async () => {
  const world = new World();
  const here = new Checkout(world, "images", "L1");
  await here.apply({ a: { bytes: "one" } });
  const means = here.means({});
  const step = { action: "delete", address: AT("a"), id: imageId("i-1"), because: "undeclared" } as const;
  await runStep(step, means, new Channel<Event>());
  expect([...world.images.keys()]).toEqual([imageId("i-1")]);
});

test("an id that is neither in the plan nor made by the run is not deleted", async () => {
  const world = new World();
  const here = new Checkout(world, "images", "L1");
  await here.apply({ a: { bytes: "one" } });
  const foreign = world.plant({ name: "theirs", bytes: "x" });
  const step = {
    action: "update",
    address: AT("a"),
    id: imageId("i-1"),
    changes: [],
    leftovers: [foreign],
  } as const;
  await expect(runStep(step, here.means({ a: { bytes: "one" } }), new Channel<Event>())).rejects.toThrow("not deleted");
  expect(world.images.has(foreign)).toBe(true);
});

test.each(["nonce", "job"] as const)(
  "an id said last (%s), and the answer is lost: what was made goes in the same run",
  async (late) => {
    const world = new World({ late });
    const here = new Checkout(world, "images", "L1");
    const theirs = world.plant({ name: "theirs", bytes: "x" });
    world.interrupt = (call) => {
      if (call.startsWith("answer")) throw new Failure("backend.unreachable", "the connection was closed");
    };
    expect(await here.apply({ a: { bytes: "one" } })).toBe("failed");
    expect([[...world.images.keys()], here.rows.size]).toEqual([[theirs], 0]);
    world.revive();
    expect(await here.apply({ a: { bytes: "one" } })).toBe("succeeded");
    expect(world.images.size).toBe(2);
  },
);

test("what an apply asks a plugin for grows with the images, not with pairs of them", async () => {
  const asked = async (count: number): Promise<number> => {
    const here = new Checkout(new World({ unique: true }), "images", "L1");
    const declared = Object.fromEntries(Array.from({ length: count }, (_, i) => [`i${i}`, { bytes: `${i}` }]));
    const plan = await here.plan(declared);
    const means = here.means(declared);
    let calls = 0;
    const plugins = new Map(
      [...means.plugins].map(([name, plugin]) => [
        name,
        {
          ...plugin,
          names: (...given: Parameters<NonNullable<typeof plugin.names>>) => {
            calls++;
            return plugin.names?.(...given) ?? [];
          },
        },
      ]),
    );
    for await (const _ of apply(plan, { ...means, plugins })) void _;
    expect(here.rows.size).toBe(count);
    return calls;
  };
  expect(await asked(60)).toBeLessThanOrEqual(2 * (await asked(30)) + 10);
});
