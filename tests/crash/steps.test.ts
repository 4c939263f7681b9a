import { expect, test } from "bun:test";

import { StoreGround } from "./store.ts";

/** Half of all, the other half is in the file beside. For a long run: IMAGES_TEST_KILLS=200. */
const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 60) / 2;
const hasStrace = Bun.which("strace") !== null;

/** Every call that makes something durable or visible: between any two of them a run can die. */
const CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat";

test.skipIf(!hasStrace)(
  `killed at every durable step, ${KILLS} times, apply goes on from there (strace counts the steps)`,
  async () => {
    await using ground = await StoreGround.make();
    let step = 1;
    let kills = 0;
    await ground.turn();
    while (kills < KILLS) {
      const inject = ["-e", `trace=${CALLS}`, "-e", `inject=${CALLS}:signal=SIGKILL:when=${step}`];
      const ended = await ground.killed({
        before: ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", ...inject],
      });
      if (!ended) kills++;
      await ground.recovers();
      // A run that came to its end had fewer steps than that: on to the next declaration, from its first step.
      step = ended ? 1 : step + 1;
      await ground.turn();
    }
    expect(kills).toBeGreaterThanOrEqual(KILLS);
  },
  1_800_000,
);
