import { expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { imageId } from "../../../src/core/model/name.ts";
import { AT, Checkout, Killed, World } from "./world.ts";

// What people added to a managed image (here: a label) when a new image takes its place.

const one = { a: { bytes: "one" } };
const two = { a: { bytes: "two" } };

async function labelled(nature: ConstructorParameters<typeof World>[0] = {}) {
  const world = new World({ tells: true, ...nature });
  const here = new Checkout(world, "images", "L1");
  await here.apply(one);
  label(world, "i-1", "by hand");
  world.log.length = 0;
  return { world, here };
}

function label(world: World, text: string, value: string): void {
  const kept = world.images.get(imageId(text));
  if (kept !== undefined) world.images.set(kept.id, { ...kept, label: value });
}

const labels = ({ images }: World) => [...images.values()].map((kept) => kept.label);

for (const unique of [false, true]) {
  const order = unique ? "delete-first" : "create-first";

  test(`${order}: what was added by hand is in the plan, and the new image has it`, async () => {
    const { world, here } = await labelled({ unique });
    const plan = await here.plan(two);
    expect(plan.steps[0]?.carries).toEqual([
      { kind: "add", name: "label", after: { kind: "value", value: "by hand" }, forces: "update" },
    ]);
    expect(await here.apply(two)).toBe("succeeded");
    expect([...world.images.values()].map(({ bytes, label }) => [bytes, label])).toEqual([["two", "by hand"]]);
    expect((await here.plan(two)).steps.map(({ action }) => action)).toEqual(["keep"]);
    expect(here.rows.get(AT("a"))).not.toHaveProperty("carried");
  });

  test(`${order}: killed before any call, the next run still gives it to the new image`, async () => {
    const { world: dry, here: there } = await labelled({ unique });
    await there.apply(two);
    for (let at = 0; at < dry.log.length; at++) {
      const { world, here } = await labelled({ unique });
      let left = at;
      world.interrupt = () => {
        if (left-- === 0) throw new Killed("kill -9");
      };
      await here.apply(two).catch((thrown: unknown) => {
        if (!(thrown instanceof Killed)) throw thrown;
      });
      world.revive();
      expect([at, await here.apply(two)]).toEqual([at, "succeeded"]);
      expect([at, ...labels(world)]).toEqual([at, "by hand"]);
    }
  });
}

test("what the file declares, declared, or ignores is no addition of others", async () => {
  const { world, here } = await labelled();
  await here.apply({ a: { bytes: "one", label: "declared" } });
  expect((await here.plan({ a: { bytes: "two", label: "declared" } })).steps[0]).not.toHaveProperty("carries");
  expect((await here.plan(two)).steps[0]).not.toHaveProperty("carries");
  await here.apply(two);
  expect(labels(world)).toEqual([undefined]);
});

test("what was added between plan and apply is carried over as well", async () => {
  const { world, here } = await labelled();
  world.interrupt = (call) => {
    if (call === "put replacing i-1") throw new Failure("backend.server", "500");
  };
  expect(await here.apply(two)).toBe("failed");
  world.revive();
  label(world, "i-1", "later");
  expect(await here.apply(two)).toBe("succeeded");
  expect(labels(world)).toEqual(["later"]);
});

test("what a new image will not have stands in the plan, a line each", async () => {
  const { world, here } = await labelled();
  world.lost = () => ["share group 42", "share group 43"];
  expect((await here.plan(two)).steps[0]?.loses).toEqual(["share group 42", "share group 43"]);
});

test("what others added cannot be read: the plan says that it is lost; where only apply cannot read it, nothing is done", async () => {
  const { world, here } = await labelled();
  const plan = await here.plan(two);
  world.lost = () => {
    throw new Failure("backend.server", "500");
  };
  expect((await here.plan(two)).steps[0]?.loses?.[0]).toContain("could not be read: 500");
  expect(await here.carryOut(plan, two)).toBe("failed");
  expect([...world.images.keys()].map(String)).toEqual(["i-1"]);
  expect(world.log).toEqual([]);
  expect(await here.apply(two)).toBe("succeeded");
  expect(labels(world)).toEqual([undefined]);
});
