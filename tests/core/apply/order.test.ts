import { expect, test } from "bun:test";
import { apply } from "../../../src/core/apply/apply.ts";
import { Failure, interrupted } from "../../../src/core/failure.ts";
import { imageId } from "../../../src/core/model/name.ts";
import { everything } from "../../../src/core/plan/context.ts";
import { makePlan } from "../../../src/core/plan/planner.ts";
import { ended } from "../../../src/core/stream.ts";
import { AT, Checkout, Killed, World } from "./world.ts";

// The order of calls and durable writes for each kind of step, and what a failure or a kill at each of them leaves.

const a = { a: { bytes: "one" } };
const b = { a: { bytes: "two" } };

function made(nature: ConstructorParameters<typeof World>[0] = {}) {
  const world = new World(nature);
  return { world, here: new Checkout(world, "images", "L1") };
}

test("create: intent, call, id, result", async () => {
  const { world, here } = made();
  expect(await here.apply(a)).toBe("succeeded");
  expect(world.log).toEqual([
    "put creating",
    "create i-1",
    "put creating i-1",
    "upload i-1",
    "finish i-1",
    "put ready i-1",
  ]);
});

test("update: one call, then the row", async () => {
  const { world, here } = made();
  await here.apply(a);
  world.log.length = 0;
  expect(await here.apply({ a: { bytes: "one", label: "x" } })).toBe("succeeded");
  expect(world.log).toEqual(["update i-1", "put ready i-1"]);
});

test("replace: the new image stands before the old one goes, and the row names both meanwhile", async () => {
  const { world, here } = made();
  await here.apply(a);
  world.log.length = 0;
  expect(await here.apply(b)).toBe("succeeded");
  expect(world.log).toEqual([
    "put replacing i-1",
    "create i-2",
    "put replacing i-1 -> i-2",
    "upload i-2",
    "finish i-2",
    "put replacing i-1 -> i-2",
    "delete i-1",
    "put ready i-2",
  ]);
});

test("replace where a name is there once: the delete is the last thing before the call that needs the name", async () => {
  const { world, here } = made({ unique: true });
  await here.apply(a);
  world.log.length = 0;
  expect(await here.apply(b)).toBe("succeeded");
  expect(world.log).toEqual([
    "put replacing i-1",
    "delete i-1",
    "create i-2",
    "put replacing i-1 -> i-2",
    "upload i-2",
    "finish i-2",
    "put ready i-2",
  ]);
});

test("delete: intent, call, gone", async () => {
  const { world, here } = made();
  await here.apply(a);
  world.log.length = 0;
  expect(await here.apply({})).toBe("succeeded");
  expect(world.log).toEqual(["put deleting i-1", "delete i-1", "put gone"]);
});

test("four versions: each that goes is in the plan, and counted", async () => {
  const { world, here } = made();
  for (const bytes of ["1", "2", "3", "4"]) await here.apply({ a: { bytes, retain: 5 } });
  expect(world.images.size).toBe(4);
  const plan = await here.plan({});
  expect(plan.steps[0]?.deletes?.map(({ id }) => String(id)).sort()).toEqual(["i-1", "i-2", "i-3", "i-4"]);
  await here.apply({});
  expect(world.images.size).toBe(0);
});

test("a lost state takes the current image and its kept versions back, whatever the order of the listing", async () => {
  const { world, here } = made();
  for (const bytes of ["1", "2", "3"]) await here.apply({ a: { bytes, retain: 5 } });
  here.forget();
  const order = [...world.images.entries()].reverse();
  world.images.clear();
  for (const [id, kept] of order) world.images.set(id, kept);
  expect(await here.apply({ a: { bytes: "3", retain: 5 } })).toBe("succeeded");
  const row = here.rows.get(AT("a"));
  expect([row?.id, row?.retained?.map(({ id }) => String(id)).sort()]).toEqual([imageId("i-3"), ["i-1", "i-2"]]);
});

test("an image in use is not deleted: not replaced, not removed, not by retention", async () => {
  const { world, here } = made();
  await here.apply(a);
  world.uses = () => "3 servers";
  expect(await here.apply(b)).toBe("failed");
  expect(await here.apply({})).toBe("failed");
  expect([...world.images.keys()]).toEqual([imageId("i-1")]);
  await here.apply({ a: { bytes: "2", retain: 1 } });
  await here.apply({ a: { bytes: "3", retain: 1 } });
  expect(world.images.size).toBe(3);
});

test("if it cannot be asked whether an image is in use, that delete alone is blocked", async () => {
  const { world, here } = made();
  await here.apply({ ...a, c: { bytes: "three" } });
  world.uses = () => {
    throw new Failure("backend.server", "500");
  };
  const plan = await here.plan({ a: { bytes: "two" }, c: { bytes: "three", label: "x" } });
  expect(plan.outages).toEqual([]);
  expect(plan.steps.map(({ action }) => action)).toEqual(["block", "update"]);
});

