import { expect, test } from "bun:test";
import { AT, Checkout, World } from "./world.ts";

// An image whose bytes did not come through here: what its origin promised is compared with what the backend has.

const run = async (world: World, disk: string, here = new Checkout(world, "one", "first")) => ({
  here,
  outcome: await here.apply({ a: { bytes: "", disk, isOfDisk: true } }),
});

test("what the backend took is what its origin promised", async () => {
  const world = new World({ digests: true, takes: (disk) => disk });
  const { here, outcome } = await run(world, "d1");
  expect(outcome).toBe("succeeded");
  expect(here.rows.get(AT("a"))?.status).toBe("ready");
  expect(world.images.size).toBe(1);
});

test("other bytes than the promised ones: an error, and the image is deleted", async () => {
  const world = new World({ digests: true, takes: (disk) => `not ${disk}` });
  const { here, outcome } = await run(world, "d1");
  expect(outcome).toBe("failed");
  expect([...world.images]).toEqual([]);
  expect(here.rows.get(AT("a"))).toBeUndefined();
});

test("a replace by other bytes than the promised ones leaves the old image", async () => {
  const world = new World({ digests: true, takes: (disk) => (disk === "d1" ? disk : "wrong") });
  const { here } = await run(world, "d1");
  const before = [...world.images];
  expect((await run(world, "d2", here)).outcome).toBe("failed");
  expect([...world.images]).toEqual(before);
  expect(here.rows.get(AT("a"))?.status).toBe("ready");
});
