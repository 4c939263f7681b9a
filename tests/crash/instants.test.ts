import { test } from "bun:test";
import { StoreGround } from "./store.ts";

/** Half of all, the other half is in the file beside. For a long run: IMAGES_TEST_KILLS=200. */
const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 40) / 2;

test(`killed at random instants, ${KILLS} times, apply goes on from there`, async () => {
  await using ground = await StoreGround.make();
  await ground.killedAtRandom(KILLS, 400);
}, 1_800_000);
