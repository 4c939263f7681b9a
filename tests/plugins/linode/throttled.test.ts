import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { EXIT } from "../../../src/cli/base.ts";
import { interrupted } from "../../../src/core/failure.ts";
import { run } from "../../harness.ts";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

async function fifty(count = 50) {
  const play = await Scene.open();
  await play.directory.write("disk.img.gz", gzipSync("a disk"));
  await play.declare(Array.from({ length: count }, (_, i) => upload().replace("small", `small${i}`)).join("\n"));
  return play;
}

test("fifty images at once against a server that is too busy again and again: all are made, once", async () => {
  await using play = await fifty();
  for (const shape of ["json", "html"] as const) {
    play.control.next({ kind: "too-many-requests", shape, retryAfter: 1 }, { method: "POST", times: 20 });
    play.control.next({ kind: "too-many-requests", shape, retryAfter: 1 }, { method: "GET", times: 1 });
  }
  play.control.next({ kind: "busy" }, { method: "POST", times: 10 });
  await play.apply("--parallelism", "50");
  expect(play.control.images().map(({ status }) => status)).toEqual(Array(50).fill("available"));
  expect(new Set(play.control.images().map(({ label }) => label)).size).toBe(50);
  await play.settled();
});

test("Ctrl-C ends a wait of an hour that the server asks for; nothing is left", async () => {
  await using play = await fifty(3);
  play.control.next(
    { kind: "too-many-requests", shape: "json", retryAfter: 3600 },
    { method: "POST", path: /images.upload$/, times: 99 },
  );
  const stop = new AbortController();
  const running = run(play.directory, ["apply", "--yes"], { env: play.env, signal: stop.signal });
  await play.emulator.log.until({ method: "POST" }, 3);
  stop.abort(interrupted());
  expect((await running).code).toBe(EXIT.interrupted);
  expect(play.asked().filter((one) => one.startsWith("POST"))).toEqual(Array(3).fill("POST /images/upload 429"));
  expect(play.control.images()).toEqual([]);
});
