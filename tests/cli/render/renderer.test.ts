import { describe, expect, test } from "bun:test";
import { type EventReader, tee } from "../../../src/cli/render/renderer.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { at } from "./plans.ts";

const note = (text: string): Event => ({ type: "step.note", address: at("lab/a"), text });
const progress = (done: number, address = "lab/a", phase: "upload" | "download" = "upload"): Event => ({
  type: "transfer.progress",
  address: at(address),
  phase,
  done,
});

async function* streamed(events: readonly Event[], answer = "answer"): AsyncGenerator<Event, string> {
  for (const event of events) yield event;
  return answer;
}

const keeping = (into: Event[]): EventReader => {
  return async (events) => {
    for await (const event of events) into.push(event);
  };
};

describe("several readers of one stream", () => {
  test("each gets all of it, and the answer is the stream's own", async () => {
    const [a, b]: [Event[], Event[]] = [[], []];
    const events = [note("1"), note("2"), note("3")];
    expect(await tee(streamed(events), keeping(a), keeping(b))).toBe("answer");
    expect([a, b]).toEqual([events, events]);
  });

  test("a slow one holds up nobody, and only the newest progress waits for it", async () => {
    const gate = Promise.withResolvers<void>();
    const [quick, slow]: [Event[], Event[]] = [[], []];
    const laggard: EventReader = async (events) => {
      for await (const event of events) {
        slow.push(event);
        await gate.promise;
      }
    };
    const source = async function* (): AsyncGenerator<Event, void> {
      yield note("first");
      for (let i = 0; i < 5000; i++) {
        yield progress(i);
        yield progress(i, "lab/b");
      }
      yield progress(1, "lab/a", "download");
      yield note("between");
      for (let i = 0; i < 5000; i++) yield progress(i, "lab/a", "download");
      yield note("last");
    };
    const opened: EventReader = async (events) => {
      for await (const event of events) {
        quick.push(event);
        if (event.type === "step.note" && event.text === "last") gate.resolve();
      }
    };
    await tee(source(), laggard, opened);
    expect(quick.at(-1)).toEqual(note("last"));
    expect(slow.length).toBeLessThan(10);
    expect(slow.filter(({ type }) => type === "step.note")).toHaveLength(3);
    expect(slow).toContainEqual(progress(4999));
    expect(slow.at(-2)).toEqual(progress(4999, "lab/a", "download"));
  });

  test("one that leaves early is no error, and the rest goes on", async () => {
    const rest: Event[] = [];
    const early: EventReader = async (events) => {
      for await (const _ of events) break;
    };
    await tee(streamed([note("1"), note("2")]), early, keeping(rest));
    expect(rest).toHaveLength(2);
  });

  test("when one fails the others see the end, the stream is read to its end, and then the error comes", async () => {
    const rest: Event[] = [];
    let ended = false;
    const source = async function* (): AsyncGenerator<Event, void> {
      yield note("1");
      yield note("2");
      ended = true;
    };
    const failing: EventReader = async (events) => {
      for await (const _ of events) throw new Error("no space left");
    };
    await expect(tee(source(), failing, keeping(rest))).rejects.toThrow("no space left");
    expect([rest.length, ended]).toEqual([2, true]);
  });

  test("an error of the stream comes after the readers have ended", async () => {
    const seen: Event[] = [];
    const source = async function* (): AsyncGenerator<Event, void> {
      yield note("1");
      throw new Error("broken");
    };
    await expect(tee(source(), keeping(seen))).rejects.toThrow("broken");
    expect(seen).toHaveLength(1);
  });

  test("nobody reads: the stream still is", async () => expect(await tee(streamed([note("1")]))).toBe("answer"));
});
