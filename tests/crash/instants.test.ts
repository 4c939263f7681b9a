import { expect, test } from "bun:test";
import { Ground } from "./store.ts";

/** Half of all, the other half is in the file beside; fewer while developing. */
const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 200) / 2;

test(`killed at random instants, ${KILLS} times, apply goes on from there`, async () => {
  await using ground = await Ground.make();
  let kills = 0;
  let longest = 400;
  await ground.turn();
  for (let i = 0; kills < KILLS && i < KILLS * 8; i++) {
    const ended = await ground.killed({ after: Math.random() * longest });
    // The instants follow the speed of the machine: about half of them are to hit.
    longest *= ended ? 0.9 : 1.05;
    if (!ended) kills++;
    await ground.recovers();
    await ground.turn();
  }
  expect(kills).toBeGreaterThanOrEqual(KILLS);
}, 1_800_000);
