import { expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import { streamed } from "../../src/core/stream.ts";

async function all<T, R>(stream: AsyncGenerator<T, R>) {
  const items: T[] = [];
  for (;;) {
    const step = await stream.next();
    if (step.done === true) return { items, value: step.value };
    items.push(step.value);
  }
}

test("what work sends comes in order, now or later, and then what it returns", async () => {
  const stream = streamed<number, string>(async (channel) => {
    for (let i = 0; i < 3; i++) channel.send(i);
    await setImmediate();
    channel.send(3);
    await setImmediate();
    return "end";
  });
  expect(await all(stream)).toEqual({ items: [0, 1, 2, 3], value: "end" });
});

test("work begins with the first read, and what it throws comes after all that it has sent", async () => {
  let begun = false;
  const stream = streamed<number, string>(async (channel) => {
    begun = true;
    channel.send(1);
    throw new Error("broken");
  });
  await setImmediate();
  expect(begun).toBe(false);
  expect(await stream.next()).toEqual({ value: 1, done: false });
  await setImmediate();
  expect(stream.next()).rejects.toThrow("broken");
  const atOnce = streamed<number, string>(() => {
    throw new Error("at once");
  });
  expect(atOnce.next()).rejects.toThrow("at once");
});

test("a reader that leaves early waits for the end of the work, and is not told how it ends", async () => {
  for (const fails of [false, true]) {
    let isOver = false;
    const stream = streamed<number, void>(async (channel) => {
      channel.send(1);
      channel.send(2);
      await setImmediate();
      isOver = true;
      if (fails) throw new Error("broken");
    });
    for await (const one of stream) {
      expect(one).toBe(1);
      break;
    }
    expect(isOver).toBe(true);
  }
  let begun = false;
  const unread = streamed<number, number>(async () => {
    begun = true;
    return 1;
  });
  expect(await unread.return(2)).toEqual({ value: 2, done: true });
  expect(begun).toBe(false);
});
