import { expect, test } from "bun:test";
import { StepProgress } from "../../../src/core/apply/progress.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { address, backendName, imageName } from "../../../src/core/model/name.ts";
import { Channel } from "../../../src/core/stream.ts";

async function told(say: (tell: StepProgress["report"], end: () => void) => void): Promise<readonly string[]> {
  const channel = new Channel<Event>();
  const progress = new StepProgress(address(backendName("x"), imageName("a")), channel, () => new Date(0));
  say(progress.report, () => progress.end());
  channel.close();
  const events = await Array.fromAsync(channel);
  return events.flatMap((event) => {
    if (event.type === "transfer.started") return [`${event.phase} started, attempt ${event.attempt}`];
    return event.type === "transfer.done" ? [`${event.phase} done ${event.done}`] : [];
  });
}

test("phases follow each other, and a count that goes back is another attempt", async () => {
  const said = await told((tell, end) => {
    tell("download", 5);
    tell("upload", 0, 10);
    tell("upload", 7, 10);
    tell("upload", 0, 10);
    tell("upload", 10, 10);
    tell("wait", 0);
    end();
  });
  expect(said).toEqual([
    "download started, attempt 1",
    "download done 5",
    "upload started, attempt 1",
    "upload started, attempt 2",
    "upload done 10",
    "wait started, attempt 1",
    "wait done 0",
  ]);
});

test("what goes on under an upload does not take turns with it", async () => {
  const said = await told((tell, end) => {
    tell("convert", 1);
    for (let i = 0; i <= 3; i++) {
      tell("upload", i, 3);
      tell("download", i);
      tell("convert", i);
    }
    end();
  });
  expect(said).toEqual(["convert started, attempt 1", "convert done 1", "upload started, attempt 1", "upload done 3"]);
});

test("what went on under an upload is told at its end, with when and how far", async () => {
  const channel = new Channel<Event>();
  let now = 0;
  const progress = new StepProgress(address(backendName("x"), imageName("a")), channel, () => new Date(now));
  const steps: readonly (readonly [at: number, ...said: Parameters<StepProgress["report"]>])[] = [
    [0, "download", 5],
    [100, "upload", 0, 100],
    [200, "download", 50],
    [300, "convert", 10],
    [400, "upload", 60, 100],
    [600, "download", 90],
    [700, "convert", 100],
  ];
  for (const [at, ...said] of steps) {
    now = at;
    progress.report(...said);
  }
  now = 1000;
  progress.end();
  channel.close();
  const done = (await Array.fromAsync(channel)).filter(({ type }) => type === "transfer.done");
  expect(done).toMatchObject([
    { phase: "download", done: 5, ms: 100 },
    {
      phase: "upload",
      done: 60,
      ms: 900,
      under: [
        { phase: "download", done: 90, after: 100, ms: 400 },
        { phase: "convert", done: 100, after: 200, ms: 400 },
      ],
    },
  ]);
  expect(Object.keys(done[0] ?? {})).not.toContain("under");
});