test("a replace whose origin tells nothing goes on after a kill, and is not taken for done", async () => {
  const { world, here } = made();
  await here.apply({ a: { bytes: "", disk: "A" } });
  world.interrupt = (call) => {
    if (call.startsWith("upload")) throw new Killed();
  };
  await here.apply({ a: { bytes: "", disk: "B" } }).catch(() => undefined);
  world.revive();
  const plan = await here.plan({ a: { bytes: "", disk: "B" } });
  expect(plan.steps.map(({ action }) => action)).toEqual(["replace"]);
  expect(await here.apply({ a: { bytes: "", disk: "B" } })).toBe("succeeded");
  expect([...world.images.keys()].map(String)).toEqual(["i-3"]);
});

test("an interrupted replace whose declaration is put back keeps the old image", async () => {
  const { world, here } = made();
  await here.apply({ a: { bytes: "", disk: "A" } });
  world.interrupt = (call) => {
    if (call.startsWith("create")) throw new Killed();
  };
  await here.apply({ a: { bytes: "", disk: "B" } }).catch(() => undefined);
  world.revive();
  expect(await here.apply({ a: { bytes: "", disk: "A" } })).toBe("succeeded");
  expect([...world.images.keys()].map(String)).toEqual(["i-1"]);
});

test("--replace goes on after a kill", async () => {
  const { world, here } = made();
  await here.apply(a);
  world.interrupt = (call) => {
    if (call.startsWith("create")) throw new Killed();
  };
  await here.apply(a, { replace: ["m/a"] }).catch(() => undefined);
  world.revive();
  expect(await here.apply(a)).toBe("succeeded");
  expect([...world.images.keys()]).not.toContain(imageId("i-1"));
  expect((await here.plan(a)).steps.map(({ action }) => action)).toEqual(["keep"]);
});

test("a finished image stays when a later step of its creation fails, and the next run completes it", async () => {
  const { world, here } = made();
  world.interrupt = (call) => {
    if (call.startsWith("finish")) throw new Failure("backend.server", "tags are refused");
  };
  expect(await here.apply(a)).toBe("failed");
  expect([...world.images.keys()]).toEqual([imageId("i-1")]);
  world.revive();
  expect(await here.apply(a)).toBe("succeeded");
  expect([...world.images.keys()]).toEqual([imageId("i-1")]);
});

for (const unique of [false, true]) {
  for (const kind of ["fails", "is killed"] as const) {
    test(`wherever a replace ${kind}${unique ? ", names being unique" : ""}, the next run converges, and nobody else's image is touched`, async () => {
      for (let stop = 0; stop < 9; stop++) {
        const { world, here } = made({ unique });
        const foreign = world.plant({ name: "theirs", bytes: "x" });
        await here.apply(a);
        let calls = 0;
        world.interrupt = () => {
          if (calls++ === stop) throw kind === "fails" ? new Failure("backend.server", "500") : new Killed();
        };
        await here.apply(b).catch(() => undefined);
        world.revive();
        expect([stop, await here.apply(b)]).toEqual([stop, "succeeded"]);
        expect([stop, (await here.plan(b)).steps.map(({ action }) => action)]).toEqual([stop, ["keep"]]);
        const rest = [...world.images.values()].filter(({ id }) => id !== foreign);
        expect([stop, rest.map(({ bytes }) => bytes)]).toEqual([stop, ["two"]]);
        expect(world.images.has(foreign)).toBe(true);
      }
    });
  }
}

test("what a step deletes beyond its plan is refused", async () => {
  const { world, here } = made();
  await here.apply(a);
  world.log.length = 0;
  const other = new Checkout(world, "images", "L2");
  expect(await other.apply({})).toBe("succeeded");
  expect(await other.apply(b)).toBe("failed");
  expect(world.log.filter((call) => call.startsWith("delete"))).toEqual([]);
});

test("an interruption counts what was in flight, what failed, and what was not begun", async () => {
  const { world, here } = made();
  const stop = new AbortController();
  const declared = { a: { bytes: "one" }, b: { bytes: "two" }, c: { bytes: "three" } };
  const means = { ...here.means(declared), signal: stop.signal };
  const plan = await ended(makePlan(means, everything));
  world.interrupt = (call) => {
    if (call !== "upload i-1") return;
    stop.abort(interrupted());
    throw interrupted();
  };
  const { outcome, counts } = await ended(apply(plan, means));
  expect([outcome, counts.stopped, counts.failed, counts.skipped, counts.added]).toEqual(["interrupted", 1, 0, 2, 0]);
  expect(world.images.size).toBe(0);
});
