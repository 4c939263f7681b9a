import { expect, setDefaultTimeout, test } from "bun:test";
import { EXIT } from "../../../src/cli/base.ts";
import { interrupted } from "../../../src/core/failure.ts";
import { run } from "../../harness.ts";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

// At 250 ms no request had waited for the 5 s, from which on there is a word, in one of many runs.
test("fifty images at once against a server that takes 5 requests of a kind in 400 ms: all are made, and what is waited for is shown", async () => {
  await using play = await Scene.open();
  const image = (i: number) => ofVm(play, `tags = { n = "${i}" }`, `small${i}`);
  await play.declare(Array.from({ length: 50 }, (_, i) => image(i)).join("\n"));
  play.control.limit({ requests: 5, ms: 400, tellsWhen: false });
  const { stderr } = await play.apply("--parallelism", "50");
  expect(play.own().map(({ State }) => State)).toEqual(Array(50).fill("available"));
  expect(play.asked().some((one) => one.endsWith(" 429"))).toBe(true);
  expect(stderr).toMatch(/waiting \d+ s: .*RequestLimitExceeded/);
  play.control.limit();
  await play.settled();
});

test("the rate that Outscale allows is kept without a setting; what waits for its turn says so, and Ctrl-C ends it", async () => {
  await using play = await Scene.open();
  const images = Array.from({ length: 50 }, (_, i) => ofVm(play, "", `small${i}`)).join("\n");
  await play.declare(images, "# no rate_limit");
  const stop = new AbortController();
  const running = run(play.directory, ["apply", "--yes", "--parallelism", "50"], {
    env: play.env,
    signal: stop.signal,
  });
  await play.emulator.log.until({ operation: "CreateImage" }, 3);
  stop.abort(interrupted());
  const { code, stderr } = await running;
  expect(code).toBe(EXIT.interrupted);
  expect(stderr).toContain("limited to 5 requests per second on this backend (rate_limit)");
  expect(play.emulator.log.count({ operation: "CreateImage" })).toBeLessThan(25);
  await play.declare(images);
  await play.ok("destroy", "--yes");
  expect([play.own(), await play.left()]).toEqual([[], []]);
});
