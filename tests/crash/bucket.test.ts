import { expect, test } from "bun:test";
import { programAt, versitygw } from "../core/store/servers.ts";
import { BucketGround } from "./bucket.ts";

/** The whole suite: IMAGES_TEST_BUCKET_KILLS=200. */
const KILLS = Number(process.env["IMAGES_TEST_BUCKET_KILLS"] ?? 12);
const why = programAt("versitygw") === undefined ? " (skipped: versitygw is not installed)" : "";

test.skipIf(why !== "")(
  `killed at random instants, ${KILLS} times, a store in a bucket goes on from there${why}`,
  async () => {
    await using server = await versitygw();
    await using ground = await BucketGround.make(server);
    let kills = 0;
    let longest = 1500;
    await ground.turn();
    for (let i = 0; kills < KILLS && i < KILLS * 8; i++) {
      const ended = await ground.killed(Math.random() * longest);
      // The instants follow the speed of the machine: about half of them are to hit.
      longest *= ended ? 0.9 : 1.05;
      if (!ended) kills++;
      await ground.recovers();
      await ground.turn();
    }
    expect(kills).toBeGreaterThanOrEqual(KILLS);
  },
  1_800_000,
);
