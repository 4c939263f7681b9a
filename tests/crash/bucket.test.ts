import { test } from "bun:test";
import { programAt, versitygw } from "../core/store/servers.ts";
import { BucketGround } from "./bucket.ts";

/** For a long run: IMAGES_TEST_BUCKET_KILLS=200. */
const KILLS = Number(process.env["IMAGES_TEST_BUCKET_KILLS"] ?? 5);
const why = programAt("versitygw") === undefined ? " (skipped: versitygw is not installed)" : "";

test.skipIf(why !== "")(
  `killed at random instants, ${KILLS} times, a store in a bucket goes on from there${why}`,
  async () => {
    await using server = await versitygw();
    await using ground = await BucketGround.make(server);
    await ground.killedAtRandom(KILLS, 1500);
  },
  1_800_000,
);
