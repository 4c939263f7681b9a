import { expect, test } from "bun:test";

import { StoreGround } from "./store.ts";

/** Half of all, the other half is in the file beside. For a long run: IMAGES_TEST_KILLS=200. */
const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 40) / 2;
const hasStrace = Bun.which("strace") !== null;

/**
 * Every call that makes something durable or visible: between any two of them a run can die. Each thread counts its own. The write of a small
 * file of a store is its sync; of the others, most only wake a thread.
 */
const CALLS = [
  { names: "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat", stride: 1 },
  { names: "write,pwrite64", stride: 3 },
] as const;

test.skipIf(!hasStrace)(
  `killed at every durable step, ${KILLS} times, apply goes on from there (strace counts the steps)`,
  async () => {
    await using ground = await StoreGround.make();
    let step = 1;
    let turn = 0;
    let kills = 0;
    const steps = new Set<number>();
    await ground.turn();
    while (kills < KILLS) {
      const { names, stride } = CALLS[turn % CALLS.length] ?? CALLS[0];
      const inject = ["-e", `trace=${names}`, "-e", `inject=${names}:signal=SIGKILL:when=${step}`];
      // No --seccomp-bpf: with it strace counts no further than the first call.
      const ended = await ground.killed({ before: ["strace", "-f", "-qq", "-o", "/dev/null", ...inject] });
      await ground.recovers();
      if (ended) turn++;
      else {
        steps.add(step);
        kills++;
      }
      // A run that came to its end had fewer steps than that: on to the other calls, and the next declaration, from its first step.
      step = ended ? 1 : step + stride;
      await ground.turn();
    }
    expect(kills).toBeGreaterThanOrEqual(KILLS);
    expect(steps.size).toBeGreaterThan(5);
  },
  1_800_000,
);
