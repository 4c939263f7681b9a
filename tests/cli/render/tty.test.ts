import { describe, expect, test } from "bun:test";
import { ansi, none } from "../../../src/cli/render/style.ts";
import { tty } from "../../../src/cli/render/tty.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { golden } from "../../golden.ts";
import { Kept, played, TestClock } from "./kit.ts";
import { at, FULL } from "./plans.ts";
import { ATTACK, dangerous, PLANNING, RUN } from "./runs.ts";
import { Terminal } from "./terminal.ts";

/** Plays a run on a terminal, with what it shows before every pause and at the end. */
async function shown(script: typeof RUN, columns: number, style = none) {
  const clock = new TestClock();
  const [screen, data] = [new Terminal(columns), new Kept(columns)];
  const pictures: string[] = [];
  const watched = async function* () {
    for (const item of script) {
      if (typeof item === "number") {
        clock.advance(item);
        pictures.push(screen.text);
      } else yield item;
    }
  };
  await tty({ clock, style, plan: FULL })(watched(), { data, diagnostics: screen });
  expect(clock.running).toBe(0);
  return { pictures, screen, data: data.text };
}

describe("a run on a terminal", () => {
  for (const columns of [40, 80, 120, 200])
    test(`of ${columns} columns: steps at the foot, what has happened above`, async () => {
      const { pictures, screen, data } = await shown(RUN, columns);
      await golden(`tty-${columns}.txt`, [...pictures, screen.text].join(`${"-".repeat(columns)}\n`));
      expect(screen.hasCut).toBe(false);
      expect(data).toStartWith("\nApply incomplete: 2 failed");
    });

  test("gives the terminal back, with every line and no bar", async () => {
    const { screen } = await shown(RUN, 80, ansi);
    expect([screen.isCursorVisible, screen.isWrapping]).toEqual([true, true]);
    expect(screen.text).toContain("lab/debian: Creation complete after 42s");
    expect(screen.text).not.toContain("ETA");
  });

  test("also when the stream breaks", async () => {
    const clock = new TestClock();
    const screen = new Terminal(80);
    const broken = async function* (): AsyncGenerator<Event> {
      yield* played(RUN.slice(0, 8), clock);
      expect(screen.isCursorVisible).toBe(false);
      throw new Error("broken");
    };
    const run = tty({ clock })(broken(), { data: new Kept(80), diagnostics: screen });
    await expect(run).rejects.toThrow("broken");
    expect([screen.isCursorVisible, screen.isWrapping, clock.running]).toEqual([true, true, 0]);
  });
});

test("rate and time to go are those of the phase: a slow upload after a fast download", async () => {
  const MIB = 1024 ** 2;
  const address = at("lab/debian");
  const script: (typeof RUN)[number][] = [{ type: "step.started", address, action: "create" }];
  const goes = (phase: "download" | "upload", perSecond: number, seconds: number) => {
    const total = 600 * MIB;
    script.push({ type: "transfer.started", address, phase, total, attempt: 1 });
    for (let i = 1; i <= seconds; i++)
      script.push(1000, { type: "transfer.progress", address, phase, done: i * perSecond, total });
  };
  goes("download", 60 * MIB, 10);
  goes("upload", 400 * 1024, 4);
  script.push(250);
  const { pictures } = await shown(script, 120);
  expect(pictures.at(-6)).toContain("60.0 MiB/s");
  for (const picture of pictures.slice(-3)) {
    expect(picture).toMatch(/upload .*\s40\d\.\d KiB\/s|upload .*\s400\.0 KiB\/s/);
    expect(picture).toMatch(/ETA 25m/);
  }
});

test("a wait says what for, and the status that the backend reports", async () => {
  const { pictures } = await shown(RUN, 120);
  expect(pictures.some((one) => /ru\/broken +wait +for the image to become active \(queued\) /.test(one))).toBe(true);
  expect(pictures.some((one) => /lab\/debian +wait .*for replicas \(us-east: pending\) +25 %/.test(one))).toBe(true);
});

test("planning shows how far it has read", async () => {
  const { pictures, screen } = await shown(PLANNING, 80);
  expect(pictures[0]).toBe("Refreshing state... 0 of 2 read\n");
  expect(screen.text).toBe("lin: error: the token is not accepted [backend.auth]\nlin: hint: set LINODE_TOKEN\n");
});

test("text from servers cannot act on a terminal", async () => {
  const { screen } = await shown(ATTACK, 80);
  await golden("tty-hostile.txt", screen.text);
  expect(dangerous(screen.text)).toEqual([]);
});

test("a terminal that changes its width gets rows of that width", async () => {
  const clock = new TestClock();
  const screen = new Terminal(120);
  const widths: number[] = [];
  const resized = async function* () {
    for (const item of RUN) {
      if (typeof item !== "number") yield item;
      else {
        screen.columns = [40, 200, 60, 80][widths.length % 4] ?? 80;
        clock.advance(Math.max(item, 100));
        widths.push(
          Math.max(
            ...screen.text
              .split("\n")
              .slice(-3)
              .map((line) => line.length),
          ) - screen.columns,
        );
      }
    }
  };
  await tty({ clock, style: none })(resized(), { data: new Kept(), diagnostics: screen });
  expect(widths.filter((over) => over > 0)).toEqual([]);
});

test("more steps than rows: some are only counted", async () => {
  const steps = Array.from(
    { length: 40 },
    (_, i): Event => ({ type: "step.started", address: at(`lab/i${i}`), action: "create" }),
  );
  const { pictures } = await shown([...steps, 500], 80);
  const rows = pictures[0]?.trimEnd().split("\n") ?? [];
  expect(rows).toHaveLength(13);
  expect(rows.at(-1)).toBe("0 of 14 done  28 more running  0 B/1.1 GiB  [1s elapsed]");
});

test("events cost no drawing: frames are those of the clock", async () => {
  const clock = new TestClock();
  const talk = new Kept(80);
  let writes = 0;
  const counting = { ...talk, columns: 80, isTTY: true, write: () => void writes++ };
  const many: (Event | number)[] = [{ type: "step.started", address: at("lab/a"), action: "create" }];
  for (let i = 0; i < 10_000; i++)
    many.push({ type: "transfer.progress", address: at("lab/a"), phase: "upload", done: i, total: 10_000 });
  await tty({ clock })(played([...many, 1000], clock), { data: talk, diagnostics: counting });
  expect(writes).toBeLessThanOrEqual(12);
});
