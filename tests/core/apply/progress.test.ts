import { expect, test } from "bun:test";
import { StepProgress } from "../../../src/core/apply/progress.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { address, backendName, imageName } from "../../../src/core/model/name.ts";
import { Channel } from "../../../src/core/stream.ts";

async function told(say: (tell: StepProgress["tell"], end: () => void) => void): Promise<readonly string[]> {
  const channel = new Channel<Event>();
  const progress = new StepProgress(address(backendName("x"), imageName("a")), channel, () => new Date(0));
  say(progress.tell, () => progress.end());
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
