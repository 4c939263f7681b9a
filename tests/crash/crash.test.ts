import { expect, test } from "bun:test";
import { Ground } from "./store.ts";

/** In all, half of them at syscalls and half at random instants; fewer while developing. */
const KILLS = Number(process.env["IMAGES_TEST_KILLS"] ?? 200);
const hasStrace = Bun.which("strace") !== null;

/** Every call that makes something durable or visible: between any two of them a run can die. */
const CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat";

test.skipIf(!hasStrace)(
  `killed at every durable step, ${KILLS / 2} times, apply goes on from there (strace counts the steps)`,
  async () => {
    await using ground = await Ground.make();
    let step = 1;
    let kills = 0;
    await ground.turn();
    while (kills < KILLS / 2) {
      const inject = ["-e", `trace=${CALLS}`, "-e", `inject=${CALLS}:signal=SIGKILL:when=${step}`];
      const ended = await ground.killed({ before: ["strace", "-f", "-qq", "-o", "/dev/null", ...inject] });
      if (!ended) kills++;
      await ground.recovers();
      // A run that came to its end had fewer steps than that: on to the next declaration, from its first step.
      step = ended ? 1 : step + 1;
      await ground.turn();
    }
    expect(kills).toBeGreaterThanOrEqual(KILLS / 2);
  },
  600_000,
);

test(`killed at random instants, ${KILLS / 2} times, apply goes on from there`, async () => {
  await using ground = await Ground.make();
  let kills = 0;
  let longest = 400;
  await ground.turn();
  for (let i = 0; kills < KILLS / 2 && i < KILLS * 4; i++) {
    const ended = await ground.killed({ after: Math.random() * longest });
    // The instants follow the speed of the machine: about half of them are to hit.
    longest *= ended ? 0.9 : 1.05;
    if (!ended) kills++;
    await ground.recovers();
    await ground.turn();
  }
  expect(kills).toBeGreaterThanOrEqual(KILLS / 2);
}, 600_000);
